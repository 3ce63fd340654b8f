import Foundation
import Metering
import Prepaid

/// Runs one scenario, line by line. The language is explained in docs/scenarios.md.
struct ScenarioRunner {
    var site = ScenarioSite()
    var tables: [String: [TariffSlot]] = [:]
    var tariffs: [String: Tariff] = [:]
    var accounts: [ScenarioAccount] = []
    var circuits: [ScenarioCircuit] = []
    var isStarted = false
    private var expectations = 0
    private var isJudging = false

    /// - Parameter name: of the file, for messages.
    /// - Returns: nil where everything came out as expected, else `NAME:LINE: what is wrong`.
    static func problem(in text: String, name: String) -> String? {
        var runner = ScenarioRunner()
        var last = 0
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            last = index + 1
            do { try runner.run(line) } catch { return "\(name):\(last): \(error)" }
        }
        if runner.expectations == 0 { return "\(name):\(last): the scenario expects nothing" }
        return runner.isJudging ? nil : "\(name):\(last): nothing is expected of the last lines"
    }

    private mutating func run(_ line: Substring) throws {
        var words = ScenarioWords(line: line)
        guard !words.isEmpty else { return }
        if words.take("expect") {
            expectations += 1
            isJudging = true
            try start()
            try expect(&words)
            return try words.end()
        }
        if isJudging {
            isJudging = false
            site.happened = ScenarioOutcome()
        }
        let before = site.clock.time
        try site.clock.take(&words)
        if !isStarted, let kind = words.first, Self.definitions.contains(kind) {
            try define(&words)
        } else if words.first == "tariff" || words.first == "table" {
            try define(&words)
        } else {
            try start()
            if site.clock.time != before, words.first != "restart" { try site.tick() }
            if !words.isEmpty { try perform(&words) }
            try site.direct()
        }
        try words.end()
    }
}
