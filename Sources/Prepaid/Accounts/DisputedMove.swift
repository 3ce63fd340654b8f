public import Metering

/// A counter's move that nothing explained and that was not billed when the counter was believed again:
/// the record `counter_released` in the ledger log.
public struct DisputedMove: Hashable, Sendable {
    /// The number of that record.
    public let sequence: Int64
    public let circuit: CircuitID
    public let from: Int64
    public let to: Int64
    /// Some posting concerns the record already.
    public let isDecided: Bool

    public init(sequence: Int64, circuit: CircuitID, from: Int64, to: Int64, isDecided: Bool) {
        self.sequence = sequence
        self.circuit = circuit
        self.from = from
        self.to = to
        self.isDecided = isDecided
    }

    /// From the record's event; nil where it is another one.
    public init?(sequence: Int64, event: Event, isDecided: Bool) {
        guard event.code == .counterReleased, case .circuit(let circuit) = event.subject,
            let from = event.detail["from"].flatMap({ Int64($0) }),
            let to = event.detail["to"].flatMap({ Int64($0) })
        else { return nil }
        self.init(sequence: sequence, circuit: circuit, from: from, to: to, isDecided: isDecided)
    }
}

/// What a person decides about a disputed move.
public enum DisputeDecision: Hashable, Sendable {
    /// So much of it was used, Wh or litres: a meter that went backwards tells no quantity itself.
    case bill(quantity: Int64)
    case writeOff
}

/// The answer to a decision. Listed in the order they are checked.
public enum DisputeResult: Hashable, Sendable {
    /// No such record, or it is no disputed move of this group.
    case unknownDispute
    case alreadyDecided
    /// The circuit has no account to bill.
    case noAccount
    /// Not above zero, or more than the counter moved where it moved forwards.
    case quantityOutOfRange(largest: Int64?)
    case overflow
    case decided([Posting])

    /// The fixed code that goes upstream.
    public var code: String {
        switch self {
        case .unknownDispute: "unknown_dispute"
        case .alreadyDecided: "already_decided"
        case .noAccount: "no_account"
        case .quantityOutOfRange: "quantity_out_of_range"
        case .overflow: "overflow"
        case .decided: "decided"
        }
    }
}

extension SupplyGroup {
    /// Bills a disputed move or writes it off, once. A refusal changes nothing.
    public mutating func take(
        decision: DisputeDecision, about dispute: DisputedMove?, command: String, now: Timestamp, site: SiteConditions
    ) -> (DisputeResult, GroupOutcome) {
        guard let dispute, let index = index(of: dispute.circuit) else { return (.unknownDispute, GroupOutcome()) }
        if dispute.isDecided { return (.alreadyDecided, GroupOutcome()) }
        guard account != nil else { return (.noAccount, GroupOutcome()) }
        let largest = dispute.to >= dispute.from ? dispute.to.clampedSubtracting(dispute.from) : nil
        if case .bill(let quantity) = decision, quantity <= 0 || quantity > largest ?? .max {
            return (.quantityOutOfRange(largest: largest), GroupOutcome())
        }
        var trial = self
        var outcome = GroupOutcome()
        trial.settle(zone: site.zone, into: &outcome)
        guard let account = trial.account,
            let (after, postings) = account.deciding(
                dispute, decision, commodity: circuits[index].circuit.commodity, command: command, now: now,
                zone: site.zone)
        else { return (.overflow, GroupOutcome()) }
        trial.account = after
        outcome.change.account = after
        outcome.change.postings += postings
        trial.evaluate(now: now, site: site, into: &outcome)
        self = trial
        return (.decided(postings), outcome)
    }
}

extension Account {
    /// When it was used is not known, so the tariff's fallback prices apply. The first posting concerns the
    /// record. Nil on overflow.
    fileprivate func deciding(
        _ dispute: DisputedMove, _ decision: DisputeDecision, commodity: Commodity, command: String, now: Timestamp,
        zone: TimeZoneTable
    ) -> (Account, [Posting])? {
        var account = self
        func posting(
            _ cause: PostingCause, _ quantity: Int64, _ price: Price, concerns: Int64?, _ amount: Money,
            rate: Rate?, step: Int?
        ) -> Posting {
            Posting(
                account: id, cause: cause, debit: .customer(id), credit: .consumption(commodity), amount: amount,
                balanceAfter: account.balance, carryTenthsAfter: account.carryTenths,
                span: CounterSpan(
                    circuit: dispute.circuit, from: dispute.from, to: dispute.to, quantity: quantity, price: price,
                    rate: rate, step: step),
                command: command, concerns: concerns)
        }
        guard case .bill(let quantity) = decision else {
            let writeOff = posting(
                .writeOff, 0, settings.price, concerns: dispute.sequence, .zero, rate: nil, step: nil)
            return (account, [writeOff])
        }
        let unknown = Timestamp(boot: now.boot, monotonic: now.monotonic, wall: now.wall, trust: .untrusted)
        let leg = ConsumptionLeg(quantity: quantity, from: unknown, to: unknown)
        guard
            let priced = try? effectiveTariff.price(leg, usage: usage, carryTenths: carryTenths, zone: zone)
        else { return nil }
        account.usage = priced.usage
        var postings: [Posting] = []
        for part in priced.parts {
            guard let balance = account.balance.subtracting(part.amount) else { return nil }
            account.balance = balance
            account.carryTenths = part.carryTenths
            postings.append(
                posting(
                    .disputed, part.quantity, part.unitPrice,
                    concerns: postings.isEmpty ? dispute.sequence : nil, part.amount, rate: part.rate,
                    step: part.step))
        }
        return (account, postings)
    }
}
