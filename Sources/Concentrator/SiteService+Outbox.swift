internal import Metering
internal import Storage
internal import UplinkProtocol

extension SiteService {
    /// The records of the ledger log that a consumer has not acknowledged, oldest first, and the head.
    /// - Parameter clerk: unpacks sealed months, so that breakers do not wait for it.
    func unsentRecords(
        for consumer: String, limit: Int, from clerk: LedgerClerk
    ) async throws(StorageError) -> (records: [LedgerRecord], head: ChainHead) {
        let cursor = try ledger.cursor(of: consumer)
        let records =
            try ledger.isSealed(after: cursor)
            ? try await clerk.records(after: cursor, limit: limit) : try ledger.records(after: cursor, limit: limit)
        return (records, try ledger.head())
    }

    func cursor(of consumer: String) throws(StorageError) -> Int64 { try ledger.cursor(of: consumer) }

    func chainHead() throws(StorageError) -> ChainHead { try ledger.head() }

    func advance(
        _ consumer: String, through sequence: Int64, withheld: [Refusal] = []
    ) throws(StorageError) {
        try ledger.advanceCursor(of: consumer, through: sequence, withheld: withheld)
    }

    /// Records that went up without their content, oldest first, with the head; all of them, up to the limit.
    func withheldRecords(
        after sequence: Int64, limit: Int
    ) throws(StorageError) -> (records: [(record: LedgerRecord, reason: String)], head: ChainHead) {
        var records: [(record: LedgerRecord, reason: String)] = []
        for refusal in try ledger.withheld(after: sequence, limit: limit) {
            guard let record = try ledger.records(after: refusal.sequence - 1, limit: 1).first else { continue }
            records.append((record, refusal.reason))
        }
        return (records, try ledger.head())
    }

    /// Nil where the ledger cannot be read.
    func withheldCount() -> Int64? { try? ledger.withheldCount() }

    func delivered(_ sequences: [Int64]) throws(StorageError) { try ledger.delivered(sequences) }

    func rewind(_ consumer: String, to sequence: Int64) throws(StorageError) -> Bool {
        try ledger.rewindCursor(of: consumer, to: sequence)
    }

    /// Records that a consumer has not acknowledged; nil where the ledger cannot be read.
    func queued(for consumer: String) -> Int64? {
        guard let head = try? ledger.head(), let cursor = try? ledger.cursor(of: consumer) else { return nil }
        return head.sequence - cursor
    }
}
