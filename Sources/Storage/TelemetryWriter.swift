internal import Foundation
internal import GRDB
internal import Metering

/// The end of the telemetry log: what the next reading is packed against. A value: a commit works on a
/// copy, which is kept only where the commit succeeds.
struct TelemetryWriter {
    /// Empty while the file was never open.
    let epoch: String
    private(set) var names: TelemetryNames
    private(set) var lastSequence: Int64
    /// Numbers up to here may be in use outside of the file.
    private(set) var reserved: Int64
    /// Whether it is this run that reserved them; what an earlier one did is a gap before anything is written.
    private(set) var ownsReserved: Bool
    /// The last counter value of each circuit that may be billed.
    private(set) var accepted: [CircuitID: CounterMark]
    private var packer = ReadingPacker()
    /// Nil where the next block starts a segment.
    private(set) var segment: Int64?
    private var segmentBytes = 0
    private let largestSegment: Int
    /// Nil until it had to be measured.
    var freezeSize: FreezeSize?

    /// - Parameter largestSegment: bytes after which a new segment begins. The longer, the fewer readings
    ///   are written in full; the shorter, the less is read to find one.
    init(_ database: Database, head: Row, ownsReserved: Bool, largestSegment: Int) throws {
        epoch = try head.need("epoch")
        self.ownsReserved = ownsReserved
        names = try TelemetryNames(database)
        lastSequence = try head.need("last_sequence")
        reserved = try head.need("reserved")
        accepted = try Self.unpack([UInt8](try head.need("accepted") as Data), names: names)
        self.largestSegment = largestSegment
    }

    /// Of a file that is not open.
    init() {
        (epoch, names, lastSequence, reserved, ownsReserved) = ("", TelemetryNames(), 0, 0, false)
        (accepted, largestSegment) = ([:], 0)
    }

    mutating func append(_ readings: [Reading], into database: Database) throws {
        var writer = PackedWriter()
        var count: Int64 = 0
        for reading in readings {
            packer.pack(try names.keyed(reading, in: database), into: &writer)
            count += 1
            guard writer.bytes.count >= TelemetryBlock.targetBytes else { continue }
            try endBlock(&writer, &count, in: database)
        }
        if count > 0 { try endBlock(&writer, &count, in: database) }
        if segmentBytes >= largestSegment { startSegment() }
    }

    /// Numbers that are lost: a gap stands for them.
    mutating func skip(_ count: Int64, reason: String, in database: Database) throws {
        guard count > 0 else { return }
        lastSequence += count
        try database.execute(
            sql: "INSERT INTO gap (sequence, count, reason) VALUES (?, ?, ?)", arguments: [lastSequence, count, reason])
    }

    /// What was reserved and not written by the daemon before may be with a platform; it is given to nothing else.
    mutating func closeReservation(in database: Database) throws {
        guard !ownsReserved else { return }
        ownsReserved = true
        guard reserved > lastSequence else { return }
        // One more: the gap's own number was never anything else.
        try skip(reserved + 1 - lastSequence, reason: "not written before a sudden end", in: database)
        reserved = lastSequence
        try writeHead([:], into: database)
    }

    mutating func reserve(_ count: Int64) { reserved = lastSequence + count }

    /// The next reading is written in full.
    mutating func startSegment() {
        packer = ReadingPacker()
        segment = nil
        segmentBytes = 0
    }

    private mutating func endBlock(_ writer: inout PackedWriter, _ count: inout Int64, in database: Database) throws {
        lastSequence += count
        let segment = segment ?? lastSequence
        self.segment = segment
        segmentBytes += writer.bytes.count
        try TelemetryBlock.insert(
            writer.bytes, count: count, last: lastSequence, segment: segment, into: database)
        writer = PackedWriter()
        count = 0
    }

    mutating func write(_ freezes: [Freeze], into database: Database) throws {
        try FreezeTable.insert(freezes, names: &names, size: &freezeSize, into: database)
    }

    /// Overwrites the head: the last sequence number, and the counters with those that are new.
    mutating func writeHead(_ more: [CircuitID: CounterMark], into database: Database) throws {
        accepted.merge(more) { _, new in new }
        var packed = PackedWriter()
        var before = KeyedTime()
        for (circuit, mark) in accepted.sorted(by: { $0.key < $1.key }) {
            let time = try names.keyed(mark.at, in: database)
            packed.append(try names.key(of: circuit.rawValue, in: database))
            packed.append(mark.value)
            for difference in time.differences(from: before) { packed.append(difference) }
            before = time
        }
        try database.cachedStatement(sql: "UPDATE telemetry_head SET last_sequence = ?, accepted = ?, reserved = ?")
            .execute(arguments: [lastSequence, Data(packed.bytes), reserved])
        try RowSeal.seal(.telemetryHead, where: "only_row", is: 1, in: database)
    }

    private static func unpack(_ packed: [UInt8], names: TelemetryNames) throws -> [CircuitID: CounterMark] {
        var reader = PackedReader(packed)
        var marks: [CircuitID: CounterMark] = [:]
        var before = KeyedTime()
        while !reader.isAtEnd {
            guard let circuit = reader.next().flatMap(names.name).flatMap(CircuitID.init), let value = reader.next(),
                let time = KeyedTime(differences: &reader, from: before), let at = names.timestamp(time)
            else { throw DamagedContent("the last accepted counters cannot be read") }
            before = time
            marks[circuit] = CounterMark(value: value, at: at)
        }
        return marks
    }
}
