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

    /// Where a run of reading can go on: without it each look at the log unpacks a segment from its start.
    struct Resume {
        fileprivate let segment: Int64
        /// The `last` of the newest block that went through the packer.
        fileprivate let last: Int64
        fileprivate let packer: ReadingPacker
    }

    /// The entries after a sequence number, at most so many. What cannot be read is a gap.
    /// - Parameters:
    ///   - endsWithBlock: fewer may come, so that the next run can go on where this one ended.
    ///   - resumes: where earlier runs ended, the newest last; this one's end joins them.
    static func entries(
        after sequence: Int64, limit: Int, endsWithBlock: Bool = false, names: TelemetryNames,
        resumes: inout [Resume], in database: Database
    ) throws -> [TelemetryEntry] {
        let first = try database.cachedStatement(
            sql: "SELECT last - count AS before, segment FROM block WHERE last > ? ORDER BY last LIMIT 1")
        guard let start = try Row.fetchOne(first, arguments: [sequence]) else { return [] }
        var segment: Int64? = try start.need("segment")
        let before: Int64 = try start.need("before")
        var from = (segment ?? 0) - 1
        var packer: ReadingPacker? = ReadingPacker()
        if let place = resumes.lastIndex(where: { $0.segment == segment && $0.last <= before }) {
            // Moved out, so that it is changed in its place.
            let resume = resumes.remove(at: place)
            (from, packer) = (resume.last, resume.packer)
        } else {
            segment = nil
        }
        let select = try database.cachedStatement(
            sql: "SELECT last, count, segment, packed FROM block WHERE last > ? ORDER BY last")
        let rows = try Row.fetchCursor(select, arguments: [from])
        var entries: [TelemetryEntry] = []
        entries.reserveCapacity(min(limit, mostReserved))
        while entries.count < limit, let row = try rows.next() {
            let last: Int64 = try row.need("last")
            let count: Int64 = try row.need("count")
            if endsWithBlock, !entries.isEmpty, entries.count + Int(count) > limit { break }
            let rowSegment: Int64 = try row.need("segment")
            if segment != rowSegment {
                // The start of a segment that is itself missing leaves the rest unreadable.
                packer = rowSegment == last ? ReadingPacker() : nil
                segment = rowSegment
            }
            let keyed = unpack(row.read("packed"), count: count, packer: &packer)
            from = last
            guard last > sequence else { continue }
            append(keyed, to: &entries, names: names, count: count, last: last, after: sequence)
        }
        if let segment, let packer {
            resumes.append(Resume(segment: segment, last: from, packer: packer))
            if resumes.count > mostResumes { resumes.removeFirst() }
        }
        return entries.count > limit ? Array(entries.prefix(limit)) : entries
    }

    /// Room that is made at once for a run of entries.
    private static let mostReserved = 1024
    /// Consumers and lanes that read at the same time.
    private static let mostResumes = 4

    private static func append(
        _ keyed: [KeyedReading]?, to entries: inout [TelemetryEntry], names: TelemetryNames, count: Int64, last: Int64,
        after sequence: Int64
    ) {
        guard let keyed else {
            entries.append(.gap(sequence: last, count: min(count, last - sequence), reason: "unreadable"))
            return
        }
        for (index, keyed) in keyed.enumerated() {
            let number = last - count + 1 + Int64(index)
            guard number > sequence else { continue }
            if let row = names.row(keyed, sequence: number) {
                entries.append(.row(row))
            } else {
                entries.append(.gap(sequence: number, count: 1, reason: "unreadable"))
            }
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

extension Array<TelemetryEntry> {
    /// The entries from the first on that are about so many bytes as JSON; the first one anyway.
    func withinBytes(_ limit: Int) -> [TelemetryEntry] {
        guard limit < .max else { return self }
        var total = 0
        for (index, entry) in enumerated() {
            total += entry.estimatedBytes
            if total > limit, index > 0 { return Array(prefix(index)) }
        }
        return self
    }
}
