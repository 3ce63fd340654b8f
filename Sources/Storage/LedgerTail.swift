internal import GRDB
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// What is looked at each time the ledger is opened: the end of the chain and the stored balances. The
/// whole chain takes minutes on a small box once it is years long; it is verified beside the running
/// site.
struct LedgerTail {
    let gateway: GatewayID
    let epoch: String

    /// Records looked at, from the head back.
    static let length: Int64 = 200

    /// Throws `DamagedContent` at the first fault.
    func check(_ database: Database) throws {
        let head = try LedgerWriter.head(database)
        let last = try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM ledger") ?? 0
        guard last == head.sequence else {
            throw DamagedContent("the head names record \(head.sequence), the last one is \(last)")
        }
        let sealed = try SealedMonthTable.newest(in: database)
        let from = max(sealed?.last ?? 0, head.sequence - Self.length)
        let records = try LedgerRow.fetch(
            database, where: "ledger.sequence > ? ORDER BY ledger.sequence", [from])
        var previous = from == 0 ? ChainHash.genesis(gateway: gateway.rawValue, epoch: epoch) : nil
        if let sealed, from == sealed.last { previous = sealed.lastHash }
        for record in records {
            guard previous == nil || record.previous == previous else {
                throw DamagedContent("record \(record.sequence) does not follow the one before it")
            }
            previous = record.hash
        }
        guard Int64(records.count) == head.sequence - from, previous == nil || previous == head.hash else {
            throw DamagedContent("the chain does not end in the hash of the head")
        }
        for account in try SiteTables.load(database).accounts { try check(account, in: database) }
    }

    private func check(_ account: Account, in database: Database) throws {
        let last = try LedgerRow.fetch(
            database,
            where: """
                ledger.account = (SELECT key FROM account WHERE id = ?) ORDER BY ledger.sequence DESC LIMIT 1
                """, [account.id.rawValue])
        var balance = Money.zero
        if case .posting(let posting)? = last.first?.body { balance = posting.balanceAfter }
        guard account.balance == balance else {
            throw DamagedContent("account \(account.id) holds \(account.balance), its last entry left \(balance)")
        }
    }
}

extension Array {
    /// The elements from the first on whose canonical JSON fits in so many bytes; the first one anyway.
    func withinBytes(_ limit: Int, json: (Element) -> JSONValue) -> [Element] {
        guard limit < .max else { return self }
        var total = 0
        for (index, element) in enumerated() {
            total += json(element).canonicalBytes().count
            if total > limit, index > 0 { return Array(prefix(index)) }
        }
        return self
    }
}
