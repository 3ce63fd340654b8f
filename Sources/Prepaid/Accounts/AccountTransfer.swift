public import Metering

/// Credit that is to move from one account to another.
public struct AccountTransfer: Hashable, Sendable {
    public let from: AccountID
    public let fromCustomer: String
    public let to: AccountID
    public let toCustomer: String
    public let issuer: String
    public let amount: Money
    public let expiresAt: WallTime?

    public init(
        from: AccountID, fromCustomer: String, to: AccountID, toCustomer: String, issuer: String, amount: Money,
        expiresAt: WallTime? = nil
    ) {
        self.from = from
        self.fromCustomer = fromCustomer
        self.to = to
        self.toCustomer = toCustomer
        self.issuer = issuer
        self.amount = amount
        self.expiresAt = expiresAt
    }
}

/// The answer to a transfer. Listed in the order they are checked.
public enum TransferResult: Hashable, Sendable {
    /// What was used cannot be posted: a balance is not known.
    case notSettled(SettlementFault)
    case sameAccount
    /// The receiving account; a closed one may still give away what it holds.
    case accountClosed
    case wrongIssuer
    case wrongCustomer(AccountID)
    /// Zero or negative.
    case amountNotPositive
    /// Only on a clock that can be believed.
    case expired
    /// More than the giving account holds.
    case insufficientBalance(Money)
    case overflow
    case overHoardingCap(cap: Money)
    /// One double entry on each account; both or neither are committed.
    case applied(giving: Posting, receiving: Posting)

    /// The fixed code that goes upstream.
    public var code: String {
        switch self {
        case .notSettled: "not_settled"
        case .sameAccount: "same_account"
        case .accountClosed: "account_closed"
        case .wrongIssuer: "wrong_issuer"
        case .wrongCustomer: "wrong_customer"
        case .amountNotPositive: "amount_not_positive"
        case .expired: "expired"
        case .insufficientBalance: "insufficient_balance"
        case .overflow: "overflow"
        case .overHoardingCap: "over_hoarding_cap"
        case .applied: "applied"
        }
    }
}

extension AccountTransfer {
    /// Moves credit between two settled balances. A refusal changes neither.
    public func apply(
        from giver: inout Account, to receiver: inout Account, command: String, now: Timestamp
    ) -> TransferResult {
        if giver.id == receiver.id { return .sameAccount }
        if receiver.state == .closed { return .accountClosed }
        if giver.issuer != issuer || receiver.issuer != issuer { return .wrongIssuer }
        if giver.customerNumber != fromCustomer { return .wrongCustomer(giver.id) }
        if receiver.customerNumber != toCustomer { return .wrongCustomer(receiver.id) }
        if amount <= .zero { return .amountNotPositive }
        if let expiresAt, now.trust == .trusted, now.wall > expiresAt { return .expired }
        if amount > giver.balance { return .insufficientBalance(giver.balance) }
        guard let given = giver.balance.subtracting(amount), let received = receiver.balance.adding(amount),
            let taken = amount.negated
        else { return .overflow }
        let cap = receiver.settings.hoardingCap
        if received > cap { return .overHoardingCap(cap: cap) }
        giver.balance = given
        receiver.balance = received
        return .applied(
            giving: giver.posting(.transfer, against: .transfer, change: taken, command: command),
            receiving: receiver.posting(.transfer, against: .transfer, change: amount, command: command))
    }
}
