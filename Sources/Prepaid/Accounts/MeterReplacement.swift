public import Metering

/// A meter was taken out and another put in, at one moment.
public struct MeterReplacement: Hashable, Sendable {
    public let circuit: CircuitID
    /// What the old meter showed when it was taken out, Wh or litres.
    public let oldLast: Int64
    /// What the new one showed when it was put in.
    public let newFirst: Int64
    /// The new meter's name; the same where only the device was changed.
    public let meter: MeterID
    public let counter: CounterRules

    public init(circuit: CircuitID, oldLast: Int64, newFirst: Int64, meter: MeterID, counter: CounterRules) {
        self.circuit = circuit
        self.oldLast = oldLast
        self.newFirst = newFirst
        self.meter = meter
        self.counter = counter
    }
}

/// The answer to a replacement. Listed in the order they are checked.
public enum ReplacementResult: Hashable, Sendable {
    case unknownCircuit
    /// What the old meter is said to have shown cannot follow its last accepted reading.
    case implausibleLast(UnexplainedMove, lastAccepted: Int64)
    /// No value of the new meter's register.
    case implausibleFirst
    /// What was used up to the removal cannot be posted.
    case notSettled(SettlementFault)
    /// What is billed for the time between the last good reading and the removal, Wh or litres.
    case replaced(billed: Int64)

    /// The fixed code that goes upstream.
    public var code: String {
        switch self {
        case .unknownCircuit: "unknown_circuit"
        case .implausibleLast: "implausible_last_reading"
        case .implausibleFirst: "implausible_first_reading"
        case .notSettled: "not_settled"
        case .replaced: "replaced"
        }
    }
}

extension SupplyGroup {
    /// Takes a declared replacement: bills the old meter to its end and starts the new one at its first
    /// reading. A refusal changes nothing.
    public mutating func take(
        replacement: MeterReplacement, now: Timestamp, site: SiteConditions
    ) -> (ReplacementResult, GroupOutcome) {
        guard let index = index(of: replacement.circuit) else { return (.unknownCircuit, GroupOutcome()) }
        let old = circuits[index].circuit
        let lastAccepted = circuits[index].track.lastAccepted
        var billed: Int64 = 0
        if let lastAccepted {
            let elapsed = now.elapsed(since: lastAccepted.at)
            switch old.counter.judge(previous: lastAccepted.value, current: replacement.oldLast, elapsed: elapsed) {
            case .normal(let delta), .rollOver(let delta), .pending(let delta): billed = delta
            case .unexplained(let move):
                return (.implausibleLast(move, lastAccepted: lastAccepted.value), GroupOutcome())
            }
        }
        guard replacement.counter.canShow(replacement.newFirst) else { return (.implausibleFirst, GroupOutcome()) }
        var trial = self
        var outcome = GroupOutcome()
        let end = CounterMark(value: replacement.oldLast, at: now)
        let start = CounterMark(value: replacement.newFirst, at: now)
        let lastReading = lastAccepted.map { [old.id: $0] } ?? [:]
        if let fault = trial.settleOrFault(
            circuitsEndingAt: [old.id: end], boundary: lastReading, zone: site.zone, into: &outcome)
        {
            return (.notSettled(fault), GroupOutcome())
        }
        trial.circuits[index].replaceMeter(by: replacement, startingAt: start)
        outcome.change.marks[old.id] = start
        outcome.change.events.append(
            Event(
                .meterReplaced, .circuit(old.id),
                [
                    "meter_before": old.meter.rawValue, "meter": replacement.meter.rawValue,
                    "old_last": String(replacement.oldLast), "new_first": String(replacement.newFirst),
                    "last_accepted": lastAccepted.map { String($0.value) } ?? "none", "billed": String(billed),
                ]))
        trial.evaluate(now: now, site: site, into: &outcome)
        self = trial
        return (.replaced(billed: billed), outcome)
    }
}

extension CircuitState {
    fileprivate mutating func replaceMeter(by replacement: MeterReplacement, startingAt start: CounterMark) {
        circuit = SiteCircuit(
            id: circuit.id, account: circuit.account, meter: replacement.meter, commodity: circuit.commodity,
            counter: replacement.counter, breaker: circuit.breaker)
        posted = start
        track = CounterTrack(rules: replacement.counter, lastAccepted: start)
        readingsBelowCutOff = 0
    }
}
