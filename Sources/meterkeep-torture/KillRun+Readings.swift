import Metering
import Storage
import UplinkProtocol

extension KillRun {
    /// A run reserves so many numbers for readings that it has not written yet; one more stands for the gap itself.
    private static let largestGap: Int64 = 256 + 1

    private func readingsAtPlatform() throws -> [(epoch: String, record: TelemetryRecord)] {
        try bench.platform("readings", KillBench.gateway).map { entry in
            (try need(entry["epoch"]?.string), try TelemetryRecord(json: try need(entry["record"])))
        }
    }

    /// Gives the daemon the time to bring everything upstream; what is missing then is found by the comparison.
    func awaitReadings(through last: Int64) throws {
        try? bench.until("the platform has all readings") {
            try Self.missing(of: readingsAtPlatform().map(\.record), through: last).isEmpty
        }
    }

    /// Every number from 1 on is at the platform, as a reading or within a gap; none is there twice, none with other
    /// content than here, no reading under two numbers, and no gap is larger than a kill can leave.
    /// - Parameter last: the last number that was written before everything came to rest.
    mutating func compareReadings(through last: Int64) throws {
        let (epoch, kept) = try bench.withTelemetry { store in
            (store.epoch, try store.records(after: 0, limit: .max).filter { $0.sequence <= last })
        }
        let all = try readingsAtPlatform()
        for other in Set(all.map(\.epoch)) where other != epoch {
            findings.lose("readings of the epoch \(other), the file is of \(epoch)")
        }
        let taken = all.filter { $0.epoch == epoch && $0.record.sequence <= last }.map(\.record)
        for span in Self.missing(of: taken, through: last) {
            findings.lose("the platform has nothing of the readings \(span.lowerBound) to \(span.upperBound)")
        }
        for (here, there) in [("in the file", kept), ("at the platform", taken)] {
            checkOnce(there, where: here)
        }
        compare(kept, with: taken)
        if !taken.contains(where: \.isReading) { findings.lose("no reading came: nothing was tested") }
    }

    private mutating func checkOnce(_ records: [TelemetryRecord], where place: String) {
        var numbers: Set<Int64> = []
        var bodies: [TelemetryRecord.Body: Int64] = [:]
        for record in records {
            if !numbers.insert(record.sequence).inserted {
                findings.double("the number \(record.sequence) is twice \(place)")
            }
            switch record.body {
            case .reading:
                if let other = bodies.updateValue(record.sequence, forKey: record.body) {
                    findings.double("the readings \(other) and \(record.sequence) \(place) are the same")
                }
            case .gap(let count, let reason):
                if count > Self.largestGap {
                    findings.lose("\(count) readings up to \(record.sequence) \(place): \(reason)")
                }
            }
        }
    }

    /// What is in both is the same; what only the platform has went upstream before a kill took it from here.
    private mutating func compare(_ kept: [TelemetryRecord], with taken: [TelemetryRecord]) {
        let known = Dictionary(taken.map { ($0.sequence, $0) }) { first, _ in first }
        for record in kept where known[record.sequence] != record {
            findings.lose("the reading \(record.sequence) is another one at the platform, or none")
        }
        let numbers = Set(kept.map(\.sequence))
        let gaps = kept.compactMap(\.gap)
        for record in taken where !numbers.contains(record.sequence) {
            if !gaps.contains(where: { $0.contains(record.sequence) }) {
                findings.double("the platform has a reading \(record.sequence) that is not here")
            }
        }
    }

    /// Spans of numbers from 1 on that no record is about.
    private static func missing(of records: [TelemetryRecord], through last: Int64) -> [ClosedRange<Int64>] {
        var spans: [ClosedRange<Int64>] = []
        var next: Int64 = 1
        let covered = records.map { $0.gap ?? $0.sequence...$0.sequence }
        for span in covered.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if span.lowerBound > next, next <= last { spans.append(next...min(last, span.lowerBound - 1)) }
            next = max(next, span.upperBound + 1)
        }
        if next <= last { spans.append(next...last) }
        return spans
    }
}

extension TelemetryRecord {
    fileprivate var isReading: Bool { gap == nil }

    /// The numbers that a gap stands for; nil for a reading.
    fileprivate var gap: ClosedRange<Int64>? {
        guard case .gap(let count, _) = body, count > 0 else { return nil }
        return sequence - count + 1...sequence
    }
}
