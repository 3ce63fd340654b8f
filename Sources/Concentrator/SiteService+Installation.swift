internal import ConfigurationReader
internal import Logging
internal import MeterProfiles
internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

/// What an import did.
public struct ImportSummary: Hashable, Sendable {
    public let newMeters: Int
    public let newAccounts: Int
    public let changedAccounts: Int
    public let circuits: Int
}

extension SiteService {
    /// Installs what an import file asks for: adds what is new, brings the rest up to date. Money moves
    /// only by postings: what was used is settled at the old price, an opening balance is posted once. Where
    /// that cannot be, nothing is installed.
    func install(_ plan: SiteImport) async throws -> ImportSummary {
        let now = clock.now()
        let known = try ledger.site()
        try check(plan, against: known)
        try settle(before: plan, now: now)
        let knownAccounts = Dictionary(uniqueKeysWithValues: try ledger.site().accounts.map { ($0.id, $0) })
        var transaction = LedgerTransaction(changes: [], installation: plan.site, actor: "operator")
        var changed = 0
        for account in plan.site.accounts {
            if let old = knownAccounts[account.id] {
                if old.settings != account.settings { changed += 1 }
                continue
            }
            guard let opening = plan.openings[account.id] else { continue }
            var opened = account
            opened.balance = opening
            var change = LedgerChange()
            change.account = opened
            change.postings = [
                Posting(
                    account: account.id, cause: .opening, debit: .opening, credit: .customer(account.id),
                    amount: opening, balanceAfter: opening, carryTenthsAfter: 0)
            ]
            transaction.changes.append(change)
        }
        for (circuit, protection) in plan.protections.sorted(by: { $0.key < $1.key }) {
            let rules = known.settings.circuitRules[circuit] ?? .standard
            do { transaction.settings += try protection.settings(of: circuit, known: rules) } catch {
                throw ConfigurationProblems(
                    error.problems.map {
                        ConfigurationProblem(
                            file: "import", line: 0, what: "circuit \(circuit): \($0)", remedy: "correct the columns")
                    })
            }
        }
        for (meter, values) in plan.expected.sorted(by: { $0.key < $1.key }) {
            let settings = expected.replacing(.meter(meter), with: values, by: "import", at: now.wall)
            transaction.settings.append(
                Setting(
                    .expectedSettings, of: ExpectedSettings.Subject.meter(meter).description,
                    settings.isEmpty ? nil : settings.json))
        }
        let newAccounts = plan.site.accounts.count { knownAccounts[$0.id] == nil }
        let newMeters = plan.site.meters.count { meters[$0.id] == nil }
        var note = LedgerChange()
        note.events = [
            Event(
                .siteImported, .gateway,
                [
                    "new_meters": String(newMeters), "new_accounts": String(newAccounts),
                    "changed_accounts": String(changed), "circuits": String(plan.site.circuits.count),
                ])
        ]
        transaction.changes.append(note)
        if let error = tryCommit(transaction, at: now) { throw error }
        await telemetry.commit()
        let marks = await telemetry.lastAccepted()
        // Read after the last wait: what was posted meanwhile is in it.
        load(try ledger.site(), lastAccepted: marks)
        await telemetry.follow(Set(circuitOfMeter.keys), at: now)
        return ImportSummary(
            newMeters: newMeters, newAccounts: newAccounts, changedAccounts: changed,
            circuits: plan.site.circuits.count)
    }

    /// Posts what was used up to now, at the prices before the plan.
    private func settle(before plan: SiteImport, now: Timestamp) throws {
        if let reason = ledger.holdReason {
            throw refusal(
                "all money is held (\(reason)): what was used cannot be posted, and no balance be opened",
                "compare the balances with the platform, then: meterkeep ledger release; then import again")
        }
        for key in groups.keys.sorted() {
            guard let group = groups[key] else { continue }
            let named = plan.site.accounts.contains { $0.id == group.account?.id }
            if named, let account = group.account, group.settlementFault(zone: zone) != nil {
                throw refusal(
                    "what account \(account.id) has used cannot be posted at its old price",
                    "look at its circuits (meterkeep meters, meterkeep events), or import without the account")
            }
            guard change(key, now: now, { group, _ in group.settleNow(zone: zone) }) else {
                throw refusal(
                    "what was used up to now cannot be posted: \(ledgerTrouble?.description ?? "the ledger refuses it")",
                    "see meterkeep status, then import again")
            }
        }
    }

    private func refusal(_ what: String, _ remedy: String) -> ConfigurationProblems {
        ConfigurationProblems([ConfigurationProblem(file: "import", line: 0, what: what, remedy: remedy)])
    }

    /// Builds the groups anew from what is stored, keeping what only this run knows of circuits that stay.
    func load(_ site: StoredSite, lastAccepted: [CircuitID: CounterMark]) {
        let running = Dictionary(
            groups.values.flatMap(\.circuits).map { ($0.circuit, $0) }, uniquingKeysWith: { first, _ in first })
        let before = meters
        meters = Dictionary(uniqueKeysWithValues: site.meters.map { ($0.id, $0) })
        lastSettledDay = nil
        calendar = site.settings.calendar
        accountDefaults = site.settings.accountDefaults
        for meter in site.meters where before[meter.id] != meter { checkSoon(meter.id) }
        adopt(site.settings.expected)
        (groups, groupOfCircuit, groupOfAccount, circuitOfMeter, circuitOfBreaker) = ([:], [:], [:], [:], [:])
        let states = site.circuits.compactMap { circuit in
            state(
                circuit,
                rules: completed(site.settings.circuitRules[circuit.id] ?? .standard, breaker: circuit.breaker),
                running: running,
                lastAccepted: lastAccepted[circuit.id])
        }
        var key = 0
        for account in site.accounts {
            let circuits = states.filter { $0.circuit.account == account.id }
            let rules = site.settings.accountRules[account.id] ?? AccountRules()
            let group = SupplyGroup(account: account, circuits: circuits, rules: rules, zone: zone)
            add(group, rules: site.settings, key: key)
            groupOfAccount[account.id] = key
            key += 1
        }
        for state in states where state.circuit.account == nil {
            add(SupplyGroup(account: nil, circuits: [state]), rules: site.settings, key: key)
            key += 1
        }
        nextLooks = groups.mapValues { _ in .zero }
        fastMeters.formIntersection(meters.keys)
        waits = waits.filter { groupOfCircuit[$0.key] != nil }
        director.cuts.circuitCount = groupOfCircuit.count
        forcedOffs.circuitCount = groupOfCircuit.count
        // What another device showed under the same name is not this one's.
        let staying = meters.filter { before[$0.key] == $0.value }
        observations = observations.filter { staying[$0.key] != nil }
        lastReadings = lastReadings.filter { staying[$0.key] != nil }
        supplies = supplies.filter { staying[$0.key] != nil }
        for meter in site.meters where observations[meter.id] == nil { observations[meter.id] = .noData(.neverRead) }
        for (bus, mailbox) in mailboxes.all { mailbox.setDevices(site.meters.filter { $0.address.bus == bus }) }
    }

    private func add(_ group: SupplyGroup, rules: StoredSettings, key: Int) {
        var group = group
        // A circuit that goes on running keeps what it remembers, as far as its rules are the same.
        for state in group.circuits {
            let stored = rules.circuitRules[state.circuit.id] ?? .standard
            group.set(rules: completed(stored, breaker: state.circuit.breaker), of: state.circuit.id)
        }
        groups[key] = group
        for state in group.circuits {
            groupOfCircuit[state.circuit.id] = key
            circuitOfMeter[state.circuit.meter] = state.circuit.id
            if let breaker = state.circuit.breaker { circuitOfBreaker[breaker] = state.circuit.id }
        }
    }

    /// The rules of a circuit with what the profile of its switch says of the switch.
    func completed(_ rules: CircuitRules, breaker: BreakerAddress?) -> CircuitRules {
        if let breaker, breaker.device == .board { return completed(rules, boardPoint: breaker.point) }
        guard let breaker, let device = meters.values.first(where: { $0.address == breaker.device }),
            let relay = profiles[device.profile]?.relay
        else { return rules }
        let powerUp: BreakerPosition? =
            switch relay.powerUp {
            case .open: .open
            case .closed: .closed
            case .last: nil
            }
        var rules = rules
        rules.switching = rules.switching.completed(powerUp: powerUp, travelTime: relay.travelTime)
        return rules
    }

    private func state(
        _ stored: StoredCircuit, rules: CircuitRules, running: [SiteCircuit: CircuitState], lastAccepted: CounterMark?
    ) -> CircuitState? {
        guard let meter = meters[stored.meter], let profile = profiles[meter.profile], let billing = profile.billing,
            let commodity = profile.commodity
        else {
            logger.error(
                "a circuit's profile is missing; the circuit is left alone",
                metadata: ["circuit": "\(stored.id)", "meter": "\(stored.meter)"])
            return nil
        }
        let circuit = SiteCircuit(
            id: stored.id, account: stored.account, meter: stored.meter, commodity: commodity,
            counter: CounterRules(modulus: billing.modulus, step: billing.step, ratedPerHour: stored.ratedPerHour),
            breaker: stored.breaker)
        if let running = running[circuit] { return running }
        return CircuitState(
            circuit: circuit, posted: stored.posted, lastAccepted: lastAccepted, memory: stored.memory, rules: rules)
    }

    /// What must not change under an account or a circuit that has a history.
    private func check(_ plan: SiteImport, against known: StoredSite) throws(ConfigurationProblems) {
        var problems: [ConfigurationProblem] = []
        func refuse(_ what: String, _ remedy: String) {
            problems.append(ConfigurationProblem(file: "import", line: 0, what: what, remedy: remedy))
        }
        for account in plan.site.accounts {
            guard let old = known.accounts.first(where: { $0.id == account.id }) else { continue }
            if old.customerNumber != account.customerNumber || old.issuer != account.issuer {
                refuse(
                    "account \(account.id) belongs to customer \(old.customerNumber) of \(old.issuer)",
                    "open a new account for the new customer")
            }
        }
        for circuit in plan.site.circuits {
            guard let old = known.circuits.first(where: { $0.id == circuit.id }) else { continue }
            if old.meter != circuit.meter || old.account != circuit.account {
                refuse(
                    "circuit \(circuit.id) is that of meter \(old.meter) and account \(old.account?.rawValue ?? "none")",
                    "give the new circuit a name of its own")
            }
        }
        for meter in plan.site.meters {
            let holder = known.meters.first { $0.address == meter.address && $0.id != meter.id }
            if let holder, !plan.site.meters.contains(where: { $0.id == holder.id }) {
                refuse(
                    "unit \(meter.address) is that of meter \(holder.id)",
                    "correct the address, or list \(holder.id) with its new one")
            }
        }
        if !problems.isEmpty { throw ConfigurationProblems(problems) }
    }
}
