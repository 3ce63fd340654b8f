import Metering
import Testing
import UplinkProtocol

@Suite("Readings as columns")
struct ReadingTableTests {
    private let gateway: GatewayID
    private let head = ChainHead(sequence: 4, hash: .genesis(gateway: "G-1", epoch: "e1"))

    init() throws { gateway = try #require(GatewayID(rawValue: "G-1")) }

    private func row(
        _ sequence: Int64, _ meter: String = "M-1", boot: String = "boot-1", trust: ClockTrust = .trusted,
        milliseconds: Int64 = 1000, wall: Int64 = 1_790_000_000_000, reads values: [Channel: Int64]
    ) throws -> TelemetryEntry {
        let at = Timestamp(
            boot: BootID(rawValue: boot), monotonic: MonotonicTime(nanoseconds: milliseconds * 1_000_000),
            wall: WallTime(millisecondsSince1970: wall), trust: trust)
        let reading = Reading(meter: try #require(MeterID(rawValue: meter)), at: at, values: values)
        return TelemetryEntry(TelemetryRecord(sequence: sequence, body: .reading(reading)))
    }

    private func batch(_ entries: [TelemetryEntry]) throws -> Batch {
        try #require(Batch(gateway: gateway, epoch: "e1", chainHead: head, entries: entries))
    }

    /// Runs of readings that are unlike one another in every way that counts.
    private func runs() throws -> [[TelemetryEntry]] {
        let (power, energy) = (Channel(.activePower), Channel(.energyImport))
        var generator = Noise(state: 42)
        return [
            [try row(1, reads: [power: 5])],
            [try row(1, reads: [:]), try row(2, reads: [power: 0]), try row(3, reads: [energy: 7, power: -7])],
            [
                try row(7, "M-1", reads: [power: 1, energy: 100]), try row(8, "M-2", reads: [power: 2, energy: 5]),
                try row(9, "M-1", milliseconds: 2000, reads: [power: 3, energy: 101]),
                try row(11, "M-1", boot: "boot-2", milliseconds: 3, reads: [power: 4, energy: 102]),
                try row(12, "M-2", trust: .untrusted, wall: 0, reads: [power: 4, energy: 6]),
            ],
            [
                .gap(sequence: 4, count: 4, reason: "evicted: over the bound"), try row(5, reads: [power: 1]),
                .gap(sequence: 9, count: 4, reason: "unreadable"), try row(10, reads: [power: 2]),
            ],
            // Differences beyond 64 bits.
            [
                try row(1, reads: [power: .max]), try row(2, reads: [power: .min]), try row(3, reads: [power: .max]),
                try row(4, reads: [power: 0]),
            ],
            [try row(1, milliseconds: 1, wall: .min, reads: [power: 1]), try row(2, wall: .max, reads: [power: 1])],
            try (1...400).map { index in
                try row(
                    index, "M-\(index % 7)", milliseconds: index * 60_000 + .random(in: 0..<99, using: &generator),
                    wall: 1_790_000_000_000 + index * 60_000,
                    reads: [power: .random(in: .min ... .max, using: &generator), energy: index * 3])
            },
        ]
    }

    @Test("what goes in comes out, to the unit, in either form")
    func roundTrip() throws {
        for entries in try runs() {
            let columns = try batch(entries)
            let read = try Batch(bytes: columns.bytes)
            #expect(read == columns && read.form == .columns)
            #expect(try read.entries() == entries)
            let records = columns.asRecords
            #expect(records.form == .records && records.first == columns.first && records.last == columns.last)
            #expect(try Batch(bytes: records.bytes).entries() == entries)
            #expect(read.records == records.records)
            // Canonical like every other body.
            #expect(try StrictJSON.parse(columns.bytes).canonicalBytes() == columns.bytes)
        }
    }

    @Test("a change to any number of a batch is either refused or another reading: nothing is read twice")
    func everyColumnCounts() throws {
        let entries = try (1...3).map { try row($0, milliseconds: $0 * 1000, reads: [Channel(.voltage): 230_000 + $0]) }
        let text = String(decoding: try batch(entries).bytes, as: UTF8.self)
        for column in ["meter", "monotonic_ms", "seq", "clock_ms"] {
            let range = try #require(text.firstRange(of: "\"\(column)\":["))
            let changed = text[..<range.upperBound] + "1," + text[range.upperBound...]
            #expect(throws: FieldProblem.self) { try Batch(bytes: Array(changed.utf8)) }
        }
        let changes = [
            ("\"seq\":[1,1,1]", "\"seq\":[1,0,2]"), ("\"seq\":[1,1,1]", "\"seq\":[1,1,2]"),
            ("\"meter\":[0,0,0]", "\"meter\":[0,0,1]"), ("\"meter\":[0,0,0]", "\"meter\":[-1,1,0]"),
            ("\"values\":[[230001,1,1]]", "\"values\":[[230001,1]]"),
            ("\"values\":[[230001,1,1]]", "\"values\":[[230001,9223372036854775807,1]]"),
            ("\"values\":[[230001,1,1]]", "\"values\":[[230001,1.0,1]]"),
            ("\"values\":[[230001,1,1]]", "\"values\":[]"), ("\"channels\":[\"voltage\"]", "\"channels\":[\"volt\"]"),
            ("\"channels\":[\"voltage\"]", "\"channels\":[\"voltage\",\"voltage\"]"),
            ("\"version\":2", "\"version\":3"), ("\"version\":2", "\"version\":1"),
            ("\"log\":\"telemetry\"", "\"log\":\"ledger\""), ("\"boot\":", "\"more\":1,\"boot\":"),
        ]
        for (from, to) in changes {
            let range = try #require(text.firstRange(of: from), "\(from)")
            let changed = text.replacingCharacters(in: range, with: to)
            #expect(throws: FieldProblem.self, "\(to)") { try Batch(bytes: Array(changed.utf8)) }
        }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}

/// SplitMix64.
private struct Noise: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
