import Commissioning
import Concentrator
import Console
import Foundation
import Metering
import Prepaid
import UplinkProtocol

/// Looks at a site through its running daemon, as a whole.
struct SelfTest {
    let configurationPath: String
    let socket: String
    /// A breaker to open and close again; nil: none.
    let switching: CircuitID?
    let tell: (String) -> Void
    /// How long meters may take to answer for the first time.
    var patience: Duration = .seconds(90)

    private var client: LocalClient { LocalClient(socketPath: socket) }

    func run() async throws -> DoorReport {
        tell("Waiting for every meter and breaker ...")
        let circuits = try await settledCircuits()
        var checks = [Self.meters(circuits), Self.breakers(circuits)]
        if let switching { checks.append(await SwitchTest(client: client, tell: tell).run(switching)) }
        let status = try await client.get("/v1/status").object ?? [:]
        checks.append(await ledger(status))
        let trust = status["at"]?.object?["trust"]?.string ?? "unknown"
        checks.append(DoorReport.Check("clock", trust == "untrusted" ? .failed : .passed, "the clock is \(trust)"))
        let findings = await BoxInspection(configurationPath: configurationPath, socket: socket, asksPlatform: true)
            .findings()
        checks.append(Self.platform(findings.uplink))
        let buses = (try await client.get("/v1/buses").array ?? []).compactMap(\.object).map { bus in
            DoorReport.Bus(
                name: bus["bus"]?.string ?? "?", port: bus["port"]?.string ?? "?",
                format: "\(bus["baud"]?.integer ?? 0) \(bus["format"]?.string ?? "")")
        }
        return DoorReport(
            gateway: status["gateway"]?.string ?? "?", at: Self.time(status["at"]), buses: buses,
            lines: circuits.map(Self.line), checks: checks, complaints: Diagnosis(findings).complaints)
    }

    private typealias Circuit = [String: JSONValue]

    /// The circuits, once all are read and their breakers' positions known, or the patience is over.
    private func settledCircuits() async throws -> [Circuit] {
        let started = ContinuousClock.now
        while true {
            let circuits = (try await client.get("/v1/meters").object?["circuits"]?.array ?? []).compactMap(\.object)
            let isSettled = circuits.allSatisfy { Self.isRead($0) && $0["breaker"]?.string != nil }
            if isSettled || ContinuousClock.now - started > patience { return circuits }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private static func isRead(_ circuit: Circuit) -> Bool {
        circuit["no_data"]?.string == nil && circuit["age_ms"]?.integer != nil
    }

    private static func names(_ circuits: [Circuit]) -> String {
        let shown = circuits.prefix(5).compactMap { $0["circuit"]?.string }.joined(separator: ", ")
        return circuits.count > 5 ? "\(shown) and \(circuits.count - 5) more" : shown
    }

    private static func meters(_ circuits: [Circuit]) -> DoorReport.Check {
        let missing = circuits.filter { !isRead($0) }
        if circuits.isEmpty { return DoorReport.Check("meters", .open, "none is installed") }
        return DoorReport.Check(
            "meters", missing.isEmpty ? .passed : .failed,
            missing.isEmpty ? "all \(circuits.count) are read" : "not read: \(names(missing))")
    }

    private static func breakers(_ circuits: [Circuit]) -> DoorReport.Check {
        let switched = circuits.filter { $0["breaker"]?.string != "none" }
        let unknown = switched.filter { $0["breaker"]?.string == nil }
        if switched.isEmpty { return DoorReport.Check("breakers", .open, "none is installed") }
        return DoorReport.Check(
            "breakers", unknown.isEmpty ? .passed : .failed,
            unknown.isEmpty ? "all \(switched.count) tell their position" : "position not known: \(names(unknown))")
    }

    private func ledger(_ status: [String: JSONValue]) async -> DoorReport.Check {
        guard status["ledger_usable"]?.boolean == true else {
            return DoorReport.Check("ledger", .failed, "it cannot be written")
        }
        if let reason = status["ledger_held"]?.string {
            return DoorReport.Check("ledger", .failed, "all money is held: it was \(reason)")
        }
        let proof: [String: JSONValue]
        do {
            proof = try await client.get("/v1/ledger/verify", within: LocalClient.longTime).object ?? [:]
        } catch {
            return DoorReport.Check("ledger", .failed, "it could not be proved: \(error)")
        }
        guard proof["sound"]?.boolean == true else {
            return DoorReport.Check("ledger", .failed, "its chain is not sound; see: meterkeep ledger verify")
        }
        return DoorReport.Check("ledger", .passed, "written and proved, \(proof["records"]?.integer ?? 0) records")
    }

    private static func platform(_ uplink: UplinkState?) -> DoorReport.Check {
        guard let uplink else { return DoorReport.Check("platform", .open, "none is configured") }
        if case .answered(status: 200)? = uplink.reach {
            return DoorReport.Check("platform", .passed, "\(uplink.url) answers")
        }
        return DoorReport.Check("platform", .failed, "\(uplink.url) cannot be used; see below")
    }

    private static func line(_ circuit: Circuit) -> DoorReport.Line {
        let values = circuit["values"]?.object ?? [:]
        func decimal(_ name: String, _ digits: Int, _ unit: String) -> String? {
            values[name]?.integer.map { "\(FixedPoint.text($0, fractionDigits: digits)) \(unit)" }
        }
        let isRead = isRead(circuit)
        return DoorReport.Line(
            circuit: circuit["circuit"]?.string ?? "?", meter: circuit["meter"]?.string ?? "?",
            address: circuit["address"]?.string ?? "?",
            counter: decimal("energy_import", 3, "kWh") ?? decimal("volume", 3, "m3"),
            power: decimal("active_power", 3, "W"), breaker: circuit["breaker"]?.string,
            outcome: isRead && circuit["breaker"]?.string != nil ? .passed : .failed)
    }

    private static func time(_ at: JSONValue?) -> String {
        let milliseconds = at?.object?["wall_ms"]?.integer ?? 0
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date(timeIntervalSince1970: Double(milliseconds) / 1000))
    }
}
