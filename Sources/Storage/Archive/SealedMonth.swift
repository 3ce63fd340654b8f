internal import Foundation
internal import GRDB
public import UplinkProtocol

/// A stretch of the chain that is kept in an archive file: the records of a month that is over and that
/// every consumer has acknowledged.
public struct SealedMonth: Hashable, Sendable {
    public let first: Int64
    public let last: Int64
    /// The hash of the record before the first one.
    public let previous: ChainHash
    /// The hash of the last record.
    public let lastHash: ChainHash
    /// The file's name in the archive folder.
    public let file: String

    static func fileName(first: Int64, last: Int64) -> String { "ledger-\(padded(first))-\(padded(last)).jsonl.gz" }

    /// Ten digits, so that names sort as the records do.
    private static func padded(_ sequence: Int64) -> String {
        let digits = String(sequence)
        return String(repeating: "0", count: max(0, 10 - digits.count)) + digits
    }
}

/// The table of sealed months, oldest first.
enum SealedMonthTable {
    static func all(in database: Database) throws -> [SealedMonth] {
        try Row.fetchAll(database, sql: "SELECT * FROM sealed_month ORDER BY last_sequence").map(month)
    }

    /// The newest; nil before the first.
    static func newest(in database: Database) throws -> SealedMonth? {
        try Row.fetchOne(database, sql: "SELECT * FROM sealed_month ORDER BY last_sequence DESC LIMIT 1").map(month)
    }

    static func insert(_ month: SealedMonth, into database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO sealed_month (last_sequence, first_sequence, previous, last_hash, file)
                VALUES (?, ?, ?, ?, ?)
                """,
            arguments: [
                month.last, month.first, LedgerRow.data(month.previous), LedgerRow.data(month.lastHash), month.file,
            ])
        try RowSeal.seal(.sealedMonth, where: "last_sequence", is: month.last, in: database)
    }

    private static func month(_ row: Row) throws -> SealedMonth {
        try RowSeal.check(row, of: .sealedMonth)
        func hash(_ column: String) throws -> ChainHash {
            guard let hash = ChainHash(bytes: Array(row.read(column, as: Data.self) ?? Data())) else {
                throw DamagedContent("a sealed month has no hash")
            }
            return hash
        }
        return SealedMonth(
            first: try row.need("first_sequence"), last: try row.need("last_sequence"),
            previous: try hash("previous"), lastHash: try hash("last_hash"), file: try row.need("file"))
    }
}
