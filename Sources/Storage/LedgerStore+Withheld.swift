internal import GRDB
public import UplinkProtocol

extension LedgerStore {
    /// The records that the platform has a place for but not their content, oldest first, with its reasons.
    public func withheld(after sequence: Int64 = 0, limit: Int) throws(StorageError) -> [Refusal] {
        try handle.read { try WithheldTable.rows(after: sequence, limit: limit, in: $0) }
    }

    /// How many there are.
    public func withheldCount() throws(StorageError) -> Int64 {
        try handle.read { try Int64.fetchOne($0, sql: "SELECT count(*) FROM withheld") ?? 0 }
    }

    /// The platform has the content of these by now.
    public func delivered(_ sequences: [Int64]) throws(StorageError) {
        guard !sequences.isEmpty else { return }
        try handle.write { database in
            for sequence in sequences {
                try database.execute(sql: "DELETE FROM withheld WHERE sequence = ?", arguments: [sequence])
            }
        }
    }

    /// Sends the log to a consumer again from a record on: it takes each once.
    /// - Returns: whether its cursor was behind that record.
    public func rewindCursor(of consumer: String, to sequence: Int64) throws(StorageError) -> Bool {
        try handle.write { database in
            guard sequence > 0, try Cursors.position(of: consumer, in: database) >= sequence else { return false }
            try Cursors.put(consumer, at: sequence - 1, in: database)
            return true
        }
    }
}

/// Records that went up without their content.
enum WithheldTable {
    static func put(_ refusal: Refusal, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO withheld (sequence, reason) VALUES (?, ?)
                ON CONFLICT (sequence) DO UPDATE SET reason = excluded.reason
                """, arguments: [refusal.sequence, refusal.reason])
        try RowSeal.seal(.withheld, where: "sequence", is: refusal.sequence, in: database)
    }

    static func rows(after sequence: Int64, limit: Int, in database: Database) throws -> [Refusal] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM withheld WHERE sequence > ? ORDER BY sequence LIMIT ?",
            arguments: [sequence, limit]
        ).map { row in
            try RowSeal.check(row, of: .withheld)
            return Refusal(sequence: try row.need("sequence"), reason: try row.need("reason"))
        }
    }
}
