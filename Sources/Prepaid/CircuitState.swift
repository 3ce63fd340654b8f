public import Metering

/// One circuit with all that is remembered about it.
public struct CircuitState: Hashable, Sendable {
    public internal(set) var circuit: SiteCircuit
    /// The counter at the last posting.
    public internal(set) var posted: CounterMark?
    public internal(set) var track: CounterTrack
    public internal(set) var reconciler: BreakerReconciler
    /// The last plausible reading of this run of the daemon.
    public internal(set) var lastReadingAt: MonotonicTime?
    /// mW, at that reading; nil where the meter does not say.
    public internal(set) var activePower: Int64?
    /// What the rules last said.
    public internal(set) var decision: BreakerDecision?
    /// Plausible readings of this circuit in a row that found the balance below the cut-off: a second one
    /// of the same meter confirms the first, one of another meter does not.
    var readingsBelowCutOff = 0
    /// Readings in a row that show a current though the breaker is open.
    var readingsWhileOpen = 0
    public internal(set) var gate: SwitchingGate
    public internal(set) var timer: CircuitTimer
    var reminder: LowBalanceReminder
    var protection: CircuitProtection
    /// The stretch of the tariff that the last readings lay in.
    var stretch: TariffStretch?
    /// What the wanted move waits for; nil where none is wanted or it is under way.
    public internal(set) var waitsFor: MoveWait?

    /// - Parameters:
    ///   - posted: the counter at the last posting, from the ledger.
    ///   - lastAccepted: the last accepted value, from telemetry; may be missing or older than `posted`.
    public init(
        circuit: SiteCircuit, posted: CounterMark?, lastAccepted: CounterMark?, memory: BreakerMemory,
        rules: CircuitRules = .standard
    ) {
        self.circuit = circuit
        self.posted = posted
        let start: CounterMark? =
            if let posted, let lastAccepted {
                circuit.counter.resumed(posted: posted, lastAccepted: lastAccepted)
            } else {
                posted ?? lastAccepted
            }
        track = CounterTrack(rules: circuit.counter, lastAccepted: posted == nil ? nil : start)
        reconciler = BreakerReconciler(memory: memory, rules: rules.switching)
        gate = SwitchingGate(rules: rules.switching)
        timer = CircuitTimer(table: rules.timer, remembered: memory.timerWindow)
        reminder = LowBalanceReminder(isDone: memory.isReminderDone)
        protection = CircuitProtection(rules: rules, memory: memory)
        if protection.needsFastPower { protection.note(in: &reconciler.memory) }
    }

    /// The rules it is switched by now.
    public var rules: CircuitRules {
        CircuitRules(
            switching: gate.rules, timer: timer.table, overload: protection.overload?.settings,
            malignant: protection.malignant?.settings)
    }

    /// Takes new safety rules; a rule that stays the same goes on watching, and its lockout and count stay.
    mutating func setProtection(_ rules: CircuitRules) {
        let fresh = CircuitProtection(rules: rules, memory: reconciler.memory)
        guard fresh.needsFastPower || protection.needsFastPower else { return }
        if protection.overload?.settings != fresh.overload?.settings { protection.overload = fresh.overload }
        if protection.malignant?.settings != fresh.malignant?.settings { protection.malignant = fresh.malignant }
        protection.note(in: &reconciler.memory)
    }

    /// Whether no boundary of the tariff lies between the last posting and a reading.
    mutating func isInOneStretch(
        _ posted: CounterMark, _ mark: CounterMark, of tariff: Tariff, zone: TimeZoneTable
    ) -> Bool {
        // Between a time that is trusted and one that is not lies a boundary of its own.
        let isKnown = mark.at.trust != .untrusted
        guard isKnown == (posted.at.trust != .untrusted) else { return false }
        if !isKnown { return true }
        if stretch?.covers(posted.at.wall, mark.at.wall) != true {
            stretch = tariff.stretch(at: posted.at.wall, zone: zone)
        }
        return stretch?.covers(posted.at.wall, mark.at.wall) == true
    }

    var counter: CircuitCounter { CircuitCounter(circuit: circuit, posted: posted, accepted: track.lastAccepted) }
}
