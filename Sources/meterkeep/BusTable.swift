internal import BusSurvey
import Foundation
import Prepaid
import UplinkProtocol

/// What `meterkeep bus` prints of one bus. A dash is "not known".
struct BusTable {
    let text: String

    init(_ answer: JSONValue) {
        let bus = answer.object ?? [:]
        var lines = [Self.headline(bus), "", "time went to  \(Self.shares(bus))"]
        lines.append("load now      \(Self.loads(bus))")
        let failures = bus["failures"]?.object ?? [:]
        let scanned = bus["transactions"]?.object?["scan"]?.integer ?? 0
        let transactions = Self.sum(bus["transactions"]) - scanned
        lines.append("failures      \(Self.failures(failures)) of \(transactions) requests")
        if let writes = bus["breaker_writes"]?.object, let count = writes["count"]?.integer, count > 0 {
            lines.append(
                "breaker writes  \(count), on the wire \(Self.milliseconds(writes, "median_us")) ms after the decision "
                    + "(99 %: \(Self.milliseconds(writes, "p99_us")) ms, longest \(Self.milliseconds(writes, "longest_us")) ms)"
            )
        }
        for finding in bus["findings"]?.array ?? [] { lines.append("NOTE          \(finding.string ?? "")") }
        let header = [
            "UNIT", "METER", "REQUESTS", "FAILED", "MEDIAN ms", "99 % ms", "LONGEST ms", "ANSWERED s AGO", "FAILURES",
        ]
        let units = bus["units"]?.array ?? []
        if !units.isEmpty { lines.append("") }
        lines +=
            units.isEmpty ? [] : TextTable.lines([header] + units.map { Self.row($0.object ?? [:]) }, left: [1, 8])
        text = lines.joined(separator: "\n")
    }

    private static func headline(_ bus: [String: JSONValue]) -> String {
        let name = bus["bus"]?.string ?? "?"
        let line = "\(bus["port"]?.string ?? "?") at \(bus["baud"]?.integer ?? 0) \(bus["format"]?.string ?? "")"
        guard bus["open"]?.boolean == true else {
            let remedy = InstallerWords.portRemedy(bus["port"]?.string ?? "")
            return "bus \(name)  \(line)  PORT NOT OPEN; \(remedy); it is used again at once"
        }
        let rate = FixedPoint.text(bus["transactions_per_second_tenths"]?.integer ?? 0, fractionDigits: 1)
        return "bus \(name)  \(line)  load \(percent(bus["load_per_mille"]?.integer ?? 0)), \(rate) requests/s"
    }

    /// What all of the line's time went to since the start, by phase.
    private static func shares(_ bus: [String: JSONValue]) -> String {
        let phases = bus["microseconds_by_phase"]?.object ?? [:]
        let all = max(1, phases.values.compactMap(\.integer).reduce(0, +))
        let names = [
            ("sending", "requests"), ("turnaround", "meters thinking"), ("receiving", "answers"),
            ("silence", "silence between frames"), ("vain", "waiting in vain"),
        ]
        return names.map { key, name in "\(name) \(percent((phases[key]?.integer ?? 0) * 1000 / all))" }
            .joined(separator: ", ")
    }

    /// What the line does now, by purpose.
    private static func loads(_ bus: [String: JSONValue]) -> String {
        let loads = bus["load_per_mille_by_purpose"]?.object ?? [:]
        let names = [
            ("order", "breaker orders"), ("fast", "fast"), ("normal", "normal"), ("slow", "slow"),
            ("probe", "lost meters"), ("scan", "scan"),
        ]
        let busy = names.compactMap { key, name in
            loads[key]?.integer.flatMap { $0 > 0 ? "\(name) \(percent($0))" : nil }
        }
        let idle = 1000 - loads.values.compactMap(\.integer).reduce(0, +)
        return (busy + ["idle \(percent(max(0, idle)))"]).joined(separator: ", ")
    }

    private static func milliseconds(_ times: [String: JSONValue], _ key: String) -> String {
        times[key]?.integer.map { FixedPoint.text($0 / 100, fractionDigits: 1) } ?? "-"
    }

    private static func row(_ unit: [String: JSONValue]) -> [String] {
        let failures = unit["failures"]?.object ?? [:]
        return [
            "\(unit["unit"]?.integer ?? 0)", unit["meter"]?.string ?? "-", "\(unit["transactions"]?.integer ?? 0)",
            "\(sum(unit["failures"]))", milliseconds(unit, "median_us"), milliseconds(unit, "p99_us"),
            milliseconds(unit, "longest_us"),
            unit["last_answer_ms"]?.integer.map { FixedPoint.text($0 / 100, fractionDigits: 1) } ?? "-",
            failures.isEmpty ? "-" : Self.failures(failures),
        ]
    }

    private static func failures(_ failures: [String: JSONValue]) -> String {
        let words = [
            "timeout": "no answer", "bad_frame": "broken", "exception": "refused", "wrong_unit": "wrong answer",
        ]
        let parts = failures.sorted { $0.key < $1.key }.map { "\(words[$0.key] ?? $0.key) \($0.value.integer ?? 0)" }
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }

    private static func sum(_ counts: JSONValue?) -> Int64 {
        (counts?.object ?? [:]).values.compactMap(\.integer).reduce(0, +)
    }

    private static func percent(_ perMille: Int64) -> String { FixedPoint.text(perMille, fractionDigits: 1) + " %" }
}

/// Columns as wide as they need to be.
enum TextTable {
    /// - Parameter left: the columns that are text, and so begin at the left; numbers end at the right.
    static func lines(_ rows: [[String]], left: Set<Int>) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.indices.map { column in
                let padding = String(repeating: " ", count: max(0, widths[column] - row[column].count))
                return left.contains(column) ? row[column] + padding : padding + row[column]
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}

/// What `meterkeep trace` prints of one frame.
enum TraceText {
    /// `08:45:12.123  bus1   5  <    7.4 ms  voltage 230.1 V`
    static func line(_ frame: [String: JSONValue], withBytes: Bool) -> String {
        if let lost = frame["lost"]?.integer { return "... \(lost) transactions left out: the reader is too slow" }
        let time = Date(timeIntervalSince1970: Double(frame["at_ms"]?.integer ?? 0) / 1000)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true).time(includingFractionalSeconds: true)
        let marks = ["request": ">", "answer": "<", "failure": "!", "note": "*"]
        let unit = "\(frame["unit"]?.integer ?? 0)"
        let after = frame["after_us"]?.integer.map { FixedPoint.text($0 / 100, fractionDigits: 1) + " ms" } ?? ""
        let parts = [
            time.formatted(style).replacing("Z", with: ""), frame["bus"]?.string ?? "?",
            String(repeating: " ", count: max(0, 3 - unit.count)) + unit,
            marks[frame["what"]?.string ?? ""] ?? "?",
            String(repeating: " ", count: max(0, 9 - after.count)) + after, frame["words"]?.string ?? "",
        ]
        let bytes = frame["bytes"]?.string ?? ""
        return parts.joined(separator: "  ") + (withBytes && !bytes.isEmpty ? "  [\(bytes)]" : "")
    }
}
