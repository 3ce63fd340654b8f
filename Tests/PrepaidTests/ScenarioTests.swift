import Foundation
import Testing

/// Every file of `Scenarios`. They are written by people who know metering; docs/scenarios.md explains how.
@Suite("Scenarios")
struct ScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios")

    private static let names: [String] = {
        let all = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (all ?? []).filter { $0.hasSuffix(".scenario") }.sorted()
    }()

    @Test("comes out as written", arguments: names)
    func scenario(name: String) throws {
        let text = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
        if let problem = ScenarioRunner.problem(in: text, name: name) { Issue.record("\(problem)") }
    }

    @Test("there are scenarios, and nothing else beside them")
    func all() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(files.sorted() == Self.names)
        #expect(Self.names.count >= 40)
    }
}

@Suite("The scenario runner")
struct ScenarioRunnerTests {
    private static let beginning = """
        account A1 balance 10 price 1
        circuit C1 of A1
        2026-06-01 08:00 read C1 100 kWh
        08:00:10 read C1 100.01 kWh

        """

    @Test("a right expectation passes")
    func right() {
        let text = Self.beginning + "expect balance 9.99\nexpect C1 closed because supply\n"
        #expect(ScenarioRunner.problem(in: text, name: "right") == nil)
    }

    @Test(
        "what is wrong is named with its file and line",
        arguments: [
            ("expect balance 9.98", "t:5: balance: expected 9.980000, found 9.990000"),
            ("expect C1 open", "t:5: C1: expected open, found closed"),
            ("expect C1 open because no_credit", "t:5: C1 wanted: expected open, found closed"),
            ("expect C1 closed because guarantee", "t:5: C1 because: expected guarantee, found supply"),
            ("expect C1 held closed because stale_data", "t:5: C1 wanted: expected hold, found closed"),
            ("expect C1 waits for user", "t:5: C1 waits for: expected user, found nothing"),
            ("expect alarm cut", "t:5: alarm: expected cut, found alarm_1"),
            ("expect answer applied", "t:5: answer: expected applied, found none"),
            ("expect posting consumption 0.01", "t:5: no such posting; there were: none"),
            ("expect order C1 open", "t:5: no such order; there were: none"),
            ("expect no event alarm_raised", "t:5: an event alarm_raised; there were: "),
            ("expect event tamper", "t:5: no event tamper; there were: "),
            ("expect event tampering", "t:5: 'tampering' is no event; there are "),
            ("expect C1 closed because reasons", "t:5: 'reasons' is no rule; there are "),
            ("expect C2 closed", "t:5: there is no circuit C2"),
            ("expect balance 9.99 of A2", "t:5: there is no account A2"),
            ("expect balance 9.99 exactly", "t:5: 'exactly' is not understood here"),
            ("08:00:20 reed C1 100 kWh", "t:5: 'reed' is nothing that can happen"),
            ("08:00:20 read C1 100 miles", "t:5: '100 miles' is no quantity"),
            ("07:59 read C1 100 kWh", "t:5: the time goes back"),
            ("25:00 read C1 100 kWh", "t:5: '25:00' is no time"),
            ("", "t:5: the scenario expects nothing"),
            ("expect balance 9.99\n+5s read C1 100.02 kWh", "t:6: nothing is expected of the last lines"),
        ])
    func wrong(line: String, problem: String) {
        let found = ScenarioRunner.problem(in: Self.beginning + line, name: "t")
        #expect(found?.hasPrefix(problem) == true, "\(found ?? "passed")")
    }
}
