import Foundation
import Prepaid
import Testing

/// One row of `Tables/breaker.table`.
private struct TableRow {
    let line: Int
    let patterns: [Substring]
    let want: String
    let rule: String

    func fits(_ words: [String]) -> Bool {
        zip(patterns, words).allSatisfy { pattern, word in
            if pattern == "*" { return true }
            if pattern.first == "!" { return pattern.dropFirst() != word }
            return pattern.split(separator: "|").contains { $0 == word }
        }
    }
}

@Suite("What a breaker should be")
struct BreakerDecisionTests {
    private static let columns = 11

    private static func table() throws -> [TableRow] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Tables/breaker.table")
        let lines = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        var rows: [TableRow] = []
        for (index, line) in lines.enumerated() where !line.isEmpty && !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            try #require(words.count == columns + 3 && words[columns] == "->", "breaker.table line \(index + 1)")
            rows.append(
                TableRow(
                    line: index + 1, patterns: Array(words[..<columns]), want: String(words[columns + 1]),
                    rule: String(words[columns + 2])))
        }
        return rows
    }

    /// Every combination there is, as words of the table and as conditions.
    private static func forEachCombination(_ body: ([String], BreakerConditions) -> Void) {
        let lockouts = [Lockout?.none] + Lockout.allCases.map { $0 }
        let doubts = [Doubt?.none] + Doubt.allCases.map { $0 }
        var conditions = BreakerConditions()
        for isLocked in [false, true] {
            conditions.isMaintenanceLocked = isLocked
            for mode in OperatorMode.allCases {
                conditions.mode = mode
                for outranks in [false, true] {
                    conditions.guaranteeOutranksLockouts = outranks
                    for lockout in lockouts {
                        conditions.lockout = lockout
                        for account in AccountStanding.allCases {
                            conditions.account = account
                            for doubt in doubts {
                                conditions.doubt = doubt
                                forEachCustomerCombination(conditions, body)
                            }
                        }
                    }
                }
            }
        }
    }

    private static func forEachCustomerCombination(
        _ fixed: BreakerConditions, _ body: ([String], BreakerConditions) -> Void
    ) {
        var conditions = fixed
        for credit in Credit.allCases {
            conditions.credit = credit
            for protection in CutProtection.allCases {
                conditions.protection = protection
                for timer in TimerState.allCases {
                    conditions.timer = timer
                    for isTrusted in [false, true] {
                        conditions.isClockTrusted = isTrusted
                        for isDue in [false, true] {
                            conditions.isReminderDue = isDue
                            body(words(conditions), conditions)
                        }
                    }
                }
            }
        }
    }

    private static func words(_ conditions: BreakerConditions) -> [String] {
        [
            conditions.isMaintenanceLocked ? "yes" : "no", conditions.mode.rawValue,
            conditions.guaranteeOutranksLockouts ? "yes" : "no", conditions.lockout?.rawValue ?? "no",
            conditions.account.rawValue, conditions.credit.rawValue, conditions.protection.rawValue,
            conditions.timer.rawValue, conditions.isClockTrusted ? "trusted" : "untrusted",
            conditions.isReminderDue ? "yes" : "no", conditions.doubt?.rawValue ?? "no",
        ]
    }

    @Test("is what the table says, for every combination of conditions")
    func allCombinations() throws {
        let table = try Self.table()
        var used: Set<Int> = []
        var checked = 0
        var wrong: [String] = []
        Self.forEachCombination { words, conditions in
            checked += 1
            let decision = conditions.decision
            guard let row = table.first(where: { $0.fits(words) }) else {
                wrong.append("no row for \(words.joined(separator: " "))")
                return
            }
            used.insert(row.line)
            let isRight = decision.want.rawValue == row.want && decision.rule.rawValue == row.rule
            if !isRight || decision.doubt != (decision.rule == .doubt ? conditions.doubt : nil) {
                wrong.append("line \(row.line), \(words.joined(separator: " ")): \(decision.want) \(decision.rule)")
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count) wrong: \(wrong.prefix(10).joined(separator: "\n"))")
        #expect(checked == 2 * 3 * 2 * 3 * 3 * 5 * 2 * 3 * 3 * 2 * 2)
        #expect(used == Set(table.map(\.line)), "a row that never fits")
        #expect(Set(table.map(\.rule)) == Set(BreakerRule.allCases.map(\.rawValue)))
    }

    @Test("doubt never opens a breaker that would be closed, and never closes one")
    func doubtHolds() {
        var wrong: [String] = []
        Self.forEachCombination { words, conditions in
            guard conditions.doubt != nil else { return }
            var certain = conditions
            certain.doubt = nil
            let decision = conditions.decision
            if decision.want != .hold, decision != certain.decision { wrong.append(words.joined(separator: " ")) }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(10))")
    }
}
