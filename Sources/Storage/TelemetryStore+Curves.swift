internal import GRDB
public import Metering
internal import UplinkProtocol

extension TelemetryStore {
    /// The interval readings of a meter in a span of time, in the order they were taken. Searched from the
    /// newest back: the order of readings is that of their numbers, and a clock that was wrong for a while may
    /// hide some that are older than `from` by a day or more.
    /// - Parameter limit: the most readings; the oldest of the span come.
    public func readings(
        of meter: MeterID, from: WallTime, to: WallTime, limit: Int
    ) throws(StorageError) -> [Reading] {
        let names = currentNames
        return try handle.read { database in
            let segments = try Int64.fetchAll(database, sql: "SELECT DISTINCT segment FROM block ORDER BY segment DESC")
            var after: Int64 = 0
            var resumes: [TelemetryBlock.Resume] = []
            for segment in segments {
                let first = try TelemetryBlock.entries(
                    after: segment - 1, limit: 1, names: names, resumes: &resumes, in: database
                ).first
                guard case .row(let row)? = first, row.at.wall < from else { continue }
                after =
                    try Int64.fetchOne(
                        database, sql: "SELECT last - count FROM block WHERE last = ?", arguments: [segment]) ?? 0
                break
            }
            var found: [Reading] = []
            while found.count < limit {
                let entries = try TelemetryBlock.entries(
                    after: after, limit: 2_000, endsWithBlock: true, names: names, resumes: &resumes, in: database)
                guard let last = entries.last else { break }
                after = last.sequence
                for case .row(let row) in entries
                where row.meter == meter && row.at.wall >= from && row.at.wall < to {
                    found.append(row.reading)
                }
            }
            return Array(found.prefix(limit))
        }
    }

    /// The freezes of a meter in a span of time, oldest first: its counters only.
    public func freezes(
        of meter: MeterID, kind: Freeze.Kind, from: WallTime, to: WallTime, limit: Int
    ) throws(StorageError) -> [Reading] {
        let names = currentNames
        guard let key = names.key(known: meter.rawValue) else { return [] }
        return try handle.read { database in
            try FreezeTable.readings(
                of: key, kind: kind, from: from, to: to, limit: limit, names: names, in: database)
        }
    }
}
