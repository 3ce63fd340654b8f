internal import Metering
internal import Storage
internal import UplinkProtocol

extension SiteService {
    /// The records of the ledger log that a consumer has not acknowledged, oldest first, and the head.
    func unsentRecords(
        for consumer: String, limit: Int
    ) throws(StorageError) -> (records: [LedgerRecord], head: ChainHead) {
        let cursor = try ledger.cursor(of: consumer)
        return (try ledger.records(after: cursor, limit: limit), try ledger.head())
    }

    func cursor(of consumer: String) throws(StorageError) -> Int64 { try ledger.cursor(of: consumer) }

    func chainHead() throws(StorageError) -> ChainHead { try ledger.head() }

    func advance(_ consumer: String, through sequence: Int64) throws(StorageError) {
        try ledger.advanceCursor(of: consumer, through: sequence)
    }

    /// Records that a consumer has not acknowledged.
    func queued(for consumer: String) -> Int64 {
        guard let head = try? ledger.head(), let cursor = try? ledger.cursor(of: consumer) else { return 0 }
        return head.sequence - cursor
    }
}
