internal import GRDB
public import Prepaid
internal import UplinkProtocol

extension LedgerStore {
    /// The posting with this number in the ledger log, with what became of it; nil where there is none.
    public func entry(_ sequence: Int64) throws(StorageError) -> LedgerEntry? {
        try handle.read { database in
            guard let record = try Self.record(sequence, in: database), case .posting(let posting) = record.body else {
                return nil
            }
            return LedgerEntry(
                sequence: sequence, posting: posting, isReversed: try Self.isConcerned(sequence, in: database))
        }
    }

    /// The disputed move of a counter that this record tells of; nil where it tells of none.
    public func disputedMove(_ sequence: Int64) throws(StorageError) -> DisputedMove? {
        try handle.read { database in
            guard let record = try Self.record(sequence, in: database), case .event(let event) = record.body else {
                return nil
            }
            return DisputedMove(
                sequence: sequence, event: event, isDecided: try Self.isConcerned(sequence, in: database))
        }
    }

    private static func record(_ sequence: Int64, in database: Database) throws -> LedgerRecord? {
        try LedgerRow.fetch(database, where: "ledger.sequence = ?", [sequence]).first
    }

    private static func isConcerned(_ sequence: Int64, in database: Database) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM ledger WHERE concerns = ?)", arguments: [sequence]) ?? false
    }
}
