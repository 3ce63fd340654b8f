import Metering
import Prepaid

extension ScenarioRunner {
    mutating func defineCircuits(_ words: inout ScenarioWords) throws {
        let names = try words.circuits()
        var owners: [String?] = [nil]
        var commodity = Commodity.electricity
        var (rated, step, modulus): (Int64, Int64, Int64?) = (13_800, 10, 1_000_000_000)
        var hasBreaker = true
        var options = ScenarioSwitching()
        var safety = ScenarioSafety()
        while let word = words.first {
            if try options.take(&words) || safety.take(&words) { continue }
            _ = try words.next("word")
            switch word {
            case "of": owners = try words.names("account")
            case "water": commodity = .water
            case "rated": rated = try words.power() / 1_000
            case "flow": rated = try words.quantity()
            case "step": step = try words.quantity()
            case "rolls":
                try words.require("over")
                try words.require("at")
                modulus = try words.quantity()
            case "unswitched": hasBreaker = false
            default: throw ScenarioProblem("'\(word)' says nothing about a circuit")
            }
        }
        let rules = CircuitRules(
            switching: try options.rules(), overload: try safety.overload(), malignant: try safety.malignant())
        guard let bus = BusID(rawValue: "b1"), let unit = UnitAddress(bus: bus, unit: 1) else { return }
        for (index, id) in names.enumerated() {
            let owner = owners[min(index, owners.count - 1)].flatMap(AccountID.init(rawValue:))
            guard let meter = MeterID(rawValue: "M-\(id)") else { throw ScenarioProblem("'\(id)' is too long") }
            let circuit = SiteCircuit(
                id: id, account: owner, meter: meter, commodity: commodity,
                counter: CounterRules(modulus: modulus, step: step, ratedPerHour: rated),
                breaker: hasBreaker ? BreakerAddress(device: unit, point: 1) : nil)
            circuits.append(ScenarioCircuit(circuit: circuit, rules: rules))
            site.circuitRules[id] = rules
            site.devices[id] = ScenarioDevice()
        }
    }

    /// `timer C1 workday 06:30 on 08:00 off 23:00 night 300 W holiday 08:00 on`
    mutating func defineTimer(_ words: inout ScenarioWords) throws {
        let names = try words.circuits()
        var tables: [String: [TimerSwitch]] = [:]
        while let kind = words.first, ["workday", "holiday"].contains(kind) {
            _ = words.take(kind)
            while words.first?.contains(":") == true {
                let start = try words.minute()
                let action: TimerAction =
                    if words.take("on") { .on } else if words.take("off") { .off } else {
                        try nightMode(&words)
                    }
                tables[kind, default: []].append(TimerSwitch(start: start, action: action))
            }
        }
        let table = try TimerTable(
            workday: tables["workday"] ?? [], holiday: tables["holiday"] ?? tables["workday"] ?? [])
        for index in circuits.indices where names.contains(circuits[index].circuit.id) {
            circuits[index].rules.timer = table
            site.circuitRules[circuits[index].circuit.id] = circuits[index].rules
        }
    }

    private func nightMode(_ words: inout ScenarioWords) throws -> TimerAction {
        try words.require("night")
        return .nightMode(capMilliwatts: try words.power())
    }
}

/// How a circuit is switched, word by word.
struct ScenarioSwitching {
    private var dwell = Duration.zero
    private var travel = Duration.zero
    private var needsUser = false
    private var powerUp: BreakerPosition?
    private var guaranteeOutranks = false

    mutating func take(_ words: inout ScenarioWords) throws -> Bool {
        switch words.first {
        case "dwell":
            _ = words.take("dwell")
            dwell = try words.duration()
        case "travel":
            _ = words.take("travel")
            travel = try words.duration()
        case "asks":
            _ = words.take("asks")
            try words.require("user")
            needsUser = true
        case "powers":
            _ = words.take("powers")
            try words.require("up")
            powerUp = try words.oneOf("position", BreakerPosition.self)
        case "guarantee":
            _ = words.take("guarantee")
            try words.require("outranks")
            guaranteeOutranks = true
        default: return false
        }
        return true
    }

    func rules() throws -> SwitchingRules {
        try SwitchingRules(
            minimumDwell: dwell, needsUserToClose: needsUser, travelTime: travel, powerUp: powerUp,
            guaranteeOutranksLockouts: guaranteeOutranks)
    }
}
