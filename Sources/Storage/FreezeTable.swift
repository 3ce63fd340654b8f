internal import Foundation
internal import GRDB
public import Metering

/// What of a reading outlives the interval readings: its counters, at the first reading of an hour or a day.
public struct Freeze: Hashable, Sendable {
    public enum Kind: Int, Hashable, Sendable, CaseIterable {
        /// Kept for 100 days.
        case hour = 1
        /// Kept for 400 days.
        case day = 2
        /// Kept for ten years.
        case month = 3
    }

    public let kind: Kind
    /// Hours since 1970, or local days or months since then.
    public let period: Int64
    public let reading: Reading

    /// Nil where the reading has no counter.
    public init?(_ kind: Kind, period: Int64, of reading: Reading) {
        let counters = reading.values.filter { $0.key.quantity.isCounter }
        guard !counters.isEmpty else { return nil }
        self.kind = kind
        self.period = period
        self.reading = Reading(meter: reading.meter, at: reading.at, values: counters)
    }
}

extension Freeze.Kind {
    /// Periods that are kept.
    fileprivate var kept: Int64 {
        switch self {
        case .hour: 100 * 24
        case .day: 400
        case .month: 120
        }
    }
}

/// What the freezes take in the file.
struct FreezeSize {
    fileprivate var rows: Int64
    fileprivate var packedBytes: Int64

    /// A row's key, lengths, and share of what its page leaves empty: measured with 240 meters.
    private static let bytesBesidePacked: Int64 = 20

    /// About so many bytes of the file.
    var bytes: Int64 { packedBytes + rows * Self.bytesBesidePacked }

    /// Some were dropped, about as large as the rest.
    fileprivate mutating func drop(_ count: Int64) {
        packedBytes -= count >= rows ? packedBytes : packedBytes / rows * count
        rows = max(0, rows - count)
    }
}

enum FreezeTable {
    /// Looks at every freeze.
    static func size(in database: Database) throws -> FreezeSize {
        let row = try Row.fetchOne(
            database, sql: "SELECT count(*) AS rows, ifnull(sum(length(packed)), 0) AS bytes FROM freeze")
        return FreezeSize(rows: try row?.need("rows") ?? 0, packedBytes: try row?.need("bytes") ?? 0)
    }

    /// Drops the oldest period of the finest kind that there is.
    /// - Returns: false where there is no freeze.
    static func dropOldest(_ size: inout FreezeSize, in database: Database) throws -> Bool {
        let oldest = try Row.fetchOne(database, sql: "SELECT kind, period FROM freeze ORDER BY kind, period LIMIT 1")
        guard let oldest else { return false }
        let (kind, period): (Int64, Int64) = (try oldest.need("kind"), try oldest.need("period"))
        try database.cachedStatement(sql: "DELETE FROM freeze WHERE kind = ? AND period = ?")
            .execute(arguments: [kind, period])
        size.drop(Int64(database.changesCount))
        return true
    }

    /// Writes freezes, the first of a period and meter for good, and drops what is past its age.
    static func insert(
        _ freezes: [Freeze], names: inout TelemetryNames, size: inout FreezeSize?, into database: Database
    ) throws {
        var newest: [Freeze.Kind: Int64] = [:]
        for freeze in freezes {
            var packer = ReadingPacker()
            var writer = PackedWriter()
            let keyed = try names.keyed(freeze.reading, in: database)
            packer.pack(keyed, into: &writer)
            try database.cachedStatement(
                sql: "INSERT OR IGNORE INTO freeze (kind, period, meter, packed) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [freeze.kind.rawValue, freeze.period, keyed.meter, Data(writer.bytes)])
            if database.changesCount > 0 {
                size?.rows += 1
                size?.packedBytes += Int64(writer.bytes.count)
            }
            newest[freeze.kind] = max(newest[freeze.kind] ?? .min, freeze.period)
        }
        for (kind, period) in newest {
            try database.cachedStatement(sql: "DELETE FROM freeze WHERE kind = ? AND period < ?")
                .execute(arguments: [kind.rawValue, period - kind.kept])
            size?.drop(Int64(database.changesCount))
        }
    }

    /// The freezes of a meter in a span of time, oldest first. What cannot be read is left out.
    static func readings(
        of meter: Int64, kind: Freeze.Kind, from: WallTime, to: WallTime, limit: Int, names: TelemetryNames,
        in database: Database
    ) throws -> [Reading] {
        let rows = try Row.fetchCursor(
            database, sql: "SELECT packed FROM freeze WHERE kind = ? AND meter = ? ORDER BY period",
            arguments: [kind.rawValue, meter])
        var readings: [Reading] = []
        while readings.count < limit, let row = try rows.next() {
            var packer = ReadingPacker()
            var reader = PackedReader([UInt8](row.read("packed", as: Data.self) ?? Data()))
            guard let reading = packer.unpack(&reader).flatMap(names.reading), reading.at.wall >= from,
                reading.at.wall < to
            else { continue }
            readings.append(reading)
        }
        return readings
    }
}
