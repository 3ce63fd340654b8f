public import Metering
public import Prepaid
public import Storage
public import UplinkProtocol

/// Everything about one circuit that explains why its breaker is as it is.
public struct CircuitView: Sendable {
    public let now: Timestamp
    public let status: CircuitStatus
    public let memory: BreakerMemory
    public let rules: CircuitRules
    /// What was last taken for a forbidden appliance since the daemon started or the settings changed.
    public let lastFinding: MalignantFinding?
    /// The timer window in force; nil without a timer, or before the clock was trusted.
    public let window: TimerWindow?
    /// When time alone may change the answer; nil where nothing is due.
    public let nextChange: Duration?
    /// What the ledger tells of the last openings, newest first.
    public let openings: [LedgerRecord]
}

extension SiteService {
    /// Nil for a circuit that is not there.
    public func view(of circuit: CircuitID) throws(StorageError) -> CircuitView? {
        guard let key = groupOfCircuit[circuit], let group = groups[key],
            let state = group.circuits.first(where: { $0.circuit.id == circuit }),
            let status = circuitStatus(state, of: group)
        else { return nil }
        let now = clock.now()
        return CircuitView(
            now: now, status: status, memory: state.reconciler.memory, rules: state.rules,
            lastFinding: state.lastMalignantFinding, window: state.timer.window,
            nextChange: nextLooks[key].map { max($0 - now.monotonic, .zero) },
            openings: try ledger.openings(of: circuit))
    }
}
