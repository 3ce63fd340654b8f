internal import MeterProfiles
public import Metering
internal import Prepaid
internal import UplinkProtocol

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
        let lastAccepted = await site.lastAccepted(of: replacement.circuit)
        guard let last = replacement.oldLast ?? lastAccepted else {
            throw ReplacementRefusal(
                description: "nothing was read of the old meter yet; give its last reading with --old-last")
        }
        let exchange = MeterExchange(
            circuit: replacement.circuit, oldLast: last, newFirst: first, meter: device, serial: replacement.serial)
        let (state, outcome, detail) = try await carryOut(exchange, isRehearsal: isRehearsal)
        guard state == .applied else {
            throw ReplacementRefusal(
                description: Self.words(for: outcome, detail, profile: profile.title, address: device.address))
        }
        return ReplacementReport(
            meter: device.id, oldLast: last, newFirst: first, billed: detail["billed"].flatMap { Int64($0) } ?? 0)
    }

    /// Replacing is the command `replace_meter`, whoever gives it.
    private func carryOut(
        _ exchange: MeterExchange, isRehearsal: Bool
    ) async throws(ReplacementRefusal) -> (CommandState, String, [String: String]) {
        if isRehearsal {
            let answer = await site.rehearse(exchange)
            return (answer.state, answer.outcome, answer.detail)
        }
        let command: Command
        do {
            command = try Command(
                json: .object([
                    "id": .string("local-\(Self.newEpoch())"), "kind": .string("replace_meter"),
                    "replace_meter": exchange.json,
                ]))
        } catch { throw ReplacementRefusal(description: "\(error)") }
        guard let record = await site.execute(command, from: .onSite) else {
            throw ReplacementRefusal(
                description: "the ledger takes nothing now (meterkeep status says why); the old meter still counts")
        }
        return (record.state, record.outcome, record.detail)
    }

    /// A refusal's code as people read it: what, and what to do.
    private static func words(
        for outcome: String, _ detail: [String: String], profile: String, address: UnitAddress
    ) -> String {
        switch outcome {
        case "unknown_circuit": "the circuit is not known; meterkeep meters shows their names"
        case "other_commodity": "\(profile) does not count what the old meter did; choose another profile"
        case "no_relay_point":
            "\(profile) has no switch, and this circuit was cut by its meter's own; import the circuit with a relay "
                + "board first"
        case "address_taken": "\(address) is that of \(detail["meter"] ?? "another device"); give another address"
        case "implausible_last_reading":
            "the old meter's last reading does not follow its last accepted one, "
                + "\(detail["last_accepted"].flatMap { Int64($0) }.map { FixedPoint.text($0, fractionDigits: 3) } ?? "?"); "
                + "read it again"
        case "implausible_first_reading": "the new meter cannot show this first reading; read it again, in kWh or m3"
        case "not_settled":
            "what was used up to now cannot be posted; look at the circuit in meterkeep meters first"
        default: "it was refused as \(outcome); docs/uplink.md explains the code"
        }
    }
}

extension SiteService {
    func meter(of circuit: CircuitID) -> SiteMeter? {
        state(of: circuit).flatMap { meters[$0.circuit.meter] }
    }

    /// Wh or litres; nil before the first reading.
    func lastAccepted(of circuit: CircuitID) -> Int64? { state(of: circuit)?.track.lastAccepted?.value }

    private func state(of circuit: CircuitID) -> CircuitState? {
        guard let key = groupOfCircuit[circuit] else { return nil }
        return groups[key]?.circuits.first { $0.circuit.id == circuit }
    }
}
