internal import GRDB

/// Takes a data file back to how an earlier layout had it: what an upgrade finds on a box.
public enum OlderLayout {
    /// What an earlier layout has no place for is in the file.
    public struct HoldsNewer: Error, CustomStringConvertible {
        public let description: String
    }

    /// - Parameters:
    ///   - path: `ledger.db`, which nobody has open.
    ///   - version: 1 (neither settings nor withheld records), or 2 (no withheld records).
    public static func takeLedgerBack(_ path: String, to version: Int) throws {
        let newer = (1...2).contains(version) ? ["setting", "withheld"].dropFirst(version - 1) : []
        try change(path) { database in
            for table in newer {
                let rows = try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? 0
                guard rows == 0 else { throw HoldsNewer(description: "\(path): \(table) holds \(rows) rows") }
                try database.execute(sql: "DROP TABLE \(table)")
            }
            try database.execute(sql: "PRAGMA user_version = \(version)")
        }
    }

    /// To version 1, which reserved no numbers.
    /// - Parameter path: `telemetry.db`, which nobody has open.
    public static func takeTelemetryBack(_ path: String) throws {
        try change(path) { database in
            let open = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM telemetry_head WHERE reserved > last_sequence")
            guard open == 0 else { throw HoldsNewer(description: "\(path): numbers are reserved") }
            try database.execute(sql: "ALTER TABLE telemetry_head DROP COLUMN reserved; PRAGMA user_version = 1")
        }
    }

    private static func change(_ path: String, _ body: (Database) throws -> Void) throws {
        let raw = try DatabaseQueue(path: path)
        try raw.write(body)
        try raw.close()
    }
}
