import Metering
import Prepaid

extension RandomSite {
    /// Lets the next thing happen; returns its line.
    mutating func next() throws -> String {
        advance()
        if clock.time >= settleAt { return settle() }
        let chance = generator.number(0...999)
        switch chance {
        case 0..<4:
            clock.disturb(&generator)
            return line("clock", [], [])
        case 4..<8: return try restart()
        case 8..<11: return resetMeter()
        case 11..<14: return replaceMeter()
        case 14..<18: return decideDispute()
        case 18..<34: return recharge()
        case 34..<50: return try order()
        case 50..<54: return transfer()
        default: return read()
        }
    }

    private mutating func advance() {
        let milliseconds =
            switch generator.number(0...99) {
            case 0: generator.number(600_000...40_000_000)
            case 1...9: generator.number(60_000...900_000)
            default: generator.number(500...30_000)
            }
        clock.advance(by: .milliseconds(milliseconds))
        // Telemetry is committed now and then.
        guard generator.once(in: 5) else { return }
        for state in groups.flatMap(\.circuits) { accepted[state.circuit.id] = state.track.lastAccepted }
    }

    /// - Parameter touched: the groups whose accounts the model is to compare.
    func line(_ event: String, _ members: [(String, String)], _ outcomes: [(Int, GroupOutcome)]) -> String {
        var all = [("e", JSONText.string(event)), ("at", clock.now.json)] + members
        let postings = outcomes.flatMap(\.1.change.postings)
        if !postings.isEmpty { all.append(("p", JSONText.array(postings.map(\.json)))) }
        let marks = outcomes.flatMap { $0.1.change.marks }.sorted { $0.key < $1.key }
        if !marks.isEmpty {
            all.append(("m", JSONText.array(marks.map { "[\(JSONText.string($0.key)),\($0.value.value)]" })))
        }
        let states = outcomes.map { index, outcome in
            let account = groups[index].account
            return JSONText.array([
                JSONText.optional(account?.balance.microunits), JSONText.optional(account?.carryTenths),
                JSONText.optional(groups[index].liveBalance?.microunits), "\(outcome.change.postings.count)",
                "\(outcome.change.events.count)",
            ])
        }
        all.append(("g", JSONText.array(outcomes.map { "\($0.0)" })))
        all.append(("s", JSONText.array(states)))
        return JSONText.object(all)
    }

    /// Commits: what a restart will find.
    mutating func keep(_ index: Int, _ group: SupplyGroup, _ outcome: GroupOutcome) {
        groups[index] = group
        for (circuit, mark) in outcome.change.marks { posted[circuit] = mark }
        ledger.take(outcome.change)
    }

    private mutating func anyCircuit() -> (Int, SiteCircuit) {
        let index = Int(generator.number(0...Int64(groups.count) - 1))
        let place = Int(generator.number(0...Int64(groups[index].circuits.count) - 1))
        return (index, groups[index].circuits[place].circuit)
    }

    private mutating func read() -> String {
        let (index, circuit) = anyCircuit()
        meters[circuit.id]?.use(until: clock.time, &generator)
        let value = meters[circuit.id]?.shown(&generator) ?? 0
        var trial = groups[index]
        let outcome = trial.take(
            counter: value, activePower: nil, of: circuit.id, now: clock.now, site: conditions)
        keep(index, trial, outcome)
        var members = [("c", JSONText.string(circuit.id)), ("v", "\(value)")]
        if outcome.change.events.contains(where: { $0.code == .counterReleased }) {
            members.append(("d", JSONText.optional(ledger.disputes.last?.sequence)))
        }
        return line("read", members, [(index, outcome)])
    }

    private mutating func settle() -> String {
        settleAt = clock.time + .seconds(86_400)
        var outcomes: [(Int, GroupOutcome)] = []
        for index in groups.indices {
            var trial = groups[index]
            let outcome = trial.settleNow(zone: zone)
            keep(index, trial, outcome)
            outcomes.append((index, outcome))
        }
        return line("settle", [], outcomes)
    }

    private mutating func resetMeter() -> String {
        let (_, circuit) = anyCircuit()
        meters[circuit.id]?.reset(to: generator.number(1...40_000), at: clock.time)
        return line("reset", [("c", JSONText.string(circuit.id))], [])
    }

    /// The daemon ends and starts again, after a crash with the accepted counters of a while ago, after a
    /// power cut in another boot.
    private mutating func restart() throws -> String {
        if generator.once(in: 2) { clock.reboot(&generator) }
        var found: [String] = []
        for index in groups.indices {
            let states = groups[index].circuits.map { state in
                CircuitState(
                    circuit: state.circuit, posted: posted[state.circuit.id],
                    lastAccepted: accepted[state.circuit.id], memory: BreakerMemory())
            }
            groups[index] = SupplyGroup(account: groups[index].account, circuits: states, zone: zone)
            for state in states {
                let mark = state.track.lastAccepted
                found.append(
                    "[\(JSONText.string(state.circuit.id)),\(JSONText.optional(mark?.value)),\(mark?.at.json ?? "null")]"
                )
            }
        }
        for state in groups.flatMap(\.circuits) { accepted[state.circuit.id] = state.track.lastAccepted }
        return line("restart", [("found", JSONText.array(found))], [])
    }

    private mutating func replaceMeter() -> String {
        let (index, circuit) = anyCircuit()
        meters[circuit.id]?.use(until: clock.time, &generator)
        let last = meters[circuit.id]?.shown(&generator) ?? 0
        let counter = Self.counter(&generator)
        let first = generator.once(in: 10) ? -1 : generator.number(0...99_999)
        var trial = groups[index]
        let (result, outcome) = trial.take(
            replacement: MeterReplacement(
                circuit: circuit.id, oldLast: last, newFirst: first, meter: circuit.meter, counter: counter),
            now: clock.now, site: conditions)
        if case .replaced = result {
            keep(index, trial, outcome)
            meters[circuit.id]?.rules = counter
            meters[circuit.id]?.reset(to: first, at: clock.time)
            accepted[circuit.id] = CounterMark(value: first, at: clock.now)
        }
        return line(
            "replace",
            [
                ("c", JSONText.string(circuit.id)), ("last", "\(last)"), ("first", "\(first)"),
                ("rules", counter.json), ("a", JSONText.string(result.code)),
            ], [(index, outcome)])
    }

    private mutating func decideDispute() -> String {
        guard let dispute = ledger.disputes.randomElement(using: &generator),
            let move = ledger.dispute(dispute.sequence),
            let index = groups.firstIndex(where: { $0.circuits.contains { $0.circuit.id == move.circuit } })
        else { return read() }
        let decision: DisputeDecision =
            generator.once(in: 3) ? .writeOff : .bill(quantity: generator.number(0...60_000))
        var trial = groups[index]
        let (result, outcome) = trial.take(
            decision: decision, about: move, command: "d", now: clock.now, site: conditions)
        keep(index, trial, outcome)
        var members = [
            ("c", JSONText.string(move.circuit)), ("n", "\(move.sequence)"), ("a", JSONText.string(result.code)),
        ]
        if case .bill(let quantity) = decision { members.append(("bill", "\(quantity)")) }
        return line("dispute", members, [(index, outcome)])
    }
}
