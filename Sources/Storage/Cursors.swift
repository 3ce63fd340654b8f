internal import GRDB

/// How far each consumer has acknowledged a log.
enum Cursors {
    /// 0 before the first acknowledgement.
    static func position(of consumer: String, in database: Database) throws -> Int64 {
        let select = try database.cachedStatement(sql: "SELECT * FROM cursor WHERE consumer = ?")
        let row = try Row.fetchOne(select, arguments: [consumer])
        guard let row else { return 0 }
        try RowSeal.check(row, of: .cursor)
        return try row.need("through")
    }

    /// Moves a cursor forward. An acknowledgement of something older, or of what was never sent, is
    /// none.
    static func advance(_ consumer: String, through sequence: Int64, last: Int64, in database: Database) throws {
        guard sequence > (try position(of: consumer, in: database)), sequence <= last else { return }
        try put(consumer, at: sequence, in: database)
    }

    static func put(_ consumer: String, at sequence: Int64, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO cursor (consumer, through) VALUES (?, ?)
                ON CONFLICT (consumer) DO UPDATE SET through = excluded.through
                """, arguments: [consumer, sequence])
        try RowSeal.seal(.cursor, where: "consumer", is: consumer, in: database)
    }

    /// How far all have acknowledged a log.
    /// - Parameters:
    ///   - consumers: who is waited for, with or without a cursor yet; nil: whoever has one. Nobody waits where the
    ///     set is empty.
    ///   - acknowledged: what was acknowledged and is not written yet.
    static func least(
        of consumers: Set<String>?, acknowledged: [String: Int64] = [:], in database: Database
    ) throws -> Int64 {
        guard let consumers else {
            let known = Set(try String.fetchAll(database, sql: "SELECT consumer FROM cursor"))
                .union(acknowledged.keys)
            return known.isEmpty ? 0 : try least(of: known, acknowledged: acknowledged, in: database)
        }
        var least = Int64.max
        for consumer in consumers {
            least = min(least, max(try position(of: consumer, in: database), acknowledged[consumer] ?? 0))
        }
        return least
    }
}
