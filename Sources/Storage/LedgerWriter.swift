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
        let select = try database.cachedStatement(sql: "SELECT last_sequence, last_hash FROM ledger_head")
        guard let row = try Row.fetchOne(select),
            let bytes: Data = row.read("last_hash"), let hash = ChainHash(bytes: Array(bytes))
        else { throw DamagedContent("it has no head") }
        return ChainHead(sequence: try row.need("last_sequence"), hash: hash)
    }

    /// Appends a change of one account. Its postings must lead from the stored balance to the new one.
    mutating func append(_ change: LedgerChange) throws {
        if let account = change.account {
            try checkBalances(change.postings, account: account)
        } else if !change.postings.isEmpty {
            throw StorageError.refused("postings without the account they change")
        }
        for posting in change.postings {
            try append(.posting(posting))
            if let number = posting.rechargeNumber { try keepRecharge(posting, number: number) }
        }
        for event in change.events {
            try append(.event(event))
            try OpeningTable.note(event, sequence: head.sequence, in: database)
        }
        if let account = change.account {
            try SiteTables.update(account, in: database)
            if change.hasNewSettings { try SiteTables.updateSettings(account, in: database) }
            try keepTariff(of: account, isNew: change.hasNewTariff, hasPostings: !change.postings.isEmpty)
        }
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

    /// What was used in the period goes on with every posting under a tariff with steps.
    private func keepTariff(of account: Account, isNew: Bool, hasPostings: Bool) throws {
        if isNew {
            try SettingTable.put(Setting(.tariff, of: account.id.rawValue, account.tariff?.json), in: database)
        }
        guard isNew || (hasPostings && account.usage != .none) else { return }
        let usage = account.usage == .none ? nil : account.usage.json
        try SettingTable.put(Setting(.periodUsage, of: account.id.rawValue, usage), in: database)
    }

    private func checkBalances(_ postings: [Posting], account: Account) throws {
        let stored = try SiteTables.account(account.id, in: database)
        var balance = stored.balance
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
        guard account.carryTenths == postings.last?.carryTenthsAfter ?? stored.carryTenths,
            account.lastRechargeNumber == postings.last(where: { $0.rechargeNumber != nil })?.rechargeNumber
                ?? stored.lastRechargeNumber
        else {
            throw StorageError.refused("the postings of \(account.id) end at another carry or recharge number")
        }
    }

    /// What the number was used for, by the names the account has now.
    private func keepRecharge(_ posting: Posting, number: Int64) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO recharge (sequence, account, number, customer_number, issuer, amount, balance_after)
                SELECT ?, key, ?, customer_number, issuer, ?, ? FROM account WHERE id = ?
                """
        ).execute(arguments: [
            head.sequence, number, posting.amount.microunits, posting.balanceAfter.microunits,
            posting.account.rawValue,
        ])
        try RowSeal.seal(.recharge, where: "sequence", is: head.sequence, in: database)
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
