internal import Foundation
internal import GRDB
internal import Metering
internal import UplinkProtocol

extension RecordIntake {
    /// Keeps what is new of some entries, many in one row.
    func keep(_ entries: [TelemetryEntry]) throws {
        let known = try knownEntries()
        let fresh = known.isEmpty ? entries : try entries.filter { try !isKnown($0, known) }
        guard let first = fresh.first, let last = fresh.last else { return }
        let bytes: [UInt8]
        if batch.form == .columns, fresh.count == batch.count {
            bytes = batch.bytes
        } else {
            let kept = Batch(gateway: batch.gateway, epoch: batch.epoch, chainHead: batch.chainHead, entries: fresh)
            bytes = kept?.bytes ?? []
        }
        try database.cachedStatement(sql: "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?)").execute(
            arguments: [
                batch.gateway.rawValue, batch.epoch, last.sequence, first.sequence, fresh.count, Data(bytes),
            ])
    }

    /// Entries that were taken before, of the numbers that the batch is about.
    private func knownEntries() throws -> [Int64: TelemetryEntry] {
        let rows = try Data.fetchAll(
            database,
            sql:
                "SELECT bytes FROM readings WHERE gateway = ? AND epoch = ? AND last >= ? AND first <= ? ORDER BY last",
            arguments: [batch.gateway.rawValue, batch.epoch, batch.first, batch.last])
        var known: [Int64: TelemetryEntry] = [:]
        for bytes in rows {
            for entry in try Batch(bytes: Array(bytes)).entries() ?? []
            where (batch.first...batch.last).contains(entry.sequence) {
                known[entry.sequence] = entry
            }
        }
        return known
    }

    /// Whether an entry was taken before, when it must have been the same. A reading that was taken stays, also
    /// where the gateway has lost it meanwhile and sends a gap.
    private func isKnown(_ entry: TelemetryEntry, _ known: [Int64: TelemetryEntry]) throws -> Bool {
        guard let before = known[entry.sequence] else { return false }
        guard before == entry || (entry.isGap && !before.isGap) else { throw another(entry.sequence) }
        return true
    }

    /// The latest reading of each meter.
    func followMeters(_ entries: [TelemetryEntry]) throws {
        let note = try database.cachedStatement(
            sql: """
                INSERT INTO latest VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (gateway, name) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence,
                    heard_at = excluded.heard_at
                WHERE excluded.epoch <> latest.epoch OR excluded.sequence > latest.sequence
                """)
        var seen: Set<MeterID> = []
        for case .row(let row) in entries.reversed() where seen.insert(row.meter).inserted {
            try note.execute(
                arguments: [
                    batch.gateway.rawValue, row.meter.rawValue, batch.epoch, row.sequence, now.millisecondsSince1970,
                ])
        }
    }
}
