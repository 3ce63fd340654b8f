internal import Failpoints
internal import GRDB
public import Metering
public import Prepaid
internal import Synchronization
public import UplinkProtocol

/// `ledger.db`: the money of the site and everything that hangs on it. Every write method is one whole
/// transaction that is on the flash when it returns. Methods block: call them from a thread of your own.
public final class LedgerStore: Sendable {
    public let gateway: GatewayID
    /// New with every new file: what keeps sequence numbers from ever repeating.
    public let epoch: String
    let handle: DatabaseHandle
    let held: Mutex<String?>
    let awaited = Mutex<Set<String>?>(nil)

    public var path: String { handle.path }

    /// Why nothing is written any more, or nil. `.damaged`: hold every breaker; what can be read may be
    /// read, nothing is deleted. `.mustReopen`: close, open again, verify.
    public var stopped: StorageError? { handle.stopped }

    /// Opens the file, or starts one. A file that can still be read in part is opened `stopped`.
    /// - Parameters:
    ///   - newEpoch: the epoch to start where the file is new.
    ///   - largestBytes: a ceiling on the file; a commit beyond it is `.full`.
    public init(
        path: String, gateway: GatewayID, newEpoch: String, largestBytes: Int64 = 1 << 30
    ) throws(StorageError) {
        self.gateway = gateway
        let opened = try DatabaseFile.open(
            path: path, durability: .full, largestBytes: largestBytes, layout: LedgerLayout.layout)
        handle = DatabaseHandle(path: path, opened: opened)
        if handle.stopped == nil {
            let genesis = ChainHash.genesis(gateway: gateway.rawValue, epoch: newEpoch)
            try handle.write { database in
                guard try Int.fetchOne(database, sql: "SELECT count(*) FROM ledger_head") == 0 else { return }
                try database.execute(
                    sql: "INSERT INTO ledger_head VALUES (1, ?, ?, 0, ?, NULL)",
                    arguments: [gateway.rawValue, newEpoch, LedgerRow.data(genesis)])
            }
        }
        let kept = try handle.read { database in
            let head = try Row.fetchOne(database, sql: "SELECT gateway, epoch, held FROM ledger_head")
            guard let head, let owner: String = head.read("gateway"), let epoch: String = head.read("epoch") else {
                throw DamagedContent("it has no head")
            }
            guard owner == gateway.rawValue else {
                throw StorageError.unusable(
                    path: path, reason: "it belongs to gateway '\(owner)', the configuration says '\(gateway)'")
            }
            return (epoch: epoch, held: head.read("held", as: String.self))
        }
        epoch = kept.epoch
        held = Mutex(kept.held)
        let tail = LedgerTail(gateway: gateway, epoch: epoch)
        do { try handle.read { try tail.check($0) } } catch  where error.stopsWriting {
            // Kept as `stopped`.
        }
    }

    /// Commits everything in the transaction, or nothing.
    /// - Returns: the chain's head after it.
    @discardableResult
    public func commit(_ transaction: LedgerTransaction, at now: Timestamp) throws(StorageError) -> ChainHead {
        Failpoint.ledgerBeforeCommit.pass()
        let head = try handle.write { database in
            if let installation = transaction.installation {
                try SiteTables.install(installation, into: database)
            }
            var writer = try LedgerWriter(database: database, actor: transaction.actor, at: now.inMilliseconds)
            for change in transaction.changes { try writer.append(change) }
            for setting in transaction.settings { try SettingTable.put(setting, in: database) }
            for move in transaction.moves { try SiteTables.move(move, in: database) }
            if let command = transaction.command {
                try CommandTable.keep(command, in: database)
                try writer.append(.command(command.record))
            }
            Failpoint.ledgerWithinCommit.pass()
            return try writer.finish()
        }
        Failpoint.ledgerAfterCommit.pass()
        return head
    }

    /// Ends the use of the file; every later call fails. To open it again after `stopped`.
    public func close() throws(StorageError) { try handle.close() }

    public func head() throws(StorageError) -> ChainHead {
        try handle.read { try LedgerWriter.head($0) }
    }

    public func site() throws(StorageError) -> StoredSite {
        try handle.read { try SiteTables.load($0) }
    }

    /// The records after a sequence number, in order.
    /// - Parameters:
    ///   - limit: the most records.
    ///   - byteLimit: the most bytes of canonical JSON in all; the first record comes whatever its length.
    public func records(
        after sequence: Int64, limit: Int, byteLimit: Int = .max
    ) throws(StorageError) -> [LedgerRecord] {
        let records =
            if let month = try sealedMonths().first(where: { sequence < $0.last }) {
                try archivedRecords(of: month, after: sequence, limit: limit)
            } else {
                try handle.read { database in
                    try LedgerRow.fetch(
                        database, where: "ledger.sequence > ? ORDER BY ledger.sequence LIMIT ?", [sequence, limit])
                }
            }
        return records.withinBytes(byteLimit) { $0.json }
    }

    /// Whether the record after `sequence` is in a sealed month, whose file is unpacked from its start to read it.
    public func isSealed(after sequence: Int64) throws(StorageError) -> Bool {
        try sealedMonths().contains { sequence < $0.last }
    }

    /// The last postings of an account, oldest first, as far as they are not sealed; of what is sealed, the
    /// recharges.
    public func statement(of account: AccountID, limit: Int) throws(StorageError) -> [LedgerRecord] {
        try handle.read { database in
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
        try handle.read { try CommandTable.find(id, in: $0) }
    }

    /// Commands that were accepted and have no final state yet, in the platform's order.
    public func unfinishedCommands() throws(StorageError) -> [AnsweredCommand] {
        try handle.read { try CommandTable.unfinished($0) }
    }

    /// The highest position of the platform's commands that was taken; 0 before the first.
    public func commandPosition() throws(StorageError) -> Int64 {
        try handle.read { try Int64.fetchOne($0, sql: "SELECT max(position) FROM command") ?? 0 }
    }

    /// What the recharge of an account with this number was, if there was one.
    public func recharge(of account: AccountID, number: Int64) throws(StorageError) -> AppliedRecharge? {
        try handle.read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT * FROM recharge WHERE number = ? AND account = (SELECT key FROM account WHERE id = ?)
                    """, arguments: [number, account.rawValue])
            guard let row else { return nil }
            try RowSeal.check(row, of: .recharge)
            return AppliedRecharge(
                recharge: Recharge(
                    account: account, customerNumber: try row.need("customer_number"), issuer: try row.need("issuer"),
                    number: number, amount: Money(microunits: try row.need("amount"))),
                balanceAfter: Money(microunits: try row.need("balance_after")))
        }
    }

    /// The records that tell of a circuit's last ten openings, the newest first.
    public func openings(of circuit: CircuitID) throws(StorageError) -> [LedgerRecord] {
        try handle.read { try OpeningTable.records(of: circuit, in: $0) }
    }

    /// How far a consumer has acknowledged the ledger log; 0 before the first.
    public func cursor(of consumer: String) throws(StorageError) -> Int64 {
        try handle.read { try Cursors.position(of: consumer, in: $0) }
    }

    /// Moves a consumer's cursor forward; an acknowledgement that is old, or ahead of the log, is none.
    /// - Parameter withheld: records that it acknowledged without their content.
    public func advanceCursor(
        of consumer: String, through sequence: Int64, withheld: [Refusal] = []
    ) throws(StorageError) {
        Failpoint.cursorBeforeAdvance.pass()
        defer { Failpoint.cursorAfterAdvance.pass() }
        try handle.write { database in
            let last = try LedgerWriter.head(database).sequence
            try Cursors.advance(consumer, through: sequence, last: last, in: database)
            for refusal in withheld where refusal.sequence <= last {
                try WithheldTable.put(refusal, in: database)
            }
        }
    }

    /// Reads the whole chain and says whether it, the balances and everything else in the file are what
    /// they must be, the archive included. Commits go on meanwhile. A fault in the file stops all further writing.
    public func verify() throws(StorageError) -> LedgerVerification {
        let verification = try LedgerVerifier(handle: handle, gateway: gateway, epoch: epoch, archive: archive).verify()
        if let fault = verification.faults.first { handle.note(.damaged(path: path, reason: fault)) }
        return verification
    }
}
