public import Metering
internal import UplinkProtocol

/// A ledger as it was opened.
public struct OpenedLedger: Sendable {
    public let store: LedgerStore
    /// What it began with, where the old one was damaged and had to be rebuilt; it holds all money then.
    public let rebuilt: SuccessionSummary?
}

extension DataDirectory {
    private var damagePath: String { path + "/ledger.damaged" }

    /// Remembers that damage was found, for the next start: opening alone looks at the end of the chain.
    /// - Parameter fault: what was found.
    public func noteDamage(_ fault: String) throws(StorageError) {
        try DurableFile.replace(damagePath, with: Array(fault.utf8.prefix(1000)))
    }

    /// Opens the ledger, or starts one. A damaged one is moved aside under a new name, and what can be read
    /// of it begins a new epoch that holds all money until a person has looked.
    public func openLedger(
        gateway: GatewayID, newEpoch: String, at now: Timestamp
    ) throws(StorageError) -> OpenedLedger {
        let succession = LedgerSuccession(directory: path, gateway: gateway)
        try succession.complete()
        if let fault = DurableFile.content(of: damagePath, atMost: 1000) {
            return try rebuild(succession, fault: fault, gateway: gateway, newEpoch: newEpoch, at: now)
        }
        do {
            let store = try LedgerStore(path: ledgerPath, gateway: gateway, newEpoch: newEpoch)
            guard case .damaged(_, let fault)? = store.stopped else { return OpenedLedger(store: store, rebuilt: nil) }
            try? store.close()
            return try rebuild(succession, fault: fault, gateway: gateway, newEpoch: newEpoch, at: now)
        } catch {
            guard case .damaged(_, let fault) = error else { throw error }
            return try rebuild(succession, fault: fault, gateway: gateway, newEpoch: newEpoch, at: now)
        }
    }

    private func rebuild(
        _ succession: LedgerSuccession, fault: String, gateway: GatewayID, newEpoch: String, at now: Timestamp
    ) throws(StorageError) -> OpenedLedger {
        var summary = try succession.prepare(from: ledgerPath, epoch: newEpoch, cause: .damage(fault), at: now)
        summary.aside = try succession.complete()
        try DurableFile.remove(damagePath)
        let store = try LedgerStore(path: ledgerPath, gateway: gateway, newEpoch: newEpoch)
        return OpenedLedger(store: store, rebuilt: summary)
    }

    /// Puts a backup in the ledger's place, as the beginning of a new epoch that holds all money until a
    /// person has looked.
    /// - Parameters:
    ///   - discardsLater: also where the present ledger has records that the backup does not have.
    /// - Throws: `.refused` where the backup is not a sound ledger of this gateway, or is behind the present
    ///   one.
    public func restoreLedger(
        from backup: String, gateway: GatewayID, newEpoch: String, discardsLater: Bool, at now: Timestamp
    ) throws(StorageError) -> SuccessionSummary {
        let succession = LedgerSuccession(directory: path, gateway: gateway)
        try succession.complete()
        let kept = try soundHead(of: backup, gateway: gateway)
        if !discardsLater, DurableFile.exists(ledgerPath),
            let present = try? LedgerStore(path: ledgerPath, gateway: gateway, newEpoch: newEpoch)
        {
            defer { try? present.close() }
            if present.stopped == nil, let head = try? present.head(), head.sequence > 0 {
                guard present.epoch == kept.epoch, head.sequence <= kept.sequence else {
                    let later = present.epoch == kept.epoch ? head.sequence - kept.sequence : head.sequence
                    throw .refused(
                        "the present ledger is sound and has \(later) records that the backup does not have; they would be lost (--discard-later does it all the same)"
                    )
                }
            }
        }
        var summary = try succession.prepare(from: backup, epoch: newEpoch, cause: .restore(backup), at: now)
        summary.aside = try succession.complete()
        try DurableFile.remove(damagePath)
        return summary
    }

    /// The epoch and the last record of a backup, which is looked at in a copy.
    private func soundHead(
        of backup: String, gateway: GatewayID
    ) throws(StorageError) -> (epoch: String, sequence: Int64) {
        guard DurableFile.exists(backup) else { throw .refused("\(backup) is not there") }
        let copy = path + "/backup.check"
        defer { for suffix in ["-wal", "-shm", ""] { try? DurableFile.remove(copy + suffix) } }
        try DurableFile.copy(backup, to: copy)
        do {
            let store = try LedgerStore(path: copy, gateway: gateway, newEpoch: "check")
            defer { try? store.close() }
            if let stopped = store.stopped { throw stopped }
            return (store.epoch, try store.head().sequence)
        } catch {
            throw .refused("\(backup) is no sound ledger of gateway '\(gateway)': \(error)")
        }
    }
}
