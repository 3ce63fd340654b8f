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
    /// What is wrong in the file, the first thing first; empty when all is well.
    public let faults: [String]
    /// What is wrong with archive files: they can be copied back from a backup, and nothing else rests on them.
    public let archiveFaults: [String]

    public var isSound: Bool { faults.isEmpty && archiveFaults.isEmpty }
}

/// Walks the chain from its first record and computes everything anew. Reads in portions, so that
/// commits go on meanwhile; what they add is left for the next walk.
struct LedgerVerifier {
    let handle: DatabaseHandle
    let gateway: GatewayID
    let epoch: String
    let archive: LedgerArchive

    /// More faults than this say nothing more.
    private static let mostFaults = 20
    private static let portion: Int64 = 500

    func verify() throws(StorageError) -> LedgerVerification {
        var faults: [String] = []
        var walk = LedgerWalk(previous: ChainHash.genesis(gateway: gateway.rawValue, epoch: epoch))
        var head = ChainHead(sequence: 0, hash: walk.previous)
        var accounts: [Account] = []
        faults += try damage { database in
            head = try LedgerWriter.head(database)
            accounts = try SiteTables.load(database).accounts
        }
        var fileFaults: [String] = []
        faults += try damage { fileFaults = try Self.fileFaults($0) }
        faults += fileFaults
        for table in SealedTable.ofLedger { faults += try sealFaults(of: table) }
        let archiveFaults = try walkArchive(&walk)
        faults += try walkChain(&walk, to: head)
        for account in accounts { faults += walk.faults(of: account) }
        return LedgerVerification(
            records: walk.sequence, head: head, balances: walk.balances,
            faults: Array(faults.prefix(Self.mostFaults)),
            archiveFaults: Array(archiveFaults.prefix(Self.mostFaults)))
    }

    /// Walks the sealed months. One that cannot be read is stepped over: its end is known by the seal, and
    /// the entries it left off at by the rows that were kept.
    private func walkArchive(_ walk: inout LedgerWalk) throws(StorageError) -> [String] {
        var faults: [String] = []
        for month in try handle.read({ try SealedMonthTable.all(in: $0) }) {
            var kept = try handle.read { database in
                try LedgerRow.fetch(
                    database, where: "ledger.sequence BETWEEN ? AND ? ORDER BY ledger.sequence",
                    [month.first, month.last])
            }
            let start = walk
            do {
                try archive.read(month) { record in
                    walk.take(record)
                    if let row = kept.first, row.sequence == record.sequence {
                        if row != record { faults.append("record \(row.sequence) is not the one in the archive") }
                        kept.removeFirst()
                    }
                    return true
                }
            } catch {
                faults.append("\(error); copy \(month.file) back into \(archive.folder) from a backup")
                walk = start
                for record in kept { walk.resume(at: record) }
                walk.resume(after: month)
            }
        }
        return faults
    }

    private func walkChain(_ walk: inout LedgerWalk, to head: ChainHead) throws(StorageError) -> [String] {
        var faults: [String] = []
        var records: [LedgerRecord] = []
        repeat {
            let after = walk.sequence
            records = []
            faults += try damage { database in
                records = try LedgerRow.fetch(
                    database, where: "ledger.sequence > ? AND ledger.sequence <= ? ORDER BY ledger.sequence LIMIT ?",
                    [after, head.sequence, Self.portion])
            }
            for record in records { walk.take(record) }
        } while !records.isEmpty && walk.faults.count < Self.mostFaults
        faults += walk.faults
        if head.sequence != walk.sequence || head.hash != walk.previous {
            faults.append("the head names record \(head.sequence), the chain ends at \(walk.sequence) or differs there")
        }
        return faults
    }

    /// Pages, indexes, references and declarations.
    private static func fileFaults(_ database: Database) throws -> [String] {
        var faults = try String.fetchAll(database, sql: "PRAGMA integrity_check(5)").filter { $0 != "ok" }
        if try Row.fetchOne(database, sql: "PRAGMA foreign_key_check") != nil {
            faults.append("a row refers to another that is not there")
        }
        if let fault = try DatabaseFile.layoutFault(database, layout: LedgerLayout.layout) { faults.append(fault) }
        let last = try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM ledger") ?? 0
        if last > (try LedgerWriter.head(database).sequence) { faults.append("records follow after the head") }
        return faults
    }

    private func sealFaults(of table: SealedTable) throws(StorageError) -> [String] {
        var faults: [String] = []
        var after: DatabaseValue?
        repeat {
            var last: DatabaseValue?
            faults += try damage { [after] database in
                let rows = try Row.fetchCursor(
                    database,
                    sql: """
                        SELECT * FROM \(table.rawValue) WHERE ?1 IS NULL OR \(table.key) > ?1 ORDER BY \(table.key) LIMIT ?2
                        """, arguments: [after, Self.portion])
                while let row = try rows.next() {
                    last = row[table.key]
                    try RowSeal.check(row, of: table)
                }
            }
            after = last
        } while after != nil && faults.count < Self.mostFaults
        return faults
    }

    /// Damage is what is looked for here: it is listed, not thrown.
    private func damage(_ body: (Database) throws -> Void) throws(StorageError) -> [String] {
        do { try handle.read(body) } catch {
            guard case .damaged(_, let reason) = error else { throw error }
            return [reason]
        }
        return []
    }
}

/// The chain as far as it has been walked.
struct LedgerWalk {
    private(set) var previous: ChainHash
    private(set) var sequence: Int64 = 0
    private(set) var balances: [AccountID: Money] = [:]
    private(set) var faults: [String] = []
    private var carries: [AccountID: Int64] = [:]
    private var recharges: [AccountID: Int64] = [:]

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
        if posting.applied(to: before) != posting.balanceAfter {
            faults.append(
                "record \(record.sequence): \(posting.account) had \(before), the posting leaves \(posting.balanceAfter)"
            )
        }
        note(posting)
    }

    /// Goes on behind a month that cannot be read.
    mutating func resume(after month: SealedMonth) {
        sequence = month.last
        previous = month.lastHash
    }

    /// Takes an entry over as it stands, where what lies before it cannot be read.
    mutating func resume(at record: LedgerRecord) {
        if case .posting(let posting) = record.body { note(posting) }
    }

    private mutating func note(_ posting: Posting) {
        balances[posting.account] = posting.balanceAfter
        carries[posting.account] = posting.carryTenthsAfter
        if let number = posting.rechargeNumber { recharges[posting.account] = number }
    }

    /// What an account's stored state has that its entries do not say.
    func faults(of account: Account) -> [String] {
        var faults: [String] = []
        let sum = balances[account.id] ?? .zero
        if sum != account.balance {
            faults.append("account \(account.id) holds \(account.balance), its entries add up to \(sum)")
        }
        if (carries[account.id] ?? 0) != account.carryTenths {
            faults.append("account \(account.id) carries \(account.carryTenths) tenths, its last entry says otherwise")
        }
        if let number = recharges[account.id], number > account.lastRechargeNumber {
            faults.append("account \(account.id) counts \(account.lastRechargeNumber) recharges, its entries \(number)")
        }
        return faults
    }
}
