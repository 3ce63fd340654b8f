internal import GRDB
public import Metering
internal import Prepaid
internal import Synchronization
internal import UplinkProtocol

extension LedgerStore {
    /// Why no money may move until a person has looked at the balances: the file was rebuilt or restored.
    /// Nil is as usual. Kept over restarts.
    public var holdReason: String? { held.withLock { $0 } }

    /// A person has looked at the balances and vouches for them.
    /// - Parameter actor: who.
    /// - Returns: false where nothing was held.
    @discardableResult
    public func release(actor: String, at now: Timestamp) throws(StorageError) -> Bool {
        guard let reason = holdReason else { return false }
        try handle.write { database in
            var writer = try LedgerWriter(database: database, actor: actor, at: now.inMilliseconds)
            try writer.append(.event(Event(.ledgerReleased, .gateway, ["held": reason])))
            _ = try writer.finish()
            try database.execute(sql: "UPDATE ledger_head SET held = NULL")
        }
        held.withLock { $0 = nil }
        return true
    }

    /// Takes over the commands of the ledger before this one, whose ids are known for ever, and holds all
    /// money from now on.
    func adopt(_ commands: [AnsweredCommand], hold reason: String) throws(StorageError) {
        try handle.write { database in
            for command in commands { try CommandTable.keep(command, in: database) }
            try database.execute(sql: "UPDATE ledger_head SET held = ?", arguments: [reason])
        }
        held.withLock { $0 = reason }
    }

    /// Whether a commit goes through now: writes what is there already.
    public func probe() throws(StorageError) {
        try handle.write { try $0.execute(sql: "UPDATE ledger_head SET last_sequence = last_sequence") }
    }
}
