import Metering
import Prepaid

/// A meter and its breaker as they really are.
struct ScenarioDevice {
    enum Behaviour { case obeys, sticks, silent }

    var position = BreakerPosition.closed
    var behaviour = Behaviour.obeys
    /// Wh or litres.
    var counter: Int64 = 0
    /// Microjoules on the way to the next Wh.
    var rest: Int64 = 0

    /// - Parameter power: mW; nothing flows where the breaker is open.
    mutating func use(_ power: Int64, for duration: Duration, rules: CounterRules) {
        guard position == .closed else { return }
        rest += power * duration.wholeMilliseconds
        counter += rest / 3_600_000_000
        rest %= 3_600_000_000
        if let modulus = rules.modulus { counter %= modulus }
    }

    func shown(_ rules: CounterRules) -> Int64 { counter - counter % max(1, rules.step) }
}

/// What has come about since the last expectations.
struct ScenarioOutcome {
    var answers: [String] = []
    var postings: [Posting] = []
    var events: [Event] = []
    var orders: [BreakerOrder] = []
}

/// What a start of the daemon finds.
struct ScenarioMemory {
    var posted: CounterMark?
    var accepted: CounterMark?
    var breaker = BreakerMemory()
}

/// The site of a scenario: the groups, their devices, a ledger, and the thin shell between them.
struct ScenarioSite {
    var clock = ScenarioClock()
    var calendar = SiteCalendar.plain
    var groups: [SupplyGroup] = []
    var devices: [CircuitID: ScenarioDevice] = [:]
    var circuitRules: [CircuitID: CircuitRules] = [:]
    var staleAfter = Duration.seconds(60)
    var isLedgerUsable = true
    var director: SwitchingDirector?
    var ledger = ScenarioLedger()
    var happened = ScenarioOutcome()
    private var memories: [CircuitID: ScenarioMemory] = [:]
    private var accounts: [Int: Account] = [:]
    private var generator = SeededGenerator(seed: 7)

    func conditions() throws -> SiteConditions {
        SiteConditions(
            isLedgerUsable: isLedgerUsable, staleAfter: staleAfter, isDirected: director != nil, calendar: calendar,
            zone: clock.zone, untrustedFor: try clock.untrustedFor())
    }

    mutating func add(_ group: SupplyGroup) {
        accounts[groups.count] = group.account
        groups.append(group)
        for state in group.circuits {
            devices[state.circuit.id, default: ScenarioDevice()].position = .closed
            memories[state.circuit.id] = ScenarioMemory(breaker: state.reconciler.memory)
        }
        if let account = group.account { ledger.open(account) }
    }

    func group(of circuit: CircuitID) throws -> Int {
        for (index, group) in groups.enumerated() where group.circuits.contains(where: { $0.circuit.id == circuit }) {
            return index
        }
        throw ScenarioProblem("there is no circuit \(circuit)")
    }

    func group(of account: AccountID) throws -> Int {
        guard let index = groups.firstIndex(where: { $0.account?.id == account }) else {
            throw ScenarioProblem("there is no account \(account)")
        }
        return index
    }

    func state(of circuit: CircuitID) throws -> CircuitState {
        guard let state = groups[try group(of: circuit)].circuits.first(where: { $0.circuit.id == circuit }) else {
            throw ScenarioProblem("there is no circuit \(circuit)")
        }
        return state
    }

    func device(of circuit: CircuitID) throws -> ScenarioDevice {
        guard let device = devices[circuit] else { throw ScenarioProblem("there is no circuit \(circuit)") }
        return device
    }

    mutating func change(
        _ index: Int, ended: CircuitID? = nil,
        _ body: (inout SupplyGroup, Timestamp, SiteConditions) -> GroupOutcome
    ) throws {
        var trial = groups[index]
        let outcome = body(&trial, try clock.now(), try conditions())
        try keep(trial, index, outcome, ended: ended)
    }

    /// Commits, then carries out, as the daemon does; where nothing can be committed the group stays as it was.
    mutating func keep(_ trial: SupplyGroup, _ index: Int, _ outcome: GroupOutcome, ended: CircuitID? = nil) throws {
        guard isLedgerUsable || outcome.change.isEmpty else {
            let sent = outcome.orders.filter(\.actsWithoutLedger)
            groups[index].keepOrders(sent, ended: ended, of: trial)
            return try carryOut(sent)
        }
        groups[index] = trial
        remember(outcome.change, of: index)
        try ledger.commit(outcome.change, account: trial.account)
        happened.postings += outcome.change.postings
        happened.events += outcome.change.events
        try carryOut(outcome.orders)
    }

    private mutating func remember(_ change: LedgerChange, of index: Int) {
        if let account = change.account { accounts[index] = account }
        for (circuit, mark) in change.marks { memories[circuit]?.posted = mark }
        for (circuit, memory) in change.breakers { memories[circuit]?.breaker = memory }
        for state in groups[index].circuits { memories[state.circuit.id]?.accepted = state.track.lastAccepted }
    }

    private mutating func carryOut(_ orders: [BreakerOrder]) throws {
        happened.orders += orders
        for order in orders {
            guard var device = devices[order.circuit] else { continue }
            if device.behaviour == .obeys { device.position = order.position }
            devices[order.circuit] = device
            let readBack = device.behaviour == .silent ? nil : device.position
            try change(try group(of: order.circuit), ended: order.circuit) { group, now, site in
                group.orderEnded(order.circuit, readBack: readBack, now: now, site: site)
            }
        }
    }

    /// Gives their turn to the moves that may go ahead now.
    mutating func direct() throws {
        guard var director else { return }
        var waits: [CircuitID: MoveWait] = [:]
        for state in groups.flatMap(\.circuits) { waits[state.circuit.id] = state.waitsFor }
        let direction = director.direct(waits, now: try clock.now().monotonic, using: &generator)
        self.director = director
        if direction.isNewlyHeld { happened.events.append(Event(.massCutHeld, .gateway)) }
        for circuit in direction.turns {
            try change(try group(of: circuit)) { group, now, site in
                group.giveTurn(circuit, now: now, site: site)
            }
        }
    }

    mutating func tick() throws {
        for index in groups.indices {
            try change(index) { group, now, site in group.tick(now: now, site: site) }
        }
        try direct()
    }

    /// Ends the daemon as it is and starts it again from what it kept.
    /// - Parameter losesAccepted: the last accepted counters were not committed.
    mutating func restart(losesAccepted: Bool) throws {
        for index in groups.indices {
            let states = groups[index].circuits.map { state in
                let memory = memories[state.circuit.id] ?? ScenarioMemory()
                return CircuitState(
                    circuit: state.circuit, posted: memory.posted, lastAccepted: losesAccepted ? nil : memory.accepted,
                    memory: memory.breaker, rules: circuitRules[state.circuit.id] ?? .standard)
            }
            groups[index] = SupplyGroup(account: accounts[index], circuits: states, rules: groups[index].rules)
        }
    }
}
