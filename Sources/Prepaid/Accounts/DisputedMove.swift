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
    case decided(Posting)

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
        trial.settle(into: &outcome)
        guard let account = trial.account,
            let (after, posting) = account.deciding(
                dispute, decision, commodity: circuits[index].circuit.commodity, command: command)
        else { return (.overflow, GroupOutcome()) }
        trial.account = after
        outcome.change.account = after
        outcome.change.postings.append(posting)
        trial.evaluate(now: now, site: site, into: &outcome)
        self = trial
        return (.decided(posting), outcome)
    }
}

extension Account {
    /// Nil on overflow.
    fileprivate func deciding(
        _ dispute: DisputedMove, _ decision: DisputeDecision, commodity: Commodity, command: String
    ) -> (Account, Posting)? {
        var quantity: Int64 = 0
        var cause = PostingCause.writeOff
        if case .bill(let billed) = decision { (quantity, cause) = (billed, .disputed) }
        guard let charge = settings.price.charge(quantity: quantity, carryTenths: carryTenths),
            let balance = balance.subtracting(charge.amount)
        else { return nil }
        var account = self
        account.balance = balance
        account.carryTenths = charge.carryTenths
        let posting = Posting(
            account: id, cause: cause, debit: .customer(id), credit: .consumption(commodity), amount: charge.amount,
            balanceAfter: balance, carryTenthsAfter: charge.carryTenths,
            span: CounterSpan(
                circuit: dispute.circuit, from: dispute.from, to: dispute.to, quantity: quantity,
                price: settings.price),
            command: command, concerns: dispute.sequence)
        return (account, posting)
    }
}
