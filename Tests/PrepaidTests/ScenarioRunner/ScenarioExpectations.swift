import Metering
import Prepaid

/// What a scenario expects.
extension ScenarioRunner {
    mutating func expect(_ words: inout ScenarioWords) throws {
        let kind = try words.next("expectation")
        switch kind {
        case "answer": try expectAnswer(&words)
        case "balance": try expectBalance(&words, "balance") { $0.liveBalance }
        case "posted": try expectBalance(&words, "posted balance") { $0.account?.balance }
        case "alarm": try expectAlarm(&words)
        case "event": try expectEvent(&words, isWanted: true)
        case "posting": try expectPosting(&words)
        case "order": try expectOrder(&words)
        case "no": try expectNothing(&words)
        case "next":
            try words.require("look")
            try expectNextLook(&words)
        default: try expectCircuit(kind, &words)
        }
    }

    private func equal(_ what: String, expected: String, found: String) throws {
        guard expected == found else { throw ScenarioProblem("\(what): expected \(expected), found \(found)") }
    }

    private func list(_ items: [String]) -> String { items.isEmpty ? "none" : items.joined(separator: "; ") }

    private func expectAnswer(_ words: inout ScenarioWords) throws {
        try equal("answer", expected: try words.next("answer"), found: site.happened.answers.last ?? "none")
    }

    /// `[of A2]`; without it the account that comes first.
    private func group(_ words: inout ScenarioWords) throws -> SupplyGroup {
        guard words.take("of") else {
            guard let group = site.groups.first else { throw ScenarioProblem("there is no account") }
            return group
        }
        return site.groups[try site.group(of: words.account())]
    }

    private func expectBalance(
        _ words: inout ScenarioWords, _ what: String, _ balance: (SupplyGroup) -> Money?
    ) throws {
        if words.take("unknown") {
            return try equal(what, expected: "unknown", found: balance(group(&words))?.description ?? "unknown")
        }
        let expected = try words.money()
        let found = balance(try group(&words))
        try equal(what, expected: expected.description, found: found?.description ?? "unknown")
    }

    private func expectAlarm(_ words: inout ScenarioWords) throws {
        let expected = try words.next("alarm")
        guard AlarmLevel.allCases.contains(where: { $0.name == expected }) else {
            let known = AlarmLevel.allCases.map(\.name).joined(separator: ", ")
            throw ScenarioProblem("'\(expected)' is no alarm; there are \(known)")
        }
        try equal("alarm", expected: expected, found: try group(&words).account?.alarm.name ?? "none")
    }

    /// `event tamper [C1] [key=value ...]`
    private func expectEvent(_ words: inout ScenarioWords, isWanted: Bool) throws {
        let code = try words.oneOf("event", EventCode.self)
        var subject: String?
        var details: [String: String] = [:]
        for word in words.all() {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2 { details[parts[0]] = parts[1] } else { subject = word }
        }
        let found = site.happened.events.contains { event in
            event.code == code && (subject == nil || event.subject.description.hasSuffix(":\(subject ?? "")"))
                && details.allSatisfy { event.detail[$0.key] == $0.value }
        }
        guard found != isWanted else { return }
        let all = site.happened.events.map { event in
            let detail = event.detail.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return ([event.code.rawValue, event.subject.description] + detail).joined(separator: " ")
        }
        throw ScenarioProblem("\(isWanted ? "no" : "an") event \(code.rawValue); there were: \(list(all))")
    }

    /// `posting consumption 1.5 [peak] [step 2] [2.5 kWh] [estimated]`
    private func expectPosting(_ words: inout ScenarioWords) throws {
        let cause = try words.oneOf("cause", PostingCause.self)
        let amount = try words.money()
        let rate = words.first.flatMap { Rate(name: $0) }
        if let rate { _ = words.take(rate.name) }
        let step = words.take("step") ? Int(try words.integer()) : nil
        let quantity = words.first?.first?.isNumber == true ? try words.quantity() : nil
        let isEstimated = words.take("estimated")
        let found = site.happened.postings.contains { posting in
            posting.cause == cause && posting.amount == amount && posting.span?.rate == rate
                && posting.span?.step == step && (quantity == nil || posting.span?.quantity == quantity)
                && posting.isEstimated == isEstimated
        }
        if found { return }
        throw ScenarioProblem("no such posting; there were: \(list(site.happened.postings.map(describe)))")
    }

    private func describe(_ posting: Posting) -> String {
        [
            posting.cause.rawValue, posting.amount.description, posting.span?.rate?.name,
            posting.span?.step.map { "step \($0)" },
            posting.span.map { "\(FixedPoint.text($0.quantity, fractionDigits: 3)) kWh" },
            posting.isEstimated ? "estimated" : nil,
        ].compactMap { $0 }.joined(separator: " ")
    }

    /// `order C1 open`
    private func expectOrder(_ words: inout ScenarioWords) throws {
        let circuits = try words.circuits()
        let position = try words.oneOf("position", BreakerPosition.self)
        for circuit in circuits
        where !site.happened.orders.contains(where: { $0.circuit == circuit && $0.position == position }) {
            throw ScenarioProblem("no such order; there were: \(list(orders))")
        }
    }

    private var orders: [String] { site.happened.orders.map { "\($0.circuit) \($0.position.rawValue)" } }

    /// `no event tamper`, `no posting`, `no order`
    private func expectNothing(_ words: inout ScenarioWords) throws {
        switch try words.next("what is not to be") {
        case "event": try expectEvent(&words, isWanted: false)
        case "posting": try equal("postings", expected: "none", found: list(site.happened.postings.map(describe)))
        case "order": try equal("orders", expected: "none", found: list(orders))
        case let word: throw ScenarioProblem("'no \(word)' cannot be expected")
        }
    }

    /// `next look 08:00`: when time alone may change an answer.
    private func expectNextLook(_ words: inout ScenarioWords) throws {
        let now = try site.clock.now()
        let expected = try site.clock.moment(&words)
        guard let next = try group(&words).outlook(now: now, site: try site.conditions()).nextChange else {
            throw ScenarioProblem("nothing changes by itself")
        }
        let found = now.wall + (next - now.monotonic)
        let (shown, wanted) = (site.clock.zone.local(at: found), site.clock.zone.local(at: expected))
        try equal(
            "next look", expected: "\(wanted.date) \(wanted.millisecondOfDay / 1_000) s",
            found: "\(shown.date) \(shown.millisecondOfDay / 1_000) s")
    }

    /// `C1 open because no_credit`, `C1 held closed because stale_data`, `C1 waits for user`,
    /// `C1 counter 1000 kWh`, `C1 polled fast`
    private func expectCircuit(_ name: String, _ words: inout ScenarioWords) throws {
        var named = ScenarioWords(line: Substring(name))
        for circuit in try named.circuits() {
            var copy = words
            try expect(circuit, &copy)
        }
        _ = words.all()
    }

    private func expect(_ circuit: CircuitID, _ words: inout ScenarioWords) throws {
        let state = try site.state(of: circuit)
        let decision = state.decision
        switch try words.next("what is expected of \(circuit)") {
        case "waits":
            try words.require("for")
            try equal(
                "\(circuit) waits for", expected: try words.next("reason"), found: state.waitsFor?.name ?? "nothing")
        case "counter":
            let expected = try words.quantity()
            try equal(
                "\(circuit) is billed up to", expected: "\(expected) Wh",
                found: state.track.lastAccepted.map { "\($0.value) Wh" } ?? "nothing")
        case "polled":
            let urgency = site.groups[try site.group(of: circuit)].outlook(
                now: try site.clock.now(), site: try site.conditions()
            ).urgency[circuit]
            try equal(
                "\(circuit) polled", expected: try words.next("class"), found: urgency.map { "\($0)" } ?? "never")
        case "held":
            try equal("\(circuit) wanted", expected: "hold", found: decision?.want.rawValue ?? "nothing")
            try expectPosition(of: circuit, decision, &words)
        case let word:
            guard BreakerPosition(rawValue: word) != nil else { throw ScenarioProblem("'\(word)' cannot be expected") }
            if words.first == "because", let want = decision?.want.position {
                try equal("\(circuit) wanted", expected: word, found: want.rawValue)
            }
            var again = ScenarioWords(line: Substring(([word] + words.all()).joined(separator: " ")))
            try expectPosition(of: circuit, decision, &again)
        }
        try words.end()
    }

    /// `open [because no_credit]`
    private func expectPosition(
        of circuit: CircuitID, _ decision: BreakerDecision?, _ words: inout ScenarioWords
    ) throws {
        let expected = try words.oneOf("position", BreakerPosition.self)
        try equal(circuit.rawValue, expected: expected.rawValue, found: try site.device(of: circuit).position.rawValue)
        guard words.take("because") else { return try words.end() }
        let rule = try words.next("rule")
        let known = BreakerRule.allCases.map(\.rawValue) + Doubt.allCases.map(\.rawValue)
        guard known.contains(rule) else {
            throw ScenarioProblem("'\(rule)' is no rule; there are \(known.joined(separator: ", "))")
        }
        let found = decision.map { $0.doubt?.rawValue ?? $0.rule.rawValue } ?? "nothing"
        try equal("\(circuit) because", expected: rule, found: found)
        try words.end()
    }
}
