internal import MeterProfiles
internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

extension SiteService {
    func apply(
        _ change: MeterChange, command: Command, from origin: CommandOrigin, into work: inout CommandWork,
        now: Timestamp
    ) -> CommandAnswer {
        switch change {
        case .expect(let subjects, let values):
            expect(values, of: subjects, command: command, from: origin, into: &work, now: now)
        case .add(let addition): add(addition, into: &work)
        case .replace(let exchange): replace(exchange, into: &work, now: now)
        case .remove(let meter): remove(meter, into: &work)
        }
    }

    private func add(_ addition: MeterAddition, into work: inout CommandWork) -> CommandAnswer {
        let meter = addition.meter
        guard meters[meter.id] == nil else { return .rejected("meter_exists", ["meter": meter.id.rawValue]) }
        if let refusal = refusal(ofPlacing: meter, besides: nil) { return refusal }
        guard let profile = profiles[meter.profile] else { return unknown(profile: meter.profile) }
        var circuits: [StoredCircuit] = []
        if profile.billing != nil {
            guard groupOfCircuit[addition.circuit] == nil else {
                return .rejected("circuit_exists", ["circuit": addition.circuit.rawValue])
            }
            if let account = addition.account, groupOfAccount[account] == nil {
                return .rejected("unknown_account", ["account": account.rawValue])
            }
            let own = profile.relay.map { _ in BreakerAddress(device: meter.address, point: 1) }
            let breaker = addition.breaker ?? own
            if let breaker, let refusal = refusal(ofSwitching: breaker, besides: meter) { return refusal }
            circuits = [
                StoredCircuit(
                    id: addition.circuit, account: addition.account, meter: meter.id,
                    ratedPerHour: addition.ratedPerHour, breaker: breaker)
            ]
        } else if addition.account != nil {
            return .rejected("measures_nothing", ["profile": meter.profile])
        }
        work.installation = StoredSite(meters: [meter], accounts: [], circuits: circuits)
        work.rebuildsSite = true
        work.note(
            Event(.meterAdded, .meter(meter.id), ["address": meter.address.description, "profile": meter.profile]))
        return .applied(["meter": meter.id.rawValue])
    }

    /// What would come of a replacement now; nothing is kept.
    func rehearse(_ exchange: MeterExchange) -> CommandAnswer {
        var work = CommandWork()
        return replace(exchange, into: &work, now: clock.now())
    }

    /// Bills the old meter to its end and starts the new one at its first reading.
    private func replace(
        _ exchange: MeterExchange, into work: inout CommandWork, now: Timestamp
    ) -> CommandAnswer {
        guard let key = groupOfCircuit[exchange.circuit], var group = groups[key],
            let circuit = group.circuits.first(where: { $0.circuit.id == exchange.circuit })?.circuit,
            let old = meters[circuit.meter]
        else { return .rejected("unknown_circuit", ["circuit": exchange.circuit.rawValue]) }
        let new = exchange.meter ?? old
        if let refusal = refusal(ofPlacing: new, besides: old) { return refusal }
        if new.id != old.id, meters[new.id] != nil { return .rejected("meter_exists", ["meter": new.id.rawValue]) }
        guard let profile = profiles[new.profile], let billing = profile.billing else {
            return .rejected("measures_nothing", ["profile": new.profile])
        }
        guard profile.commodity == circuit.commodity else {
            return .rejected("other_commodity", ["profile": new.profile])
        }
        let breaker = circuit.breaker.map { breaker in
            breaker.device == old.address ? BreakerAddress(device: new.address, point: breaker.point) : breaker
        }
        if let breaker, breaker.device == new.address, profile.relay?[breaker.point] == nil {
            return .rejected("no_relay_point", ["breaker": breaker.description, "profile": new.profile])
        }
        let others = circuitOfBreaker.filter { $0.key.device == old.address && $0.value != circuit.id }
        if new.address != old.address, !others.isEmpty { return used(old.id, by: Array(others.values)) }
        let rules = CounterRules(
            modulus: billing.modulus, step: billing.step, ratedPerHour: circuit.counter.ratedPerHour)
        var (result, outcome) = group.take(
            replacement: MeterReplacement(
                circuit: circuit.id, oldLast: exchange.oldLast, newFirst: exchange.newFirst, meter: new.id,
                counter: rules), now: now, site: conditions)
        switch result {
        case .replaced(let billed):
            outcome.change.events = outcome.change.events.map { event in
                guard event.code == .meterReplaced else { return event }
                let more = ["serial": exchange.serial ?? "not_given", "profile": new.profile]
                return Event(event.code, event.subject, event.detail.merging(more) { first, _ in first })
            }
            work.take(group, key: key, outcome)
            work.installation = StoredSite(
                meters: [new], accounts: [],
                circuits: [
                    StoredCircuit(
                        id: circuit.id, account: circuit.account, meter: old.id,
                        ratedPerHour: circuit.counter.ratedPerHour, breaker: breaker)
                ])
            if new.id != old.id { work.moves = [.meter(of: circuit.id, new.id), .removal(old.id)] }
            work.rebuildsSite = true
            return .applied(["circuit": circuit.id.rawValue, "meter": new.id.rawValue, "billed": String(billed)])
        case .implausibleLast(let move, let last):
            return .rejected(result.code, ["move": move.rawValue, "last_accepted": String(last)])
        case .unknownCircuit, .implausibleFirst, .notSettled: return .rejected(result.code)
        }
    }

    /// Posts what was used and takes the meter out with its circuit. The account stays, with its balance.
    private func remove(_ meter: MeterID, into work: inout CommandWork) -> CommandAnswer {
        guard let device = meters[meter] else { return .rejected("unknown_meter", ["meter": meter.rawValue]) }
        let own = circuitOfMeter[meter]
        let others = circuitOfBreaker.filter { $0.key.device == device.address && $0.value != own }
        guard others.isEmpty else { return used(meter, by: Array(others.values)) }
        if let own, let key = groupOfCircuit[own], var group = groups[key] {
            let outcome = group.settleNow(zone: zone)
            work.take(group, key: key, outcome)
        }
        work.moves = [.removal(meter)]
        work.rebuildsSite = true
        work.note(Event(.meterRemoved, .meter(meter), ["address": device.address.description]))
        return .applied(["meter": meter.rawValue])
    }

    /// What stands against a device at its address.
    /// - Parameter old: the device that it takes the place of.
    private func refusal(ofPlacing meter: SiteMeter, besides old: SiteMeter?) -> CommandAnswer? {
        guard profiles[meter.profile] != nil else { return unknown(profile: meter.profile) }
        guard mailboxes[meter.address.bus] != nil, meter.address.bus != .board else {
            return .rejected("unknown_bus", ["bus": meter.address.bus.rawValue])
        }
        let holder = meters.values.first { $0.address == meter.address && $0.id != old?.id }
        return holder.map { .rejected("address_taken", ["meter": $0.id.rawValue]) }
    }

    private func refusal(ofSwitching breaker: BreakerAddress, besides meter: SiteMeter) -> CommandAnswer? {
        if let circuit = circuitOfBreaker[breaker] {
            return .rejected("breaker_taken", ["circuit": circuit.rawValue])
        }
        if isRelayOfBox(breaker) { return nil }
        let device = meter.address == breaker.device ? meter : meters.values.first { $0.address == breaker.device }
        guard let device, profiles[device.profile]?.relay?[breaker.point] != nil else {
            return .rejected("no_relay_point", ["breaker": breaker.description])
        }
        return nil
    }

    private func used(_ meter: MeterID, by circuits: [CircuitID]) -> CommandAnswer {
        let names = circuits.sorted().prefix(20).map(\.rawValue).joined(separator: ", ")
        return .rejected("switches_others", ["meter": meter.rawValue, "circuits": names])
    }

    private func unknown(profile: String) -> CommandAnswer { .rejected("unknown_profile", ["profile": profile]) }
}
