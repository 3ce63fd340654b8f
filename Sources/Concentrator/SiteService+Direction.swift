internal import Logging
internal import Metering
internal import Prepaid
public import Storage

extension SiteService {
    /// Gives their turn to the moves that may go ahead now. Called after everything that may make one wait.
    func direct() {
        guard !waits.isEmpty, !isParked else { return }
        let now = clock.now()
        let direction = director.direct(waits, now: now.monotonic, using: &generator)
        for circuit in direction.turns {
            guard let key = groupOfCircuit[circuit] else { continue }
            change(key, now: now) { group, site in group.giveTurn(circuit, now: now, site: site) }
        }
        guard direction.isNewlyHeld else { return }
        let count = heldCuts
        logger.critical(
            "credit cuts are held: too many circuits fell due at once",
            metadata: ["held": "\(count)", "remedy": "check prices and clock, then: meterkeep confirm-cuts"])
        note(
            Event(
                .massCutHeld, .gateway, ["held": String(count), "circuits": String(director.cuts.circuitCount)]),
            at: now)
    }

    /// Circuits whose credit cut waits for a person's confirmation.
    public var heldCuts: Int { director.cuts.isHeld ? waits.values.count { $0 == .admission } : 0 }

    /// A person has looked and says that the credit cuts that are held are right.
    /// - Parameter actor: who says so, for the ledger.
    /// - Returns: how many go ahead; 0 where none was held.
    public func confirmCuts(actor: String) throws(StorageError) -> Int {
        let count = heldCuts
        guard count > 0 else { return 0 }
        try record([Event(.massCutConfirmed, .gateway, ["confirmed": String(count)])], actor: actor, at: clock.now())
        director.cuts.confirm()
        direct()
        return count
    }
}
