import ArgumentParser
import Foundation
import Prepaid
import UplinkProtocol

struct CircuitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "circuit", abstract: "Explain one circuit: why its breaker is as it is, and its last openings.")

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The circuit.") var name: String

    func run() async throws {
        let answer = try await daemon.ask("/v1/circuits/\(name.forQuery)")
        if daemon.json {
            print(answer.canonicalText)
            return
        }
        for line in Self.lines(answer.object ?? [:]) { print(line) }
    }

    static func lines(_ view: [String: JSONValue]) -> [String] {
        let circuit = view["circuit"]?.object ?? [:]
        func text(_ key: String, in object: [String: JSONValue]) -> String { object[key]?.string ?? "-" }
        var lines = [
            "circuit   \(text("circuit", in: circuit)), meter \(text("meter", in: circuit)) at \(text("address", in: circuit))",
            "account   \(text("account", in: circuit)), balance \(money(circuit["balance_microunits"])), alarm \(text("alarm", in: circuit))",
            "breaker   \(text("breaker", in: circuit)) at \(text("breaker_address", in: circuit)), wanted \(text("wanted", in: circuit)) because \(text("rule", in: circuit))",
            "mode      \(text("mode", in: view))",
        ]
        if let doubt = circuit["doubt"]?.string { lines.append("doubt     \(doubt)") }
        if let wait = circuit["waits_for"]?.string { lines.append("waits for \(wait)") }
        if view["maintenance_locked"]?.boolean == true { lines.append("locked    for maintenance") }
        if let lockout = view["lockout"]?.string { lines.append("lockout   \(lockout)") }
        if let limit = view["overload_limit_mw"]?.integer {
            lines.append(
                "overload  limit \(limit / 1000) W, \(view["overload_trips"]?.integer ?? 0) trips in the last day")
        }
        if let mode = view["malignant_mode"]?.string, mode != "off" {
            lines.append("malignant \(mode), \(view["malignant_trips"]?.integer ?? 0) trips in the last day")
        }
        for appliance in (view["allowed_appliances"]?.array ?? []).compactMap(\.object) {
            lines.append("allowed   \(text("name", in: appliance)), \(watts(appliance["power_mw"]))")
        }
        if let finding = view["last_finding"]?.object {
            lines.append(
                "found     \(text("verdict", in: finding)) load of \(watts(finding["power_mw"])); to allow it: "
                    + "meterkeep learn \(text("circuit", in: circuit)) NAME")
        }
        if let timer = view["timer"]?.object {
            lines.append("timer     \(text("state", in: timer)) until \(time(timer["until_ms"]?.integer))")
        }
        let openings = view["openings"]?.array ?? []
        lines.append(openings.isEmpty ? "no opening is on record" : "last openings, newest first:")
        return lines + openings.map(opening)
    }

    private static func opening(_ record: JSONValue) -> String {
        let object = record.object ?? [:]
        let event = object["event"]?.object ?? [:]
        let detail = event["detail"]?.object ?? [:]
        let at = time(object["at"]?.object?["wall_ms"]?.integer)
        let rule = detail["rule"]?.string ?? event["code"]?.string ?? "?"
        let power = detail["active_power_mw"]?.string.flatMap { Int64($0) }.map { "\($0 / 1000) W" } ?? "power unknown"
        let balance = detail["balance_microunits"]?.string.flatMap { Int64($0) }
        return "  \(at)  \(rule)  \(power)" + (balance.map { "  balance \(money(.integer($0)))" } ?? "")
    }

    private static func watts(_ milliwatts: JSONValue?) -> String {
        milliwatts?.integer.map { "\($0 / 1000) W" } ?? "unknown power"
    }

    private static func money(_ value: JSONValue?) -> String {
        value?.integer.map { FixedPoint.text($0, fractionDigits: 6) } ?? "-"
    }

    private static func time(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return "-" }
        return Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(
            .iso8601.dateTimeSeparator(.space))
    }
}
