internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

extension SiteService {
    /// - Returns: the code for this account.
    func apply(
        _ change: AccountsChange, to account: AccountID, command: Command, into work: inout CommandWork, now: Timestamp
    ) -> String {
        guard let key = groupOfAccount[account], var group = work.groups[key] ?? groups[key],
            let holder = group.account
        else { return "unknown_account" }
        if case .rules(let rules) = change {
            group.set(rules: rules)
            let outcome = group.tick(now: now, site: conditions)
            work.take(group, key: key, outcome)
            work.settings.append(Setting(.accountRules, of: account.rawValue, rules.json))
            work.note(Event(.settingsChanged, .account(account), ["setting": "account_rules", "command": command.id]))
            return "applied"
        }
        let operation: AccountOperation
        do { operation = try self.operation(for: change, on: holder) } catch { return Self.text(error) }
        let order = AccountOrder(
            account: account, customerNumber: holder.customerNumber, issuer: holder.issuer, operation: operation)
        let (result, outcome) = group.take(order: order, entry: nil, command: command.id, now: now, site: conditions)
        guard case .applied = result else {
            if case .invalid(let problems) = result { return Self.text(problems) }
            return result.code
        }
        work.take(group, key: key, outcome)
        return "applied"
    }

    private func operation(
        for change: AccountsChange, on account: Account
    ) throws(SettingProblems) -> AccountOperation {
        /// What is billed now goes on until the moment.
        func later(_ tariff: Tariff, _ from: WallTime) throws(SettingProblems) -> AccountOperation {
            let schedule = account.tariff ?? TariffSchedule(current: account.effectiveTariff)
            return .changeTariff(try schedule.adding(tariff.following(calendar), from: from))
        }
        switch change {
        case .price(let price, let from?): return try later(.flat(price), from)
        case .price(let price, nil):
            guard account.tariff == nil else { return .changeTariff(TariffSchedule(current: .flat(price))) }
            var settings = AccountSettingsChange()
            settings.price = price
            return .changeSettings(settings)
        case .tariff(let tariff, let from?): return try later(tariff ?? .flat(account.settings.price), from)
        case .tariff(let tariff, nil):
            return .changeTariff(tariff.map { TariffSchedule(current: $0.following(calendar)) })
        case .settings(let settings): return .changeSettings(settings)
        case .rules: return .changeSettings(AccountSettingsChange())
        }
    }

    static func text(_ problems: SettingProblems) -> String {
        "invalid: " + String(FieldProblem(problems).description.prefix(200))
    }

    func apply(
        _ change: CircuitsChange, to circuits: [CircuitID], command: Command, from origin: CommandOrigin,
        into work: inout CommandWork, now: Timestamp
    ) -> CommandAnswer {
        if case .maintenanceLock = change, origin != .onSite { return .rejected("on_site_only") }
        if change == .mode(.forcedOff), origin != .onSite,
            let refusal = refusal(ofForcingOff: circuits, into: &work, now: now)
        {
            return refusal
        }
        return .each(each(circuits) { apply(change, to: $0, command: command, into: &work, now: now) })
    }

    /// A stolen platform must not black out a house in one go.
    private func refusal(
        ofForcingOff circuits: [CircuitID], into work: inout CommandWork, now: Timestamp
    ) -> CommandAnswer? {
        let newly = circuits.filter { circuit in
            groupOfCircuit[circuit].flatMap { groups[$0] }?.circuits.first { $0.circuit.id == circuit }?
                .reconciler.memory.mode != .forcedOff
        }
        var guarding = forcedOffs
        guard guarding.admit(Set(newly), now: now.monotonic).count < newly.count else {
            work.forcedOffs = guarding
            return nil
        }
        let detail = ["asked": String(newly.count), "recently": String(guarding.recentCount(now: now.monotonic))]
        work.note(Event(.forcedOffRefused, .gateway, detail))
        return .rejected("too_many_forced_off", detail)
    }

    private func apply(
        _ change: CircuitsChange, to circuit: CircuitID, command: Command, into work: inout CommandWork, now: Timestamp
    ) -> String {
        guard let key = groupOfCircuit[circuit], var group = work.groups[key] ?? groups[key],
            let state = group.circuits.first(where: { $0.circuit.id == circuit })
        else { return "unknown_circuit" }
        let memory = state.reconciler.memory
        let subject = EventSubject.circuit(circuit)
        var rules = state.rules
        var outcome: GroupOutcome
        // What led to the orders stands before them.
        let event: Event?
        switch change {
        case .timer(let table):
            rules.timer = table
            group.set(rules: rules, of: circuit)
            outcome = group.tick(now: now, site: conditions)
            work.settings.append(Setting(.timer, of: circuit.rawValue, table.isUnused ? nil : table.json))
            event = Event(.settingsChanged, subject, ["setting": "timer"])
        case .switching(let switching):
            rules.switching = switching
            rules = completed(rules, breaker: state.circuit.breaker)
            group.set(rules: rules, of: circuit)
            outcome = group.tick(now: now, site: conditions)
            work.settings.append(Setting(.switching, of: circuit.rawValue, switching.json))
            event = Event(.settingsChanged, subject, ["setting": "switching"])
        case .overload(let overload):
            rules.overload = overload
            group.set(rules: rules, of: circuit)
            outcome = group.tick(now: now, site: conditions)
            work.settings.append(Setting(.overload, of: circuit.rawValue, overload?.json))
            event = Event(.settingsChanged, subject, ["setting": "overload"])
        case .malignantLoad, .learnAppliance, .forgetAppliance:
            do { rules.malignant = try Self.malignantLoad(after: change, of: state) } catch { return error.code }
            group.set(rules: rules, of: circuit)
            outcome = group.tick(now: now, site: conditions)
            work.settings.append(Setting(.malignantLoad, of: circuit.rawValue, rules.malignant?.json))
            event = Event(.settingsChanged, subject, ["setting": "malignant_load"])
        case .mode(let mode):
            guard state.circuit.breaker != nil else { return "no_breaker" }
            outcome = group.set(mode: mode, of: circuit, now: now, site: conditions)
            event = Event(
                .operatorModeChanged, subject, ["mode": mode.rawValue, "before": memory.mode.rawValue])
        case .releaseLockout:
            guard memory.lockout != nil else { return "not_locked" }
            outcome = group.releaseLockout(of: circuit, now: now, site: conditions)
            event = nil
        case .allowClosing:
            outcome = group.userAgreed(circuit, now: now, site: conditions)
            event = Event(.closingAllowed, subject)
        case .maintenanceLock(let isLocked):
            guard state.circuit.breaker != nil else { return "no_breaker" }
            outcome = group.set(isMaintenanceLocked: isLocked, of: circuit, now: now, site: conditions)
            event = Event(isLocked ? .maintenanceLocked : .maintenanceReleased, subject)
        }
        if let event {
            let detail = event.detail.merging(["command": command.id]) { first, _ in first }
            outcome.change.events.insert(Event(event.code, event.subject, detail), at: 0)
        }
        work.take(group, key: key, outcome)
        return "applied"
    }

    func apply(
        _ change: SiteChange, command: Command, into work: inout CommandWork, now: Timestamp
    ) -> CommandAnswer {
        switch change {
        case .calendar(let calendar):
            var site = conditions
            site.calendar = calendar
            for (key, group) in groups.sorted(by: { $0.key < $1.key }) {
                var group = group
                let outcome = group.take(calendar: calendar, now: now, site: site)
                work.take(group, key: key, outcome)
            }
            work.calendar = calendar
            work.settings = [Setting(.calendar, calendar.json)]
            work.note(Event(.settingsChanged, .gateway, ["setting": "calendar", "command": command.id]))
            return .applied(["holidays": String(calendar.holidays.count)])
        case .accountDefaults(let defaults):
            work.accountDefaults = defaults
            work.settings = [Setting(.accountDefaults, defaults.json)]
            work.note(Event(.settingsChanged, .gateway, ["setting": "account_defaults", "command": command.id]))
            return .applied()
        case .confirmCuts:
            let count = heldCuts
            guard count > 0 else { return .rejected("nothing_held") }
            work.confirmsCuts = true
            work.note(Event(.massCutConfirmed, .gateway, ["confirmed": String(count)]))
            return .applied(["confirmed": String(count)])
        case .reload:
            if let problem = reload.problem() { return .rejected("invalid", ["reason": String(problem.prefix(1000))]) }
            work.reloads = true
            return .applied()
        }
    }
}
