public import Metering

/// A sale, as a seller states it.
public struct Recharge: Hashable, Sendable {
    public let account: AccountID
    public let customerNumber: String
    public let issuer: String
    /// Per account: the next one must be the last one + 1.
    public let number: Int64
    public let amount: Money
    public let expiresAt: WallTime?

    public init(
        account: AccountID, customerNumber: String, issuer: String, number: Int64, amount: Money,
        expiresAt: WallTime? = nil
    ) {
        self.account = account
        self.customerNumber = customerNumber
        self.issuer = issuer
        self.number = number
        self.amount = amount
        self.expiresAt = expiresAt
    }

    /// Whether `other` sells the same thing: what makes a repeat a repeat. The expiry is not part of it.
    public func hasSameContent(as other: Recharge) -> Bool {
        account == other.account && customerNumber == other.customerNumber && issuer == other.issuer
            && number == other.number && amount == other.amount
    }
}

/// A recharge that was applied before, with the balance it left.
public struct AppliedRecharge: Hashable, Sendable {
    public let recharge: Recharge
    public let balanceAfter: Money

    public init(recharge: Recharge, balanceAfter: Money) {
        self.recharge = recharge
        self.balanceAfter = balanceAfter
    }
}

/// The answer to a recharge. Listed in the order they are checked.
public enum RechargeResult: Hashable, Sendable {
    /// The number was used before with the same content: the first answer again.
    case alreadyApplied(balanceAfter: Money)
    /// The number was used before with other content.
    case conflict(number: Int64)
    case accountClosed
    case wrongIssuer
    case wrongCustomer
    /// Zero or negative.
    case amountNotPositive
    /// A number was left out: this one is expected.
    case gap(expected: Int64)
    /// Only on a clock that can be believed.
    case expired
    case overflow
    /// The whole recharge is refused, never taken in part.
    case overHoardingCap(cap: Money)
    case applied(Posting)

    /// The fixed code that goes upstream.
    public var code: String {
        switch self {
        case .alreadyApplied: "already_applied"
        case .conflict: "conflict"
        case .accountClosed: "account_closed"
        case .wrongIssuer: "wrong_issuer"
        case .wrongCustomer: "wrong_customer"
        case .amountNotPositive: "amount_not_positive"
        case .gap: "gap"
        case .expired: "expired"
        case .overflow: "overflow"
        case .overHoardingCap: "over_hoarding_cap"
        case .applied: "applied"
        }
    }
}

extension Account {
    /// Applies a recharge to the settled balance. `earlier` is what this account's recharge of the same
    /// number was, if there was one. A refusal changes nothing and consumes no number.
    public mutating func apply(
        _ recharge: Recharge, earlier: AppliedRecharge?, command: String, now: Timestamp
    ) -> RechargeResult {
        if let earlier {
            return earlier.recharge.hasSameContent(as: recharge)
                ? .alreadyApplied(balanceAfter: earlier.balanceAfter) : .conflict(number: recharge.number)
        }
        if recharge.number <= lastRechargeNumber { return .conflict(number: recharge.number) }
        if state == .closed { return .accountClosed }
        if recharge.issuer != issuer { return .wrongIssuer }
        if recharge.customerNumber != customerNumber { return .wrongCustomer }
        if recharge.amount <= .zero { return .amountNotPositive }
        let (expected, exhausted) = lastRechargeNumber.addingReportingOverflow(1)
        if exhausted { return .overflow }
        if recharge.number != expected { return .gap(expected: expected) }
        if let expiry = recharge.expiresAt, now.trust == .trusted, now.wall > expiry { return .expired }
        guard let balanceAfter = balance.adding(recharge.amount) else { return .overflow }
        if balanceAfter > settings.hoardingCap { return .overHoardingCap(cap: settings.hoardingCap) }
        balance = balanceAfter
        lastRechargeNumber = recharge.number
        return .applied(
            Posting(
                account: id, cause: .recharge, debit: .payments, credit: .customer(id), amount: recharge.amount,
                balanceAfter: balanceAfter, carryTenthsAfter: carryTenths, rechargeNumber: recharge.number,
                command: command))
    }
}
