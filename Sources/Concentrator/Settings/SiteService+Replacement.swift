internal import MeterProfiles
public import Metering
internal import Prepaid
internal import Storage

/// A meter was taken out and another put in at its address, under its name.
public struct DeviceReplacement: Hashable, Sendable {
    public let circuit: CircuitID
    /// What the old meter showed at last, Wh or litres; nil: its last accepted reading.
    public let oldLast: Int64?
    /// What the new one shows, Wh or litres; nil: what it answers now.
    public let newFirst: Int64?
    /// The new meter's profile; nil: the old one's.
    public let profile: String?
    /// As it is printed on the new meter; compared where the model tells its own.
    public let serial: String?

    public init(circuit: CircuitID, oldLast: Int64?, newFirst: Int64?, profile: String?, serial: String?) {
        self.circuit = circuit
        self.oldLast = oldLast
        self.newFirst = newFirst
        self.profile = profile
        self.serial = serial
    }
}

/// What came of it, or would.
public struct ReplacementReport: Hashable, Sendable {
    public let meter: MeterID
    public let oldLast: Int64
    public let newFirst: Int64
    /// Wh or litres between the last accepted reading and the old meter's end.
    public let billed: Int64
}

/// Why a meter was not replaced: what is wrong, and what to do.
public struct ReplacementRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
}

extension RunningGateway {
    /// Bills the old meter to its end and starts the new one at its first reading.
    /// - Parameter isRehearsal: only says what would be done.
    public func replace(
        _ replacement: DeviceReplacement, isRehearsal: Bool
    ) async throws(ReplacementRefusal) -> ReplacementReport {
        guard let meter = await site.meter(of: replacement.circuit) else {
            throw ReplacementRefusal(
                description: "there is no circuit \(replacement.circuit); meterkeep meters shows their names")
        }
        let name = replacement.profile ?? meter.profile
        guard let profile = profiles[name], profile.billing != nil else {
            throw ReplacementRefusal(
                description: "there is no meter profile '\(name)'; look into \(configuration.profilesPath)")
        }
        let device = SiteMeter(id: meter.id, address: meter.address, profile: name)
        if let serial = replacement.serial, let shown = await settings.serialNumber(of: device), shown != serial {
            throw ReplacementRefusal(
                description: "the meter at \(meter.address) says its number is \(shown), not \(serial); look at both")
        }
        var first = replacement.newFirst
        if first == nil { first = await settings.counter(of: device) }
        guard let first else {
            throw ReplacementRefusal(
                description: "no \(profile.title) answers at \(meter.address); set the new meter's address and rate as "
                    + "the old one's, or give its reading with --new-first")
        }
        return try await site.replace(replacement, by: device, startingAt: first, isRehearsal: isRehearsal)
    }
}

extension SiteService {
    func meter(of circuit: CircuitID) -> SiteMeter? {
        guard let key = groupOfCircuit[circuit] else { return nil }
        return groups[key]?.circuits.first { $0.circuit.id == circuit }.flatMap { meters[$0.circuit.meter] }
    }

    func replace(
        _ declared: DeviceReplacement, by device: SiteMeter, startingAt first: Int64, isRehearsal: Bool
    ) async throws(ReplacementRefusal) -> ReplacementReport {
        guard let key = groupOfCircuit[declared.circuit], var group = groups[key],
            let state = group.circuits.first(where: { $0.circuit.id == declared.circuit }),
            let profile = profiles[device.profile], let billing = profile.billing
        else { throw ReplacementRefusal(description: "there is no circuit \(declared.circuit)") }
        if profile.commodity != state.circuit.commodity {
            throw ReplacementRefusal(
                description: "\(profile.title) does not count \(state.circuit.commodity); choose another profile")
        }
        if let breaker = state.circuit.breaker, breaker.device == device.address, profile.relay?[breaker.point] == nil {
            throw ReplacementRefusal(
                description: "\(profile.title) has no switch, and this circuit was cut by its meter's own; import the "
                    + "circuit with a relay board first")
        }
        guard let last = declared.oldLast ?? state.track.lastAccepted?.value else {
            throw ReplacementRefusal(
                description: "nothing was read of the old meter yet; give its last reading with --old-last")
        }
        let old = state.circuit.counter
        let counter = CounterRules(modulus: billing.modulus, step: billing.step, ratedPerHour: old.ratedPerHour)
        let now = clock.now()
        let (result, decided) = group.take(
            replacement: MeterReplacement(
                circuit: declared.circuit, oldLast: last, newFirst: first, meter: device.id, counter: counter),
            now: now, site: conditions)
        guard case .replaced(let billed) = result else { throw ReplacementRefusal(description: result.words) }
        let report = ReplacementReport(meter: device.id, oldLast: last, newFirst: first, billed: billed)
        if isRehearsal { return report }
        var outcome = decided
        outcome.change.events = decided.change.events.map { event in
            guard event.code == .meterReplaced else { return event }
            let more = ["serial": declared.serial ?? "not_given", "profile": device.profile]
            return Event(event.code, event.subject, event.detail.merging(more) { first, _ in first })
        }
        let transaction = LedgerTransaction(
            changes: [outcome.change], installation: StoredSite(meters: [device], accounts: [], circuits: []),
            actor: "operator")
        guard keep(group, key: key, outcome: outcome, transaction: transaction, now: now) else {
            throw ReplacementRefusal(
                description: "the ledger takes nothing now (meterkeep status says why); the old meter still counts")
        }
        let isNewModel = meters[device.id]?.profile != device.profile
        meters[device.id] = device
        if isNewModel {
            mailboxes[device.address.bus]?.setDevices(meters.values.filter { $0.address.bus == device.address.bus })
        }
        direct()
        return report
    }
}

extension ReplacementResult {
    fileprivate var words: String {
        switch self {
        case .unknownCircuit: "the circuit is not known"
        case .implausibleLast(_, let lastAccepted):
            "the old meter's last reading does not follow its last accepted one, "
                + "\(FixedPoint.text(lastAccepted, fractionDigits: 3)); read it again"
        case .implausibleFirst: "the new meter cannot show this first reading; read it again, in kWh or m3"
        case .notSettled: "what was used up to now cannot be posted; look at the circuit in meterkeep meters first"
        case .replaced: code
        }
    }
}
