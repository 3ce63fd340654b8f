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
            for segment in segments {
                let first = try TelemetryBlock.records(after: segment - 1, limit: 1, names: names, in: database).first
                guard case .reading(let reading)? = first?.body, reading.at.wall < from else { continue }
                after =
                    try Int64.fetchOne(
                        database, sql: "SELECT last - count FROM block WHERE last = ?", arguments: [segment]) ?? 0
                break
            }
            var found: [Reading] = []
            while found.count < limit {
                let records = try TelemetryBlock.records(after: after, limit: 2_000, names: names, in: database)
                guard let last = records.last else { break }
                after = last.sequence
                for record in records {
                    guard case .reading(let reading) = record.body, reading.meter == meter, reading.at.wall >= from,
                        reading.at.wall < to
                    else { continue }
                    found.append(reading)
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
