internal import Logging
internal import Metering
public import Storage

extension RunningGateway {
    /// Opens the ledger; on a full disk in the room of the ballast.
    static func openLedger(
        in directory: DataDirectory, of gateway: GatewayID, epoch: String, ballast: Ballast, at now: Timestamp
    ) throws(GatewayProblem) -> OpenedLedger {
        do {
            do { return try directory.openLedger(gateway: gateway, newEpoch: epoch, at: now) } catch {
                guard case .full = error, ballast.release() else { throw error }
                return try directory.openLedger(gateway: gateway, newEpoch: epoch, at: now)
            }
        } catch {
            throw .device("\(error)")
        }
    }

    /// Says that the ledger was rebuilt, and what is to be done.
    static func tell(_ rebuilt: SuccessionSummary, to logger: Logger) {
        logger.critical(
            "the ledger was damaged and has been rebuilt; all money is held",
            metadata: [
                "old_files": "\(rebuilt.aside ?? "none")", "accounts": "\(rebuilt.accounts)",
                "suspects": "\(rebuilt.suspects.prefix(20).joined(separator: "; "))",
                "remedy":
                    "compare the balances with the platform (meterkeep ledger show ACCOUNT), then: meterkeep ledger release",
            ])
    }
}

extension SiteService {
    /// A person has looked at the balances and vouches for them: money moves again.
    /// - Returns: false where nothing was held.
    public func releaseLedger(actor: String) throws(StorageError) -> Bool {
        let isReleased = try ledger.release(actor: actor, at: clock.now())
        if isReleased {
            logger.notice("the ledger is released", metadata: ["actor": "\(actor)"])
            ledgerChanged.ring()
            tick()
        }
        return isReleased
    }
}
