internal import Foundation
internal import GRDB
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// Appends records to the chain within one transaction, and keeps the books true while it does.
struct LedgerWriter {
    private let database: Database
    private let actor: String
    private let at: Timestamp
    private var head: ChainHead

    init(database: Database, actor: String, at: Timestamp) throws {
        self.database = database
        self.actor = actor
        self.at = at
        head = try Self.head(database)
    }

    static func head(_ database: Database) throws -> ChainHead {
        guard let row = try Row.fetchOne(database, sql: "SELECT last_sequence, last_hash FROM ledger_head"),
            let bytes: Data = row.read("last_hash"), let hash = ChainHash(bytes: Array(bytes))
        else { throw StorageError.damaged(path: "ledger.db", reason: "it has no head") }
        return ChainHead(sequence: try row.need("last_sequence"), hash: hash)
    }

    /// Appends a change of one account. Its postings must lead from the stored balance to the new one.
    mutating func append(_ change: LedgerChange) throws {
        if !change.postings.isEmpty {
            guard let account = change.account else {
                throw StorageError.refused("postings without the account they change")
            }
            try checkBalances(change.postings, account: account)
        }
        for posting in change.postings { try append(.posting(posting)) }
        for event in change.events { try append(.event(event)) }
        if let account = change.account { try SiteTables.update(account, in: database) }
        for (circuit, mark) in change.marks { try SiteTables.update(circuit, posted: mark, in: database) }
        for (circuit, memory) in change.breakers { try SiteTables.update(circuit, memory: memory, in: database) }
    }

    mutating func append(_ body: LedgerRecord.Body) throws {
        let record = LedgerRecord(
            sequence: head.sequence + 1, at: at, actor: actor, body: body, previous: head.hash)
        try LedgerRow.insert(record, into: database)
        head = ChainHead(sequence: record.sequence, hash: record.hash)
    }

    /// Writes the new head.
    func finish() throws -> ChainHead {
        try database.execute(
            sql: "UPDATE ledger_head SET last_sequence = ?, last_hash = ?",
            arguments: [head.sequence, LedgerRow.data(head.hash)])
        return head
    }

    private func checkBalances(_ postings: [Posting], account: Account) throws {
        let stored = try Int64.fetchOne(
            database, sql: "SELECT balance FROM account WHERE id = ?", arguments: [account.id.rawValue])
        guard let stored else { throw StorageError.refused("the account \(account.id) does not exist") }
        var balance = Money(microunits: stored)
        for posting in postings {
            guard posting.account == account.id, let next = posting.applied(to: balance), next == posting.balanceAfter
            else {
                throw StorageError.refused("a posting of \(account.id) does not follow its balance of \(balance)")
            }
            balance = next
        }
        guard balance == account.balance else {
            throw StorageError.refused("the postings of \(account.id) end at \(balance), not at \(account.balance)")
        }
    }
}

extension Posting {
    /// The customer's balance after this posting; nil where it does not touch it or overflows.
    func applied(to balance: Money) -> Money? {
        if credit == .customer(account) { return balance.adding(amount) }
        if debit == .customer(account) { return balance.subtracting(amount) }
        return nil
    }
}
