import Commissioning
import Console
import Metering
import UplinkProtocol

/// What a running daemon says of itself, as far as a diagnosis needs it.
struct DaemonView {
    let client: LocalClient

    init(socket: String) { client = LocalClient(socketPath: socket) }

    func ask(_ path: String) async -> JSONValue? { try? await client.get(path) }

    static func money(_ status: JSONValue) -> MoneyState {
        let members = status.object ?? [:]
        return MoneyState(
            isLedgerUsable: members["ledger_usable"]?.boolean ?? false, heldBecause: members["ledger_held"]?.string,
            heldCuts: Int(clamping: members["held_cuts"]?.integer ?? 0))
    }

    /// Nil without a broker.
    static func broker(_ status: JSONValue) -> BrokerState? {
        status.object?["mqtt"]?.object.map { members in
            BrokerState(problem: members["problem"]?.string, ledgerQueued: members["ledger_queued"]?.integer)
        }
    }

    static func telemetryProblem(_ status: JSONValue) -> String? { status.object?["telemetry_problem"]?.string }

    private func buses() async -> [(id: BusID, members: [String: JSONValue])] {
        (await ask("/v1/buses")?.array ?? []).compactMap { bus in
            guard let members = bus.object, let id = members["bus"]?.string.flatMap(BusID.init(rawValue:)) else {
                return nil
            }
            return (id, members)
        }
    }

    func openBuses() async -> Set<BusID> {
        Set(await buses().filter { $0.members["open"]?.boolean == true }.map(\.id))
    }

    func lines() async -> [LineState] {
        await buses().map { bus in
            LineState(bus: bus.id, findings: (bus.members["findings"]?.array ?? []).compactMap(\.string))
        }
    }

    func devices() async -> [DeviceState] {
        var silence: [UnitAddress: Duration] = [:]
        for bus in await buses() {
            for unit in (bus.members["units"]?.array ?? []).compactMap(\.object) {
                guard let number = unit["unit"]?.integer.flatMap(UInt8.init(exactly:)),
                    let address = UnitAddress(bus: bus.id, unit: number)
                else { continue }
                silence[address] = unit["last_answer_ms"]?.integer.map { .milliseconds($0) }
            }
        }
        let circuits = (await ask("/v1/meters")?.object?["circuits"]?.array ?? []).compactMap(\.object)
        return circuits.compactMap { circuit in Self.device(circuit, silence: silence) }.sorted {
            $0.address < $1.address
        }
    }

    private static func device(_ circuit: [String: JSONValue], silence: [UnitAddress: Duration]) -> DeviceState? {
        guard let meter = circuit["meter"]?.string.flatMap(MeterID.init(rawValue:)),
            let address = circuit["address"]?.string.flatMap(UnitAddress.init(text:))
        else { return nil }
        var device = DeviceState(
            meter: meter, address: address, circuit: circuit["circuit"]?.string.flatMap(CircuitID.init(rawValue:)),
            noData: circuit["no_data"]?.string.flatMap(NoDataReason.init(rawValue:)))
        device.isQuarantined = circuit["quarantined"]?.boolean ?? false
        device.isOpenedElsewhere = circuit["opened_elsewhere"]?.boolean ?? false
        device.rule = circuit["rule"]?.string
        device.doubt = circuit["doubt"]?.string
        device.waitsFor = circuit["waits_for"]?.string
        device.silentFor = silence[address]
        return device
    }
}

extension UnitAddress {
    /// As the local API writes it: `bus1/17`.
    init?(text: String) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let bus = BusID(rawValue: String(parts[0])), let unit = UInt8(parts[1]) else {
            return nil
        }
        self.init(bus: bus, unit: unit)
    }
}
