internal import Foundation
internal import GRDB
internal import Metering
internal import UplinkProtocol

/// A run of packed readings as one row.
enum TelemetryBlock {
    /// Three such rows fill a page with little left over.
    static let targetBytes = 300
    private static let checksumBytes = 4

    static func insert(
        _ packed: [UInt8], count: Int64, last: Int64, segment: Int64, into database: Database
    ) throws {
        try database.cachedStatement(sql: "INSERT INTO block (last, count, segment, packed) VALUES (?, ?, ?, ?)")
            .execute(arguments: [last, count, segment, Data(packed + checksum(packed))])
    }

    /// The records after a sequence number, at most so many. What cannot be read is a gap.
    static func records(
        after sequence: Int64, limit: Int, names: TelemetryNames, in database: Database
    ) throws -> [TelemetryRecord] {
        let start = try Int64.fetchOne(
            database, sql: "SELECT segment FROM block WHERE last > ? ORDER BY last LIMIT 1", arguments: [sequence])
        guard let start else { return [] }
        let rows = try Row.fetchCursor(
            database, sql: "SELECT last, count, segment, packed FROM block WHERE last >= ? ORDER BY last",
            arguments: [start])
        var records: [TelemetryRecord] = []
        var segment: Int64?
        var packer: ReadingPacker? = ReadingPacker()
        while records.count < limit, let row = try rows.next() {
            let last: Int64 = try row.need("last")
            let count: Int64 = try row.need("count")
            let rowSegment: Int64 = try row.need("segment")
            if segment != rowSegment {
                // The start of a segment that is itself missing leaves the rest unreadable.
                packer = rowSegment == last ? ReadingPacker() : nil
                segment = rowSegment
            }
            let keyed = unpack(row.read("packed"), count: count, packer: &packer)
            guard last > sequence else { continue }
            records += Self.records(keyed, names: names, count: count, last: last, after: sequence)
        }
        return Array(records.prefix(limit))
    }

    private static func records(
        _ keyed: [KeyedReading]?, names: TelemetryNames, count: Int64, last: Int64, after sequence: Int64
    ) -> [TelemetryRecord] {
        guard let keyed else {
            let lost = min(count, last - sequence)
            return [TelemetryRecord(sequence: last, body: .gap(count: lost, reason: "unreadable"))]
        }
        return keyed.enumerated().compactMap { index, keyed in
            let number = last - count + 1 + Int64(index)
            guard number > sequence else { return nil }
            let body: TelemetryRecord.Body =
                names.reading(keyed).map { .reading($0) } ?? .gap(count: 1, reason: "unreadable")
            return TelemetryRecord(sequence: number, body: body)
        }
    }

    /// Nil, for this block and the rest of its segment, where the bytes are not what was written.
    private static func unpack(_ data: Data?, count: Int64, packer: inout ReadingPacker?) -> [KeyedReading]? {
        guard var current = packer, let data, data.count > checksumBytes else {
            packer = nil
            return nil
        }
        let packed = [UInt8](data.dropLast(checksumBytes))
        var reader = PackedReader(packed)
        var readings: [KeyedReading] = []
        packer = nil
        guard [UInt8](data.suffix(checksumBytes)) == checksum(packed) else { return nil }
        while !reader.isAtEnd {
            guard let reading = current.unpack(&reader) else { return nil }
            readings.append(reading)
        }
        guard Int64(readings.count) == count else { return nil }
        packer = current
        return readings
    }

    private static func checksum(_ packed: [UInt8]) -> [UInt8] {
        Array(ChainHash.of(packed).bytes.prefix(checksumBytes))
    }
}
