import Metering
import Prepaid

/// What happens in a scenario.
extension ScenarioRunner {
    mutating func perform(_ words: inout ScenarioWords) throws {
        let kind = try words.next("input")
        switch kind {
        case "read": try read(&words)
        case "use": try use(&words)
        case "pass": try pass(&words)
        case "tick": break
        case "clock":
            try site.clock.set(&words)
            try site.tick()
        case "breaker": try handle(&words)
        case "mode":
            let circuits = try words.circuits()
            let mode = try words.oneOf("mode", OperatorMode.self)
            try each(circuits) { $0.set(mode: mode, of: $1, now: $2, site: $3) }
        case "maintenance":
            let circuits = try words.circuits()
            let isLocked = words.take("locked")
            if !isLocked { try words.require("released") }
            try each(circuits) { $0.set(isMaintenanceLocked: isLocked, of: $1, now: $2, site: $3) }
        case "lockout":
            let circuits = try words.circuits()
            let lockout: Lockout? = words.take("none") ? nil : try words.oneOf("lockout", Lockout.self)
            try each(circuits) { $0.set(lockout: lockout, of: $1, now: $2, site: $3) }
        case "unlock": try each(words.circuits()) { $0.releaseLockout(of: $1, now: $2, site: $3) }
        case "button": try each(words.circuits()) { $0.userAgreed($1, now: $2, site: $3) }
        case "release": try each(words.circuits()) { $0.releaseOpenedElsewhere($1, now: $2, site: $3) }
        case "confirm":
            try words.require("cuts")
            site.director?.cuts.confirm()
        case "ledger": try setLedger(&words)
        case "recharge", "order", "transfer", "open", "replace", "dispute", "sale": try sell(kind, &words)
        case "restart": try site.restart(losesAccepted: false)
        case "crash": try site.restart(losesAccepted: true)
        case "reboot":
            try site.clock.reboot()
            try site.restart(losesAccepted: false)
        default: throw ScenarioProblem("'\(kind)' is nothing that can happen")
        }
    }

    private mutating func each(
        _ circuits: [CircuitID],
        _ body: (inout SupplyGroup, CircuitID, Timestamp, SiteConditions) -> GroupOutcome
    ) throws {
        for circuit in circuits {
            try site.change(try site.group(of: circuit)) { body(&$0, circuit, $1, $2) }
        }
    }

    /// `read C1 1000.00 kWh [2.5 kW [with 300 var]]`
    private mutating func read(_ words: inout ScenarioWords) throws {
        let circuits = try words.circuits()
        let counter = try words.quantity()
        let power = words.isEmpty ? nil : try words.power()
        let reactive = try words.reactivePower()
        for circuit in circuits {
            site.devices[circuit]?.counter = counter
            site.devices[circuit]?.rest = 0
            try report(circuit, counter: counter, power: power, reactive: reactive)
        }
    }

    /// What one poll brings: the breaker's position, then counter and power.
    private mutating func report(
        _ circuit: CircuitID, counter: Int64, power: Int64?, reactive: Int64? = nil
    ) throws {
        try pollBreaker(circuit)
        try site.change(try site.group(of: circuit)) {
            $0.take(
                counter: counter, activePower: power, reactivePower: reactive, of: circuit, now: $1, site: $2)
        }
    }

    private mutating func pollBreaker(_ circuit: CircuitID) throws {
        let device = try site.device(of: circuit)
        guard device.behaviour != .silent, try site.state(of: circuit).circuit.breaker != nil else { return }
        try site.change(try site.group(of: circuit)) {
            $0.take(position: device.position, of: circuit, now: $1, site: $2)
        }
    }

    /// `use C1 2 kW [with 300 var] for 10m every 5s`
    private mutating func use(_ words: inout ScenarioWords) throws {
        let circuits = try words.circuits()
        let power = try words.power()
        let reactive = try words.reactivePower()
        try words.require("for")
        let total = try words.duration()
        try words.require("every")
        let period = try words.duration()
        try repeating(every: period, for: total) { runner in
            for circuit in circuits {
                let rules = try runner.site.state(of: circuit).circuit.counter
                runner.site.devices[circuit]?.use(power, for: period, rules: rules)
                let device = try runner.site.device(of: circuit)
                try runner.report(
                    circuit, counter: device.shown(rules), power: device.position == .closed ? power : 0,
                    reactive: device.position == .closed ? reactive : reactive.map { _ in 0 })
            }
        }
    }

    /// `pass 10m every 5s`: time goes by, and no meter answers.
    private mutating func pass(_ words: inout ScenarioWords) throws {
        let total = try words.duration()
        try words.require("every")
        try repeating(every: try words.duration(), for: total) { _ in }
    }

    private mutating func repeating(
        every period: Duration, for total: Duration, _ body: (inout ScenarioRunner) throws -> Void
    ) throws {
        guard period > .zero, total / period < 200_000 else { throw ScenarioProblem("'every' is too short for 'for'") }
        var passed = Duration.zero
        while passed + period <= total {
            passed += period
            try site.clock.advance(by: period)
            try body(&self)
            try site.tick()
        }
    }

    /// `breaker C1 obeys | sticks | silent | is opened by hand | is closed by hand | returns`
    private mutating func handle(_ words: inout ScenarioWords) throws {
        let circuits = try words.circuits()
        let word = try words.next("what the breaker does")
        var position: BreakerPosition?
        if word == "is" {
            position = words.take("opened") ? .open : .closed
            if position == .closed { try words.require("closed") }
            try words.require("by")
            try words.require("hand")
        }
        for circuit in circuits {
            switch word {
            case "obeys": site.devices[circuit]?.behaviour = .obeys
            case "sticks": site.devices[circuit]?.behaviour = .sticks
            case "silent": site.devices[circuit]?.behaviour = .silent
            case "returns":
                site.devices[circuit]?.behaviour = .obeys
                site.groups[try site.group(of: circuit)].deviceReturned(of: circuit)
                try pollBreaker(circuit)
            case "is":
                if let position { site.devices[circuit]?.position = position }
                try pollBreaker(circuit)
            default: throw ScenarioProblem("a breaker cannot '\(word)'")
            }
        }
    }

    private mutating func setLedger(_ words: inout ScenarioWords) throws {
        site.isLedgerUsable = words.take("writable")
        if !site.isLedgerUsable { try words.require("broken") }
        try site.tick()
    }
}
