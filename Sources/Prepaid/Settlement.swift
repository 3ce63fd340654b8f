public import Metering

/// A metered, switchable output of the site.
public struct SiteCircuit: Hashable, Sendable {
    public let id: CircuitID
    public let account: AccountID?
    public let meter: MeterID
    public let commodity: Commodity
    public let counter: CounterRules
    /// Nil where the circuit cannot be switched.
    public let breaker: BreakerAddress?

    public init(
        id: CircuitID, account: AccountID?, meter: MeterID, commodity: Commodity, counter: CounterRules,
        breaker: BreakerAddress?
    ) {
        self.id = id
        self.account = account
        self.meter = meter
        self.commodity = commodity
        self.counter = counter
        self.breaker = breaker
    }
}

/// One circuit of an account with its counter, frozen for one settlement.
public struct CircuitCounter: Hashable, Sendable {
    public let circuit: SiteCircuit
    /// The counter at the last posting; nil before the first accepted reading.
    public let posted: CounterMark?
    /// The last reading before a boundary of the tariff that `accepted` is the first reading after; nil
    /// where no boundary lies between the posting and `accepted`.
    public let beforeBoundary: CounterMark?
    /// The last value that may be billed up to.
    public let accepted: CounterMark?

    public init(
        circuit: SiteCircuit, posted: CounterMark?, accepted: CounterMark?, beforeBoundary: CounterMark? = nil
    ) {
        self.circuit = circuit
        self.posted = posted
        self.beforeBoundary = beforeBoundary
        self.accepted = accepted
    }
}

/// The balance as it is now: derived, not stored.
public struct LiveBalance: Hashable, Sendable {
    public let balance: Money
    public let carryTenths: Int64
}

/// What consumption does to an account when it is posted.
public struct ConsumptionSettlement: Hashable, Sendable {
    public let account: Account
    public let postings: [Posting]
    /// The counters up to which consumption is now posted.
    public let marks: [CircuitID: CounterMark]
}

/// Why consumption cannot be priced; nothing of it is booked.
public enum SettlementFault: Error, Hashable, Sendable {
    /// The two marks of a circuit cannot follow one another.
    case counterOutOfOrder(CircuitID)
    case overflow(CircuitID)
}

extension Account {
    /// Posted balance − price(counter now − counter at the last posting), over all circuits.
    public func liveBalance(
        _ counters: [CircuitCounter], zone: TimeZoneTable = .utc
    ) throws(SettlementFault) -> LiveBalance {
        var account = self
        for counter in counters {
            var stretch: TariffStretch?
            try account.use(counter, zone: zone, stretch: &stretch)
        }
        return LiveBalance(balance: account.balance, carryTenths: account.carryTenths)
    }

    /// Takes what one circuit has used since its last posting off the balance, without postings.
    /// - Parameter stretch: kept by the caller from call to call, per circuit.
    mutating func use(
        _ counter: CircuitCounter, zone: TimeZoneTable, stretch: inout TariffStretch?
    ) throws(SettlementFault) {
        let circuit = counter.circuit
        guard let from = counter.posted, let to = counter.accepted else { return }
        guard let quantity = circuit.counter.quantity(from: from.value, to: to.value) else {
            throw .counterOutOfOrder(circuit.id)
        }
        guard quantity > 0 else { return }
        // Steps are used up by one circuit after another; everything else leaves the price of the others.
        if effectiveTariff.steps != nil || counter.beforeBoundary != nil {
            let priced = try price(counter, zone: zone)
            try take(priced, circuit: circuit.id)
            return
        }
        do {
            let charge = try effectiveTariff.charge(
                ConsumptionLeg(quantity: quantity, from: from.at, to: to.at), carryTenths: carryTenths, zone: zone,
                stretch: &stretch)
            guard let after = balance.subtracting(charge.amount) else { throw SettlementFault.overflow(circuit.id) }
            balance = after
            carryTenths = charge.carryTenths
        } catch { throw .overflow(circuit.id) }
    }

    /// Posts what every circuit has used since its last posting: a double entry for each rate and step.
    public func settlingConsumption(
        _ counters: [CircuitCounter], zone: TimeZoneTable = .utc
    ) throws(SettlementFault) -> ConsumptionSettlement {
        var account = self
        var postings: [Posting] = []
        var marks: [CircuitID: CounterMark] = [:]
        let isTimeless = effectiveTariff.isTimeless
        for counter in counters {
            guard let from = counter.posted, let to = counter.accepted else { continue }
            let priced = try account.price(counter, zone: zone)
            // Where the price depends on the time, a posting that bills nothing still ends the time before it.
            guard !priced.parts.isEmpty || (!isTimeless && from != to) else { continue }
            marks[counter.circuit.id] = to
            for part in priced.parts {
                postings.append(try account.post(part, of: counter.circuit, from: from.value, to: to.value))
            }
            account.usage = priced.usage
        }
        return ConsumptionSettlement(account: account, postings: postings, marks: marks)
    }

    private func price(
        _ counter: CircuitCounter, zone: TimeZoneTable
    ) throws(SettlementFault) -> PricedConsumption {
        var legs: [ConsumptionLeg] = []
        var from = counter.posted
        for to in [counter.beforeBoundary, counter.accepted] {
            guard let start = from, let to else { continue }
            guard let quantity = counter.circuit.counter.quantity(from: start.value, to: to.value) else {
                throw .counterOutOfOrder(counter.circuit.id)
            }
            legs.append(ConsumptionLeg(quantity: quantity, from: start.at, to: to.at))
            from = to
        }
        do {
            return try effectiveTariff.price(legs, usage: usage, carryTenths: carryTenths, zone: zone)
        } catch { throw .overflow(counter.circuit.id) }
    }

    private mutating func take(_ priced: PricedConsumption, circuit: CircuitID) throws(SettlementFault) {
        guard let after = balance.subtracting(priced.amount) else { throw .overflow(circuit) }
        balance = after
        carryTenths = priced.carryTenths
        usage = priced.usage
    }

    private mutating func post(
        _ part: PricedPart, of circuit: SiteCircuit, from: Int64, to: Int64
    ) throws(SettlementFault) -> Posting {
        guard let after = balance.subtracting(part.amount) else { throw .overflow(circuit.id) }
        balance = after
        carryTenths = part.carryTenths
        return Posting(
            account: id, cause: .consumption, debit: .customer(id), credit: .consumption(circuit.commodity),
            amount: part.amount, balanceAfter: after, carryTenthsAfter: part.carryTenths,
            span: CounterSpan(
                circuit: circuit.id, from: from, to: to, quantity: part.quantity, price: part.unitPrice,
                rate: part.rate, step: part.step),
            isEstimated: part.timing == .estimated || part.timing == .fallback)
    }
}
