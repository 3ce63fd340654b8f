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
    /// The last value that may be billed up to.
    public let accepted: CounterMark?

    public init(circuit: SiteCircuit, posted: CounterMark?, accepted: CounterMark?) {
        self.circuit = circuit
        self.posted = posted
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
    public func liveBalance(_ counters: [CircuitCounter]) throws(SettlementFault) -> LiveBalance {
        var running = LiveBalance(balance: balance, carryTenths: carryTenths)
        for counter in counters {
            guard let used = try Self.used(counter), used.quantity > 0 else { continue }
            running = try charge(used, circuit: counter.circuit.id, to: running)
        }
        return running
    }

    /// Posts what every circuit has used since its last posting: one double entry a circuit.
    public func settlingConsumption(_ counters: [CircuitCounter]) throws(SettlementFault) -> ConsumptionSettlement {
        var account = self
        var postings: [Posting] = []
        var marks: [CircuitID: CounterMark] = [:]
        for counter in counters {
            guard let used = try Self.used(counter), used.quantity > 0 else { continue }
            let before = LiveBalance(balance: account.balance, carryTenths: account.carryTenths)
            let after = try charge(used, circuit: counter.circuit.id, to: before)
            guard let amount = before.balance.subtracting(after.balance) else {
                throw .overflow(counter.circuit.id)
            }
            account.balance = after.balance
            account.carryTenths = after.carryTenths
            marks[counter.circuit.id] = used.to
            postings.append(
                Posting(
                    account: id, cause: .consumption, debit: .customer(id),
                    credit: .consumption(counter.circuit.commodity), amount: amount, balanceAfter: after.balance,
                    carryTenthsAfter: after.carryTenths,
                    span: CounterSpan(
                        circuit: counter.circuit.id, from: used.from.value, to: used.to.value,
                        quantity: used.quantity, price: settings.price)))
        }
        return ConsumptionSettlement(account: account, postings: postings, marks: marks)
    }

    private struct Used {
        let from: CounterMark
        let to: CounterMark
        let quantity: Int64
    }

    private static func used(_ counter: CircuitCounter) throws(SettlementFault) -> Used? {
        guard let from = counter.posted, let to = counter.accepted else { return nil }
        guard let quantity = counter.circuit.counter.quantity(from: from.value, to: to.value) else {
            throw .counterOutOfOrder(counter.circuit.id)
        }
        return Used(from: from, to: to, quantity: quantity)
    }

    private func charge(
        _ used: Used, circuit: CircuitID, to running: LiveBalance
    ) throws(SettlementFault) -> LiveBalance {
        guard
            let charge = settings.price.charge(quantity: used.quantity, carryTenths: running.carryTenths),
            let balance = running.balance.subtracting(charge.amount)
        else { throw .overflow(circuit) }
        return LiveBalance(balance: balance, carryTenths: charge.carryTenths)
    }
}
