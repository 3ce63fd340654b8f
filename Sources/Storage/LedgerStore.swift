internal import GRDB
public import Metering
public import Prepaid
public import UplinkProtocol

/// `ledger.db`: the money of the site and everything that hangs on it. Every write method is one whole
/// transaction that is on the flash when it returns. Methods block: call them from a thread of your own.
public final class LedgerStore: Sendable {
    public let path: String
    public let gateway: GatewayID
    /// New with every new file: what keeps sequence numbers from ever repeating.
    public let epoch: String
    private let queue: DatabaseQueue

    /// A ceiling on the file: 262,144 pages of 4 KiB are 1 GiB.
    private static let largestPages = 262_144

    /// - Parameter newEpoch: the epoch to start where the file is new.
    public init(path: String, gateway: GatewayID, newEpoch: String) throws(StorageError) {
        self.path = path
        self.gateway = gateway
        let queue = try DatabaseFile.open(
            path: path, durability: .full, largestPages: Self.largestPages, version: LedgerLayout.version,
            layout: LedgerLayout.sql)
        self.queue = queue
        do {
            epoch = try queue.write { database in
                let genesis = ChainHash.genesis(gateway: gateway.rawValue, epoch: newEpoch)
                try database.execute(
                    sql: "INSERT OR IGNORE INTO ledger_head VALUES (1, ?, ?, 0, ?)",
                    arguments: [gateway.rawValue, newEpoch, LedgerRow.data(genesis)])
                let head = try Row.fetchOne(database, sql: "SELECT gateway, epoch FROM ledger_head")
                guard let head, let owner: String = head.read("gateway"), let epoch: String = head.read("epoch") else {
                    throw StorageError.damaged(path: path, reason: "it has no head")
                }
                guard owner == gateway.rawValue else {
                    throw StorageError.unusable(
                        path: path, reason: "it belongs to gateway '\(owner)', the configuration says '\(gateway)'")
                }
                return epoch
            }
        } catch {
            throw StorageError.from(error, path: path)
        }
    }

    /// Commits everything in the transaction, or nothing.
    /// - Returns: the chain's head after it.
    @discardableResult
    public func commit(_ transaction: LedgerTransaction, at now: Timestamp) throws(StorageError) -> ChainHead {
        try write { database in
            if let installation = transaction.installation {
                try SiteTables.install(installation, into: database)
            }
            var writer = try LedgerWriter(database: database, actor: transaction.actor, at: now.inMilliseconds)
            for change in transaction.changes { try writer.append(change) }
            if let command = transaction.command {
                try CommandTable.insert(command, into: database)
                try writer.append(.command(command.record))
            }
            return try writer.finish()
        }
    }

    public func head() throws(StorageError) -> ChainHead {
        try read { try LedgerWriter.head($0) }
    }

    public func site() throws(StorageError) -> StoredSite {
        try read { try SiteTables.load($0) }
    }

    /// The records after a sequence number, in order.
    public func records(after sequence: Int64, limit: Int) throws(StorageError) -> [LedgerRecord] {
        try read { database in
            try LedgerRow.fetch(
                database, where: "ledger.sequence > ? ORDER BY ledger.sequence LIMIT ?", [sequence, limit])
        }
    }

    /// The last postings of an account, oldest first.
    public func statement(of account: AccountID, limit: Int) throws(StorageError) -> [LedgerRecord] {
        try read { database in
            try LedgerRow.fetch(
                database,
                where: """
                    ledger.account = (SELECT key FROM account WHERE id = ?) ORDER BY ledger.sequence DESC LIMIT ?
                    """, [account.rawValue, limit]
            ).reversed()
        }
    }

    /// The answer to a command received before, or nil.
    public func command(id: String) throws(StorageError) -> CommandRecord? {
        try read { try CommandTable.find(id, in: $0) }
    }

    /// The highest position of the platform's commands that was taken; 0 before the first.
    public func commandPosition() throws(StorageError) -> Int64 {
        try read { try Int64.fetchOne($0, sql: "SELECT max(position) FROM command") ?? 0 }
    }

    /// What the recharge of an account with this number was, if there was one.
    public func recharge(of account: AccountID, number: Int64) throws(StorageError) -> AppliedRecharge? {
        try read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT amount, balance_after, customer_number, issuer FROM ledger
                    JOIN account ON account.key = ledger.account
                    WHERE account.id = ? AND recharge_number = ?
                    """, arguments: [account.rawValue, number])
            guard let row else { return nil }
            return AppliedRecharge(
                recharge: Recharge(
                    account: account, customerNumber: try row.need("customer_number"), issuer: try row.need("issuer"),
                    number: number,
                    amount: Money(microunits: try row.need("amount"))),
                balanceAfter: Money(microunits: try row.need("balance_after")))
        }
    }

    /// How far a consumer has acknowledged the ledger log; 0 before the first.
    public func cursor(of consumer: String) throws(StorageError) -> Int64 {
        try read {
            try Int64.fetchOne($0, sql: "SELECT through FROM cursor WHERE consumer = ?", arguments: [consumer]) ?? 0
        }
    }

    /// Moves a consumer's cursor forward; one that is ahead stays.
    public func advanceCursor(of consumer: String, through sequence: Int64) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO cursor VALUES (?, ?)
                    ON CONFLICT (consumer) DO UPDATE SET through = max(through, excluded.through)
                    """, arguments: [consumer, sequence])
        }
    }

    /// Reads the whole chain and says whether it, the balances and the books are what they must be.
    public func verify() throws(StorageError) -> LedgerVerification {
        try read { try LedgerVerifier.verify($0, gateway: self.gateway, epoch: self.epoch) }
    }

    private func write<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try queue.write(body) } catch { throw StorageError.from(error, path: path) }
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try queue.read(body) } catch { throw StorageError.from(error, path: path) }
    }
}
