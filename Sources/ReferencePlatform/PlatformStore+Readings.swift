internal import Foundation
internal import GRDB
internal import Metering
public import UplinkProtocol

extension PlatformStore {
    public func meters() throws -> [MeterSummary] {
        try read { database in
            // Meters that are read together come in the same batch.
            var opened: (key: String, entries: [Int64: ReadingRow]) = ("", [:])
            return try Row.fetchAll(database, sql: "SELECT * FROM latest ORDER BY gateway, epoch, sequence").map {
                row in
                let reading = try Self.reading(
                    row["sequence"], gateway: row["gateway"], epoch: row["epoch"], opened: &opened, in: database)
                return MeterSummary(
                    gateway: row["gateway"], meter: row["name"], heardAt: row["heard_at"],
                    readAt: reading?.at.wall.millisecondsSince1970 ?? 0,
                    values: Dictionary(
                        uniqueKeysWithValues: zip(reading?.channels.map(\.name) ?? [], reading?.values ?? [])))
            }.sorted { ($0.gateway, $0.meter) < ($1.gateway, $1.meter) }
        }
    }

    /// What was taken of a gateway's readings, as it was kept: of every epoch, by their numbers.
    public func readings(of gateway: String) throws -> [(epoch: String, entry: TelemetryEntry)] {
        try read { database in
            let rows = try Row.fetchCursor(
                database, sql: "SELECT epoch, bytes FROM readings WHERE gateway = ? ORDER BY epoch, last",
                arguments: [gateway])
            var found: [(epoch: String, entry: TelemetryEntry)] = []
            while let row = try rows.next() {
                let (epoch, bytes): (String, Data) = (row["epoch"], row["bytes"])
                found += (try Batch(bytes: Array(bytes)).entries() ?? []).map { (epoch, $0) }
            }
            return found.sorted { ($0.epoch, $0.entry.sequence) < ($1.epoch, $1.entry.sequence) }
        }
    }

    /// One reading out of the batches as they were kept.
    private static func reading(
        _ sequence: Int64, gateway: String, epoch: String, opened: inout (key: String, entries: [Int64: ReadingRow]),
        in database: Database
    ) throws -> ReadingRow? {
        let batches = try Row.fetchCursor(
            database,
            sql: """
                SELECT last, bytes FROM readings WHERE gateway = ?1 AND epoch = ?2 AND last >= ?3 AND first <= ?3
                ORDER BY last
                """, arguments: [gateway, epoch, sequence])
        while let batch = try batches.next() {
            let key = "\(gateway) \(epoch) \(batch["last"] as Int64)"
            if opened.key != key {
                let bytes: Data = batch["bytes"]
                var entries: [Int64: ReadingRow] = [:]
                for case .row(let row) in try Batch(bytes: Array(bytes)).entries() ?? [] { entries[row.sequence] = row }
                opened = (key, entries)
            }
            if let reading = opened.entries[sequence] { return reading }
        }
        return nil
    }
}
