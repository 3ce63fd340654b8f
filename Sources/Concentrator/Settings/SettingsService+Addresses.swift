internal import MeterProfiles
public import Metering
internal import Prepaid
internal import Storage

extension SettingsService {
    /// Gives a meter that is not installed yet another address: it must be the only one at its old address,
    /// and nobody may answer at the new one.
    public func setAddress(
        _ old: UInt8, to new: UInt8, profile name: String, on bus: BusID
    ) async -> SettingOutcome {
        guard let profile = profiles[name], let mailbox = mailboxes[bus],
            let definition = profile.settings.first(where: { $0.name == .address && $0.write != nil }),
            let request = definition.request, let write = definition.writing(.number(Int64(new) * 1000))
        else { return .refused("the profile '\(name)' does not say how an address from 1 to 247 is set") }
        let installed = await site.devices(on: bus)
        for unit in [old, new] {
            if let meter = installed.first(where: { $0.address.unit == unit }) {
                return .refused("unit \(unit) is that of meter \(meter.id); choose another address")
            }
        }
        guard await ask(mailbox, profile, new, [.read(request)]) == .failed(.timeout) else {
            return .refused("something answers at unit \(new) already; choose another address")
        }
        guard await ask(mailbox, profile, old, [.read(request)])?.value(definition) == .number(Int64(old) * 1000) else {
            return .refused(
                "no \(profile.title) answers at unit \(old) and says so; connect exactly one new meter, and check "
                    + "its address and rate on its display")
        }
        // The answer may come from the old address, from the new one, or not at all: only the new address counts.
        _ = await ask(mailbox, profile, old, [.write(write)])
        let found = await ask(mailbox, profile, new, [.read(request)])?.value(definition)
        let isSet = found == .number(Int64(new) * 1000)
        await site.noteSetting(
            Event(
                .meterAddressSet, .bus(bus),
                ["profile": name, "before": String(old), "wanted": String(new), "done": String(isSet)]),
            actor: "operator")
        return isSet ? .set : .refused(Self.unmoved(new))
    }

    /// Gives an installed meter another address, in the meter and in the site at once. Where the meter has taken it
    /// in an earlier attempt that went no further, only the site is left to be told.
    public func move(_ meter: SiteMeter, to new: UInt8) async -> SettingOutcome {
        let old = meter.address.unit
        guard let profile = profiles[meter.profile], let mailbox = mailboxes[meter.address.bus],
            let address = UnitAddress(bus: meter.address.bus, unit: new),
            let definition = profile.settings.first(where: { $0.name == .address && $0.write != nil }),
            let request = definition.request, let write = definition.writing(.number(Int64(new) * 1000))
        else {
            return .refused(
                "the profile '\(meter.profile)' does not say how an address from 1 to 247 is set; set it at the meter's "
                    + "display, and send replace_meter with the new unit")
        }
        if new == old { return .agreesAlready }
        if let other = await site.devices(on: meter.address.bus).first(where: { $0.address == address }) {
            return .refused("unit \(new) is that of meter \(other.id); choose another address")
        }
        let isMoved =
            await ask(mailbox, profile, new, [.read(request)])?.value(definition) == .number(Int64(new) * 1000)
        let atOld = await ask(mailbox, profile, old, [.read(request)])
        switch (isMoved, atOld?.value(definition) == .number(Int64(old) * 1000)) {
        case (true, true): return .refused("something answers at unit \(new) already; choose another address")
        case (false, false):
            return .refused("\(meter.id) does not answer at unit \(old) with its address; see that it is on the bus")
        case (true, false):
            guard atOld == .failed(.timeout) else {
                return .refused(
                    "meters answer at unit \(new) and at unit \(old); look at both before anything is moved")
            }
        case (false, true):
            guard await ask(mailbox, profile, new, [.read(request)]) == .failed(.timeout) else {
                return .refused("something answers at unit \(new) already; choose another address")
            }
            _ = await ask(mailbox, profile, old, [.write(write)])
            guard await ask(mailbox, profile, new, [.read(request)])?.value(definition) == .number(Int64(new) * 1000)
            else { return .refused(Self.unmoved(new)) }
        }
        if let reason = await site.moved(meter, to: address) {
            return .refused(
                "the meter has taken unit \(new), but the ledger could not keep it (\(reason)); give the same command again"
            )
        }
        return .set
    }

    private static func unmoved(_ unit: UInt8) -> String {
        "the meter does not answer at unit \(unit); some models take an address only while their display is in set-up "
            + "mode, or after they were switched off and on"
    }
}

extension SettingsService {
    private func ask(
        _ mailbox: BusMailbox, _ profile: MeterProfile, _ unit: UInt8, _ steps: [BusErrand.Step]
    ) async -> BusErrand.Outcome? {
        let outcomes = await mailbox.carryOut(BusErrand(unit: unit, profile: profile, steps: steps))
        return outcomes.last
    }
}

extension SiteService {
    /// A meter is at another address of its bus from here on, with the switches that are in it.
    /// - Returns: why that could not be kept; nil where it was.
    func moved(_ meter: SiteMeter, to address: UnitAddress) async -> String? {
        let now = clock.now()
        let moved = SiteMeter(id: meter.id, address: address, profile: meter.profile)
        if let circuit = circuitOfMeter[meter.id], let key = groupOfCircuit[circuit] {
            change(key, now: now) { group, _ in group.settleNow(zone: zone) }
        }
        do {
            let circuits = try ledger.site().circuits.compactMap { circuit -> StoredCircuit? in
                guard let breaker = circuit.breaker, breaker.device == meter.address else { return nil }
                return StoredCircuit(
                    id: circuit.id, account: circuit.account, meter: circuit.meter,
                    ratedPerHour: circuit.ratedPerHour, breaker: BreakerAddress(device: address, point: breaker.point))
            }
            var note = LedgerChange()
            note.events = [
                Event(
                    .meterAddressSet, .meter(meter.id),
                    ["before": meter.address.description, "wanted": address.description, "done": "true"])
            ]
            let transaction = LedgerTransaction(
                changes: [note], installation: StoredSite(meters: [moved], accounts: [], circuits: circuits),
                actor: "operator")
            if let problem = tryCommit(transaction, at: now) { return problem.description }
            let marks = await telemetry.lastAccepted()
            load(try ledger.site(), lastAccepted: marks)
        } catch { return "\(error)" }
        direct()
        return nil
    }
}
