internal import Metering

extension CircuitState {
    /// The rules want supply, and it is for a person to switch it on.
    var expectsClosingByHand: Bool {
        decision?.want == .closed && (waitsFor == .user || reconciler.memory.isOpenedElsewhere)
    }

    /// The timer's window and the reminder.
    /// - Parameter alarm: nil where nobody is to be reminded.
    /// - Returns: whether what must outlive this run has changed.
    fileprivate mutating func followTime(now: Timestamp, site: SiteConditions, alarm: AlarmLevel?) -> Bool {
        timer.follow(now, calendar: site.calendar, zone: site.zone)
        var hasChanged = false
        if reconciler.memory.timerWindow != timer.window {
            reconciler.memory.timerWindow = timer.window
            hasChanged = true
        }
        if let alarm, circuit.commodity == .electricity {
            reminder.follow(level: alarm, now: now.monotonic)
            if reconciler.memory.isReminderDone != reminder.isDone {
                reconciler.memory.isReminderDone = reminder.isDone
                hasChanged = true
            }
        }
        return hasChanged
    }
}

extension SupplyGroup {
    /// More than this, mW, through an open breaker is no measuring error.
    static let leakageMilliwatts: Int64 = 20_000
    /// Readings in a row that must show it.
    static let readingsToBelieveLeakage = 2
    /// A silence longer than this, with an energy jump at its end, looks like a bypass.
    static let longSilence = Duration.seconds(3_600)
    /// What was used in the silence: at least one in so many of what the circuit can draw.
    static let jumpDivisor: Int64 = 10

    /// What depends on the time alone: the timer's window, the reminder.
    mutating func followTime(at index: Int, now: Timestamp, site: SiteConditions, into outcome: inout GroupOutcome) {
        let alarm = rules.remindsOfLowBalance ? account?.alarm : nil
        if circuits[index].followTime(now: now, site: site, alarm: alarm) {
            outcome.change.breakers[circuits[index].circuit.id] = circuits[index].reconciler.memory
        }
        followLockouts(at: index, now: now, into: &outcome)
    }

    func conditions(at index: Int, now: Timestamp, site: SiteConditions) -> BreakerConditions {
        var conditions = BreakerConditions()
        conditions.isMaintenanceLocked = circuits[index].reconciler.memory.isMaintenanceLocked
        conditions.mode = circuits[index].reconciler.memory.mode
        conditions.guaranteeOutranksLockouts = circuits[index].gate.rules.guaranteeOutranksLockouts
        conditions.lockout = circuits[index].reconciler.memory.lockout
        conditions.account =
            switch account?.state {
            case nil: .none
            case .closed: .closed
            case .open: .open
            }
        conditions.credit = account?.alarm == .cut ? .exhausted : .sufficient
        conditions.protection = protection(now: now, site: site)
        conditions.timer = circuits[index].timer.state
        conditions.isClockTrusted = now.trust != .untrusted
        conditions.isReminderDue = circuits[index].reminder.isRunning(now: now.monotonic)
        conditions.doubt = doubt(about: index, now: now, site: site)
        return conditions
    }

    private func protection(now: Timestamp, site: SiteConditions) -> CutProtection {
        if rules.isVulnerable { return .always }
        let isProtected = rules.protectedPeriods.protects(
            at: now, untrustedFor: site.untrustedFor, calendar: site.calendar, zone: site.zone)
        return isProtected ? .period : .none
    }

    private func doubt(about index: Int, now: Timestamp, site: SiteConditions) -> Doubt? {
        if !site.isLedgerUsable { return .ledgerUnusable }
        if circuits[index].track.agreeingSinceStart < CounterTrack.readingsToAgree { return .tooFewReadings }
        guard let last = circuits[index].lastReadingAt, now.monotonic - last <= site.staleAfter else {
            return .staleData
        }
        if hasUnknownRecharge { return .rechargeUnknown }
        return nil
    }

    /// Moves the breaker where the decision wants it. A move is a posting boundary: what was used under
    /// the old position is posted with it.
    mutating func order(
        _ decision: BreakerDecision, at index: Int, now: Timestamp, balance: Money?, into outcome: inout GroupOutcome,
        site: SiteConditions
    ) {
        let circuit = circuits[index].circuit
        guard let breaker = circuit.breaker else { return }
        circuits[index].waitsFor = wait(for: decision, at: index, now: now, site: site)
        guard circuits[index].waitsFor == nil else { return }
        let before = circuits[index].reconciler.memory
        let (action, notices) = circuits[index].reconciler.reconcile(want: decision.want, now: now.monotonic)
        report(notices, at: index, into: &outcome)
        if circuits[index].reconciler.memory != before {
            outcome.change.breakers[circuit.id] = circuits[index].reconciler.memory
        }
        guard case .write(let position) = action else { return }
        circuits[index].gate.moved(to: position, by: decision.rule, now: now.monotonic)
        settle(zone: site.zone, into: &outcome)
        var detail = ["position": position.rawValue, "rule": decision.rule.rawValue]
        if let power = circuits[index].activePower { detail["active_power_mw"] = String(power) }
        if let balance { detail["balance_microunits"] = String(balance.microunits) }
        outcome.change.events.append(Event(.breakerCommanded, .circuit(circuit.id), detail))
        outcome.orders.append(
            BreakerOrder(
                circuit: circuit.id, breaker: breaker, position: position, rule: decision.rule,
                decidedAt: now.monotonic))
    }

    /// What a wanted move waits for. A move that was begun is not asked again.
    private mutating func wait(
        for decision: BreakerDecision, at index: Int, now: Timestamp, site: SiteConditions
    ) -> MoveWait? {
        let memory = circuits[index].reconciler.memory
        guard let wanted = decision.want.position, let confirmed = memory.confirmed, wanted != confirmed else {
            circuits[index].gate.withdraw()
            return nil
        }
        guard memory.intended != wanted, wanted == .open || !memory.isOpenedElsewhere else { return nil }
        return circuits[index].gate.wait(
            for: wanted, by: decision.rule, isDirected: site.isDirected, now: now.monotonic)
    }

    /// A credit cut that waits for the end of a protected period is told once.
    func reportWaitingCut(_ decision: BreakerDecision, at index: Int, into outcome: inout GroupOutcome) {
        guard decision.rule == .noCreditProtected, circuits[index].decision?.rule != .noCreditProtected else { return }
        outcome.change.events.append(Event(.creditCutWaits, .circuit(circuits[index].circuit.id)))
    }

    /// A current though the breaker is open: welded, or bypassed.
    mutating func watchOpenBreaker(at index: Int, into outcome: inout GroupOutcome) {
        guard circuits[index].reconciler.memory.confirmed == .open,
            circuits[index].reconciler.memory.intended == nil, let power = circuits[index].activePower,
            power > Self.leakageMilliwatts
        else {
            circuits[index].readingsWhileOpen = 0
            return
        }
        guard circuits[index].readingsWhileOpen < Self.readingsToBelieveLeakage else { return }
        circuits[index].readingsWhileOpen += 1
        guard circuits[index].readingsWhileOpen == Self.readingsToBelieveLeakage else { return }
        outcome.change.events.append(
            Event(.weldedOrBypassed, .circuit(circuits[index].circuit.id), ["active_power_mw": String(power)]))
    }

    /// No answer for long while this daemon was asking, then an energy jump.
    func suspectBypass(
        delta: Int64, since before: CounterMark, until mark: CounterMark, circuit: SiteCircuit,
        into outcome: inout GroupOutcome
    ) {
        guard let silence = mark.at.elapsed(since: before.at), silence >= Self.longSilence,
            delta >= circuit.counter.largestDelta(in: silence) / Self.jumpDivisor
        else { return }
        outcome.change.events.append(
            Event(
                .bypassSuspected, .circuit(circuit.id),
                ["used": String(delta), "silent_s": String(silence.components.seconds)]))
    }
}
