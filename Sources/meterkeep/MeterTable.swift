import Prepaid
import UplinkProtocol

/// The table that `meterkeep meters` prints. A dash is "not known".
struct MeterTable {
    let text: String

    init(_ answer: JSONValue) {
        let header = ["METER", "POWER W", "ENERGY kWh", "BALANCE", "BREAKER", "ALARM", "AGE s", "WHY"]
        let circuits = answer.object?["circuits"]?.array ?? []
        let rows = [header] + circuits.map { Self.row($0.object ?? [:]) }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return (1...3).contains(column) || column == 6 ? padding + row[column] : row[column] + padding
            }.joined(separator: "  ")
        }
        let queued = answer.object?["queued"]?.integer.map(String.init) ?? "an unknown number of"
        lines.append("")
        lines.append("uplink \(answer.object?["uplink"]?.string ?? "?"), \(queued) records wait")
        lines += TroubleText.lines(answer.object?["troubles"], most: 20)
        text = lines.joined(separator: "\n")
    }

    private static func row(_ circuit: [String: JSONValue]) -> [String] {
        let values = circuit["values"]?.object ?? [:]
        let energy = values["energy_import"] ?? values["volume"]
        let waits = circuit["waits_for"]?.string.map { "waits for \($0)" }
        let why = circuit["no_data"]?.string ?? circuit["doubt"]?.string ?? waits ?? circuit["rule"]?.string ?? "-"
        return [
            circuit["circuit"]?.string ?? "?",
            values["active_power"]?.integer.map { FixedPoint.text($0 / 100, fractionDigits: 1) } ?? "-",
            energy?.integer.map { FixedPoint.text($0, fractionDigits: 3) } ?? "-",
            circuit["balance_microunits"]?.integer.map { FixedPoint.text($0, fractionDigits: 6) } ?? "-",
            circuit["breaker"]?.string ?? "-", circuit["alarm"]?.string ?? "-",
            circuit["age_ms"]?.integer.map { FixedPoint.text($0 / 100, fractionDigits: 1) } ?? "-", why,
        ]
    }
}

/// What is wrong on the buses, and what to do about it: a line each.
enum TroubleText {
    static func lines(_ troubles: JSONValue?, most: Int) -> [String] {
        let all = troubles?.array ?? []
        var lines = all.prefix(most).map { trouble in
            let members = trouble.object ?? [:]
            let name = members["meter"]?.string.map { "\($0): " } ?? ""
            return "! \(name)\(members["words"]?.string ?? "")"
        }
        if all.count > most { lines.append("! and \(all.count - most) more (meterkeep meters --json)") }
        return lines
    }
}
