public import Metering

/// The safety rules of a circuit at work.
struct CircuitProtection: Hashable, Sendable {
    var overload: OverloadGuard?
    var malignant: MalignantLoadGuard?

    /// - Parameter memory: the lockouts and counts to go on from.
    init(rules: CircuitRules, memory: BreakerMemory) {
        overload = rules.overload.map { OverloadGuard(settings: $0, lockout: memory.overload) }
        malignant = rules.malignant.flatMap { settings in
            settings.mode == .off ? nil : MalignantLoadGuard(settings: settings, lockout: memory.malignant)
        }
    }

    var needsFastPower: Bool { overload != nil || malignant != nil }

    /// When a lockout ends or a count is forgotten by time alone.
    func moments(ahead now: Timestamp) -> [MonotonicTime] {
        [
            overload?.lockout.release(after: now), overload?.clearing(after: now),
            malignant?.lockout.release(after: now),
        ].compactMap { $0 }
    }

    /// Writes what must outlive this run into the breaker's memory. A rule that is no longer set holds no breaker.
    func note(in memory: inout BreakerMemory) {
        memory.overload = overload?.lockout ?? ProtectionLockout()
        memory.malignant = malignant?.lockout ?? ProtectionLockout()
        memory.lockout = lockout
    }

    func isNoted(in memory: BreakerMemory) -> Bool {
        memory.lockout == lockout && memory.overload == overload?.lockout ?? ProtectionLockout()
            && memory.malignant == malignant?.lockout ?? ProtectionLockout()
    }

    private var lockout: Lockout? {
        if overload?.isLockedOut == true { return .overload }
        return malignant?.isLockedOut == true ? .malignantLoad : nil
    }
}

extension CircuitState {
    fileprivate var isProtectionNoted: Bool { protection.isNoted(in: reconciler.memory) }
}

extension SupplyGroup {
    /// A reading beyond this many times what the circuit can draw is garbage, and no ground for a trip.
    private static let implausiblePowerFactor: Int64 = 10

    /// An operator ends a circuit's lockout; its count starts again.
    public mutating func releaseLockout(
        of circuit: CircuitID, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        var outcome = GroupOutcome()
        guard let index = index(of: circuit) else { return outcome }
        report(circuits[index].protection.overload?.releaseByCommand(now: now) ?? [], at: index, into: &outcome)
        report(circuits[index].protection.malignant?.releaseByCommand() ?? [], at: index, into: &outcome)
        rememberLockouts(at: index, into: &outcome)
        evaluate(now: now, site: site, into: &outcome)
        return outcome
    }

    /// Shows a circuit's power to its safety rules. `followLockouts` remembers what came of it.
    mutating func protect(
        activePower: Int64, reactivePower: Int64?, at index: Int, now: Timestamp, into outcome: inout GroupOutcome
    ) {
        let circuit = circuits[index].circuit
        guard circuit.commodity == .electricity, circuits[index].protection.needsFastPower else { return }
        let (largest, overflow) = circuit.counter.ratedPerHour.multipliedReportingOverflow(
            by: 1_000 * Self.implausiblePowerFactor)
        guard overflow || activePower.magnitude <= largest.magnitude else {
            circuits[index].protection.overload?.missedReading()
            return
        }
        let window = circuits[index].timer.window
        let overload = circuits[index].protection.overload?.observe(
            powerMilliwatts: activePower, window: window, now: now)
        if let overload, !overload.isEmpty { report(overload, at: index, into: &outcome) }
        let malignant = circuits[index].protection.malignant?.observe(
            activeMilliwatts: activePower, reactiveMillivars: reactivePower, now: now)
        if let malignant, !malignant.isEmpty { report(malignant, at: index, into: &outcome) }
    }

    /// Time went by: lockouts end, counts are forgotten.
    mutating func followLockouts(at index: Int, now: Timestamp, into outcome: inout GroupOutcome) {
        guard circuits[index].protection.needsFastPower else { return }
        let window = circuits[index].timer.window
        let overload = circuits[index].protection.overload?.tick(window: window, now: now)
        if let overload, !overload.isEmpty { report(overload, at: index, into: &outcome) }
        let malignant = circuits[index].protection.malignant?.tick(now: now)
        if let malignant, !malignant.isEmpty { report(malignant, at: index, into: &outcome) }
        rememberLockouts(at: index, into: &outcome)
    }

    private mutating func rememberLockouts(at index: Int, into outcome: inout GroupOutcome) {
        guard !circuits[index].isProtectionNoted else { return }
        let protection = circuits[index].protection
        protection.note(in: &circuits[index].reconciler.memory)
        outcome.change.breakers[circuits[index].circuit.id] = circuits[index].reconciler.memory
    }

    private func report(_ findings: [OverloadFinding], at index: Int, into outcome: inout GroupOutcome) {
        let subject = EventSubject.circuit(circuits[index].circuit.id)
        for finding in findings {
            let event =
                switch finding {
                case .tripped(let trip):
                    Event(
                        .overloadTripped, subject,
                        [
                            "active_power_mw": String(trip.powerMilliwatts), "limit_mw": String(trip.limitMilliwatts),
                            "lasting_ms": String(trip.lasting.wholeMilliseconds), "count": String(trip.count),
                            "release": trip.release.code,
                        ])
                case .released: Event(.lockoutReleased, subject, ["lockout": Lockout.overload.rawValue])
                case .countCleared: Event(.overloadCountCleared, subject)
                }
            outcome.change.events.append(event)
        }
    }

    private func report(_ events: [MalignantEvent], at index: Int, into outcome: inout GroupOutcome) {
        let subject = EventSubject.circuit(circuits[index].circuit.id)
        for event in events {
            switch event {
            case .alarm(let finding):
                outcome.change.events.append(Event(.malignantAlarm, subject, facts(of: finding, at: index)))
            case .tripped(let finding, let count, let release):
                var facts = facts(of: finding, at: index)
                facts["count"] = String(count)
                facts["release"] = release.code
                outcome.change.events.append(Event(.malignantTripped, subject, facts))
            case .released:
                outcome.change.events.append(
                    Event(.lockoutReleased, subject, ["lockout": Lockout.malignantLoad.rawValue]))
            // For a replay, not for the books.
            case .passed: break
            }
        }
    }

    private func facts(of finding: MalignantFinding, at index: Int) -> [String: String] {
        let step = finding.step
        var facts = [
            "verdict": finding.verdict.code, "power_mw": String(step.activeMilliwatts),
            "before_mw": String(step.before.activeMilliwatts), "evidence": step.evidenceText,
        ]
        if let factor = step.powerFactor { facts["power_factor_millionths"] = String(factor.millionths) }
        if let settings = circuits[index].protection.malignant?.settings {
            facts["reason"] = settings.explanation(of: finding)
        }
        return facts
    }
}

extension CircuitState {
    /// The last load on it that was taken for a forbidden one; nil since the last start or change of settings.
    public var lastMalignantFinding: MalignantFinding? { protection.malignant?.lastFinding }
}

extension LockoutRelease {
    /// `after 300 s`, `end_of_window`, `command`.
    var code: String {
        switch self {
        case .after(let delay): "after \(delay.components.seconds) s"
        case .endOfWindow: "end_of_window"
        case .command: "command"
        }
    }
}

extension LoadStep {
    /// The samples around the step: `MILLISECONDS:MILLIWATTS:MILLIVARS` with times from the step on, the last
    /// part empty where the meter gives none. At most 24 of them.
    var evidenceText: String {
        evidence.map { sample in
            let offset = (sample.at - at).wholeMilliseconds
            return "\(offset):\(sample.activeMilliwatts):\(sample.reactiveMillivars.map { String($0) } ?? "")"
        }.joined(separator: " ")
    }
}
