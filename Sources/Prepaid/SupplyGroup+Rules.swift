internal import Metering

extension SupplyGroup {
    /// What the counter's finding means for the books.
    mutating func note(
        _ finding: CounterFinding, mark: CounterMark, before: CounterMark?, at index: Int, zone: TimeZoneTable,
        into outcome: inout GroupOutcome
    ) {
        let circuit = circuits[index].circuit
        let subject = EventSubject.circuit(circuit.id)
        switch finding {
        case .pending, .waiting: break
        case .accepted(let delta):
            followTariff(to: mark, after: before, at: index, zone: zone, into: &outcome)
            if let before, circuits[index].lastReadingAt != nil {
                suspectBypass(delta: delta, since: before, until: mark, circuit: circuit, into: &outcome)
            }
        case .baseline:
            circuits[index].posted = mark
            outcome.change.marks[circuit.id] = mark
            outcome.change.events.append(Event(.counterBaseline, subject, ["counter": String(mark.value)]))
        case .recovered:
            followTariff(to: mark, after: before, at: index, zone: zone, into: &outcome)
            outcome.change.events.append(Event(.counterRecovered, subject, ["counter": String(mark.value)]))
        case .quarantined(let move):
            outcome.change.events.append(
                Event(
                    .counterQuarantined, subject,
                    [
                        "move": move.rawValue, "counter": String(mark.value),
                        "last_accepted": before.map { String($0.value) } ?? "none",
                    ]))
        case .released(let from, let to):
            settle(circuitsEndingAt: [circuit.id: from], zone: zone, into: &outcome)
            circuits[index].posted = to
            outcome.change.marks[circuit.id] = to
            outcome.change.events.append(
                Event(.counterReleased, subject, ["from": String(from.value), "to": String(to.value)]))
        }
    }

    /// Posts consumption. `circuitsEndingAt` bounds single circuits to another mark than the last accepted
    /// one.
    mutating func settle(
        circuitsEndingAt ends: [CircuitID: CounterMark] = [:], zone: TimeZoneTable, into outcome: inout GroupOutcome
    ) {
        if let fault = settleOrFault(circuitsEndingAt: ends, zone: zone, into: &outcome) {
            reportFault(fault, into: &outcome)
        }
    }

    /// - Parameter boundary: the last reading of a circuit before a boundary of the tariff.
    mutating func settleOrFault(
        circuitsEndingAt ends: [CircuitID: CounterMark] = [:], boundary: [CircuitID: CounterMark] = [:],
        zone: TimeZoneTable, into outcome: inout GroupOutcome
    ) -> SettlementFault? {
        // What is counted after the final settlement is nobody's debt.
        guard let account, account.state == .open else { return nil }
        let counters = circuits.map { state in
            CircuitCounter(
                circuit: state.circuit, posted: state.posted,
                accepted: ends[state.circuit.id] ?? state.track.lastAccepted,
                beforeBoundary: boundary[state.circuit.id])
        }
        do {
            let settlement = try account.settlingConsumption(counters, zone: zone)
            for (circuit, mark) in settlement.marks {
                guard let index = index(of: circuit) else { continue }
                circuits[index].posted = mark
                outcome.change.marks[circuit] = mark
            }
            guard !settlement.postings.isEmpty else { return nil }
            self.account = settlement.account
            outcome.change.postings += settlement.postings
            outcome.change.account = settlement.account
            return nil
        } catch { return error }
    }

    /// Posts where a reading is the first one after a boundary of the tariff, and takes a tariff that is due.
    mutating func followTariff(
        to mark: CounterMark, after before: CounterMark?, at index: Int, zone: TimeZoneTable,
        into outcome: inout GroupOutcome
    ) {
        guard let account, account.tariff != nil else { return }
        if let before, let posted = circuits[index].posted, !account.effectiveTariff.isTimeless,
            !circuits[index].isInOneStretch(posted, mark, of: account.effectiveTariff, zone: zone)
        {
            let fault = settleOrFault(
                boundary: [circuits[index].circuit.id: before], zone: zone, into: &outcome)
            if let fault { reportFault(fault, into: &outcome) }
            circuits[index].stretch = nil
        }
        guard let adopted = account.tariff?.adopted(at: mark.at) else { return }
        settle(zone: zone, into: &outcome)
        forgetStretches()
        self.account?.tariff = adopted
        outcome.change.account = self.account
        outcome.change.hasNewTariff = true
        outcome.change.events.append(Event(.tariffChanged, .account(account.id)))
    }

    /// Raises and clears alarms, then decides every breaker of the group.
    mutating func evaluate(now: Timestamp, site: SiteConditions, into outcome: inout GroupOutcome) {
        evaluate(balance: live(zone: site.zone), now: now, site: site, into: &outcome)
    }

    /// - Parameter balance: what `live` gives now.
    mutating func evaluate(
        balance: Money?, now: Timestamp, site: SiteConditions, into outcome: inout GroupOutcome
    ) {
        liveBalance = balance
        if let balance { updateAlarm(balance: balance, into: &outcome) }
        for index in circuits.indices {
            followTime(at: index, now: now, site: site, into: &outcome)
            var conditions = conditions(at: index, now: now, site: site)
            if account != nil, balance == nil { conditions.doubt = .ledgerUnusable }
            let decision = conditions.decision
            reportWaitingCut(decision, at: index, into: &outcome)
            circuits[index].decision = decision
            order(decision, at: index, now: now, balance: balance, into: &outcome, site: site)
        }
    }

    mutating func countReadingBelowCutOff(at index: Int, balance: Money?) {
        guard let account, let balance, balance < account.settings.cutOff else {
            forgetReadingsBelowCutOff()
            return
        }
        circuits[index].readingsBelowCutOff = min(circuits[index].readingsBelowCutOff + 1, Self.readingsToCut)
    }

    mutating func forgetReadingsBelowCutOff() {
        for index in circuits.indices { circuits[index].readingsBelowCutOff = 0 }
    }

    private var isCutConfirmed: Bool { circuits.contains { $0.readingsBelowCutOff >= Self.readingsToCut } }

    mutating func report(_ notices: [ReconcileNotice], at index: Int, into outcome: inout GroupOutcome) {
        let subject = EventSubject.circuit(circuits[index].circuit.id)
        for notice in notices {
            let event =
                switch notice {
                case .confirmed(let position): Event(.breakerConfirmed, subject, ["position": position.rawValue])
                case .openedElsewhere: Event(.openedElsewhere, subject)
                case .tamper: Event(.tamper, subject)
                case .closedByHand: Event(.closedByHand, subject)
                case .mismatch(let wanted, let tries):
                    Event(.breakerMismatch, subject, ["wanted": wanted.rawValue, "tries": String(tries)])
                }
            outcome.change.events.append(event)
        }
    }

    private mutating func updateAlarm(balance: Money, into outcome: inout GroupOutcome) {
        guard var account, account.state == .open else { return }
        let level = account.settings.alarmLevel(
            balance: balance, current: account.alarm, mayCut: isCutConfirmed)
        guard level != account.alarm else { return }
        let code: EventCode = level > account.alarm ? .alarmRaised : .alarmCleared
        outcome.change.events.append(
            Event(
                code, .account(account.id),
                ["level": level.name, "before": account.alarm.name, "balance_microunits": String(balance.microunits)]))
        account.alarm = level
        self.account = account
        outcome.change.account = account
    }

    private mutating func reportFault(_ fault: SettlementFault, into outcome: inout GroupOutcome) {
        guard !hasReportedFault, let account else { return }
        hasReportedFault = true
        let (circuit, fault) =
            switch fault {
            case .counterOutOfOrder(let circuit): (circuit, "counter_out_of_order")
            case .overflow(let circuit): (circuit, "overflow")
            }
        outcome.change.events.append(
            Event(.settlementFault, .account(account.id), ["circuit": circuit.rawValue, "fault": fault]))
    }
}
