internal import GRDB
public import Metering
public import Prepaid
public import UplinkProtocol

/// What reading the whole ledger showed.
public struct LedgerVerification: Hashable, Sendable {
    public let records: Int64
    public let head: ChainHead
    /// The sum of each account's entries.
    public let balances: [AccountID: Money]
    /// What is wrong, the first thing first; empty when all is well.
    public let faults: [String]

    public var isSound: Bool { faults.isEmpty }
}

/// Walks the chain from its first record and computes everything anew.
enum LedgerVerifier {
    /// More faults than this say nothing more.
    private static let mostFaults = 20

    static func verify(_ database: Database, gateway: GatewayID, epoch: String) throws -> LedgerVerification {
        var walk = Walk(previous: ChainHash.genesis(gateway: gateway.rawValue, epoch: epoch))
        var after: Int64 = 0
        while walk.faults.count < mostFaults {
            let records: [LedgerRecord]
            do {
                records = try LedgerRow.fetch(
                    database, where: "ledger.sequence > ? ORDER BY ledger.sequence LIMIT 1000", [after])
            } catch {
                walk.faults.append("\(error)")
                break
            }
            guard let last = records.last else { break }
            for record in records { walk.take(record) }
            after = last.sequence
        }
        let head = try LedgerWriter.head(database)
        if head.sequence != walk.sequence || head.hash != walk.previous {
            walk.faults.append(
                "the head names record \(head.sequence), the chain ends at \(walk.sequence) with another hash")
        }
        do {
            for account in try SiteTables.load(database).accounts { walk.compare(account) }
        } catch {
            walk.faults.append("\(error)")
        }
        return LedgerVerification(
            records: walk.sequence, head: head, balances: walk.balances,
            faults: Array(walk.faults.prefix(mostFaults)))
    }

    private struct Walk {
        var previous: ChainHash
        var sequence: Int64 = 0
        var balances: [AccountID: Money] = [:]
        var carries: [AccountID: Int64] = [:]
        var recharges: [AccountID: Int64] = [:]
        var faults: [String] = []

        init(previous: ChainHash) { self.previous = previous }

        mutating func take(_ record: LedgerRecord) {
            if record.sequence != sequence + 1 {
                faults.append("record \(sequence + 1) is missing: \(record.sequence) follows \(sequence)")
            }
            if record.previous != previous {
                faults.append("record \(record.sequence) does not follow the one before it: either was changed")
            }
            sequence = record.sequence
            previous = record.hash
            guard case .posting(let posting) = record.body else { return }
            let before = balances[posting.account] ?? .zero
            let after = posting.applied(to: before)
            if after != posting.balanceAfter {
                faults.append(
                    "record \(record.sequence): \(posting.account) had \(before), the posting leaves \(posting.balanceAfter)"
                )
            }
            balances[posting.account] = posting.balanceAfter
            carries[posting.account] = posting.carryTenthsAfter
            if let number = posting.rechargeNumber { recharges[posting.account] = number }
        }

        mutating func compare(_ account: Account) {
            let sum = balances[account.id] ?? .zero
            if sum != account.balance {
                faults.append("account \(account.id) holds \(account.balance), its entries add up to \(sum)")
            }
            if (carries[account.id] ?? 0) != account.carryTenths {
                faults.append(
                    "account \(account.id) carries \(account.carryTenths) tenths, its last entry says otherwise")
            }
            if let number = recharges[account.id], number != account.lastRechargeNumber {
                faults.append(
                    "account \(account.id) counts \(account.lastRechargeNumber) recharges, its entries \(number)")
            }
        }
    }
}
