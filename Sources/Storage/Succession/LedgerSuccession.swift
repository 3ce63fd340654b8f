private import Glibc
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// Why a ledger starts anew.
public enum SuccessionCause: Hashable, Sendable {
    /// The file is damaged; with what was found.
    case damage(String)
    /// A person put a backup in its place; with the backup's path.
    case restore(String)
}

/// What a new ledger began with.
public struct SuccessionSummary: Hashable, Sendable {
    /// The epoch it follows, and that one's last record; empty and 0 where nothing could be read.
    public let oldEpoch: String
    public let oldRecords: Int64
    public let accounts: Int
    /// Rows that were not as they had been written.
    public let suspects: [String]
    /// Where the old files are; nil where there were none.
    public internal(set) var aside: String?
}

/// Starts a new epoch of the ledger with the site and the balances of an older file. The old chain ends; the
/// new one begins with what caused it and one opening entry an account, and holds all money until a person
/// has looked. A kill at any moment leaves the old ledger in place or the new one, never none and never half.
///
/// The new one is built in a folder of its own, which gets its final name when all is written. Only then the
/// old files move aside, and the new file into their place; `complete` does this again after a kill.
struct LedgerSuccession {
    let directory: String
    let gateway: GatewayID

    private static let readyPrefix = "next-"
    private static let asidePrefix = "before-"
    /// Older ledgers that are kept beside the present one; who needs more copies them away.
    private static let mostAside = 8
    /// Suspects that are named in the record; more say nothing more.
    private static let namedSuspects = 20

    private var partPath: String { directory + "/next.part" }

    /// Builds the new ledger beside the old one.
    func prepare(
        from source: String, epoch: String, cause: SuccessionCause, at now: Timestamp
    ) throws(StorageError) -> SuccessionSummary {
        try clearPart()
        guard mkdir(partPath, 0o750) == 0 else { throw DurableFile.failure(partPath) }
        let copy = partPath + "/source.db"
        for suffix in ["-wal", ""] where DurableFile.exists(source + suffix) {
            try DurableFile.copy(source + suffix, to: copy + suffix)
        }
        let salvage = LedgerSalvage.read(copy: copy)
        for suffix in ["-wal", "-shm", ""] { try DurableFile.remove(copy + suffix) }
        try build(salvage, epoch: epoch, cause: cause, at: now)
        try DurableFile.move(partPath, to: "\(directory)/\(Self.readyPrefix)\(epoch)")
        return SuccessionSummary(
            oldEpoch: salvage.epoch, oldRecords: salvage.lastSequence, accounts: salvage.site.accounts.count,
            suspects: salvage.suspects)
    }

    /// Puts a new ledger that is ready in its place.
    /// - Returns: where the old files are; nil where nothing was ready or there were none.
    @discardableResult
    func complete() throws(StorageError) -> String? {
        guard let ready = try DurableFile.names(in: directory).first(where: { $0.hasPrefix(Self.readyPrefix) }) else {
            return nil
        }
        let folder = "\(directory)/\(ready)"
        let aside = "\(directory)/\(Self.asidePrefix)\(ready.dropFirst(Self.readyPrefix.count))"
        if DurableFile.exists(folder + "/ledger.db") {
            if mkdir(aside, 0o750) != 0, errno != EEXIST { throw DurableFile.failure(aside) }
            // The log before the file: without its file it is never taken for another one's.
            for name in ["ledger.db-wal", "ledger.db-shm", "ledger.db", "archive"]
            where DurableFile.exists("\(directory)/\(name)") {
                try DurableFile.move("\(directory)/\(name)", to: "\(aside)/\(name)")
            }
            try DurableFile.move(folder + "/ledger.db", to: directory + "/ledger.db")
        }
        guard rmdir(folder) == 0 else { throw DurableFile.failure(folder) }
        // What cannot be removed is in nobody's way.
        try? DurableFile.keepNewest(Self.mostAside, withPrefix: Self.asidePrefix, in: directory)
        // Nothing was there to be moved.
        return rmdir(aside) == 0 ? nil : aside
    }

    private func build(
        _ salvage: LedgerSalvage, epoch: String, cause: SuccessionCause, at now: Timestamp
    ) throws(StorageError) {
        let store = try LedgerStore(path: partPath + "/ledger.db", gateway: gateway, newEpoch: epoch)
        var first = LedgerChange()
        let reason: String
        switch cause {
        case .damage(let fault):
            reason = "rebuilt: \(fault)"
            first.events = [event(.ledgerRebuilt, salvage, ["fault": fault])]
        case .restore(let backup):
            reason = "restored from \(backup)"
            first.events = [event(.ledgerRestored, salvage, ["backup": backup])]
        }
        try store.commit(
            LedgerTransaction(
                changes: [first] + salvage.site.accounts.map { Self.opening($0) } + [Self.memory(of: salvage.site)],
                installation: salvage.site, settings: salvage.settings), at: now)
        try store.adopt(salvage.commands, hold: reason)
        // Closing moves everything into the one file.
        try store.close()
        try DurableFile.sync(partPath + "/ledger.db")
        try DurableFile.sync(partPath)
    }

    private func event(_ code: EventCode, _ salvage: LedgerSalvage, _ detail: [String: String]) -> Event {
        var detail = detail
        detail["old_epoch"] = salvage.epoch
        detail["old_records"] = String(salvage.lastSequence)
        detail["suspects"] = salvage.suspects.prefix(Self.namedSuspects).joined(separator: "; ")
        return Event(code, .gateway, detail)
    }

    private static func opening(_ account: Account) -> LedgerChange {
        var change = LedgerChange()
        change.account = account
        let isDebt = account.balance < .zero
        let customer = Book.customer(account.id)
        change.postings = [
            Posting(
                account: account.id, cause: .opening, debit: isDebt ? customer : .opening,
                credit: isDebt ? .opening : customer,
                amount: Money(microunits: Int64(clamping: account.balance.microunits.magnitude)),
                balanceAfter: account.balance, carryTenthsAfter: account.carryTenths)
        ]
        return change
    }

    private static func memory(of site: StoredSite) -> LedgerChange {
        var change = LedgerChange()
        for circuit in site.circuits {
            if let posted = circuit.posted { change.marks[circuit.id] = posted }
            change.breakers[circuit.id] = circuit.memory
        }
        return change
    }

    /// What an attempt before this one left.
    private func clearPart() throws(StorageError) {
        guard DurableFile.exists(partPath) else { return }
        for name in try DurableFile.names(in: partPath) { try DurableFile.remove("\(partPath)/\(name)") }
        guard rmdir(partPath) == 0 else { throw DurableFile.failure(partPath) }
    }
}
