internal import GRDB
public import Prepaid
internal import UplinkProtocol

extension LedgerStore {
    /// The posting with this number in the ledger log, with what became of it; nil where there is none.
    public func entry(_ sequence: Int64) throws(StorageError) -> LedgerEntry? {
        guard let record = try record(sequence), case .posting(let posting) = record.body else { return nil }
        return LedgerEntry(sequence: sequence, posting: posting, isReversed: try isConcerned(sequence))
    }

    /// The disputed move of a counter that this record tells of; nil where it tells of none.
    public func disputedMove(_ sequence: Int64) throws(StorageError) -> DisputedMove? {
        guard let record = try record(sequence), case .event(let event) = record.body else { return nil }
        return DisputedMove(sequence: sequence, event: event, isDecided: try isConcerned(sequence))
    }

    /// From the log, or from the archive.
    private func record(_ sequence: Int64) throws(StorageError) -> LedgerRecord? {
        let row = try handle.read { try LedgerRow.fetch($0, where: "ledger.sequence = ?", [sequence]).first }
        if let row { return row }
        let month = try sealedMonths().first { $0.first <= sequence && sequence <= $0.last }
        guard let month else { return nil }
        return try archive.record(sequence, of: month)
    }

    private func isConcerned(_ sequence: Int64) throws(StorageError) -> Bool {
        try handle.read { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM ledger WHERE concerns = ?)", arguments: [sequence])
                ?? false
        }
    }
}
