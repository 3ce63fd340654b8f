public import Metering

/// One side of a posting.
public enum Book: Hashable, Sendable, CustomStringConvertible {
    /// What the site owes a customer: the balance. Credits raise it.
    case customer(AccountID)
    /// Money taken in by a seller.
    case payments
    /// Energy or water supplied.
    case consumption(Commodity)
    /// Balances carried in when an account was opened.
    case opening
    /// Corrections by an operator.
    case adjustment
    /// Credit on its way from one customer to another; empty after every commit.
    case transfer

    /// `customer:A-101`, `payments`, `consumption:electricity`, ...
    public var description: String {
        switch self {
        case .customer(let account): "customer:\(account)"
        case .payments: "payments"
        case .consumption(let commodity): "consumption:\(commodity.rawValue)"
        case .opening: "opening"
        case .adjustment: "adjustment"
        case .transfer: "transfer"
        }
    }

    /// The inverse of `description`; nil for anything else.
    public init?(name: String) {
        let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch (parts[0], parts.count > 1 ? parts[1] : nil) {
        case ("payments", nil): self = .payments
        case ("opening", nil): self = .opening
        case ("adjustment", nil): self = .adjustment
        case ("transfer", nil): self = .transfer
        case ("customer", let name?):
            guard let account = AccountID(rawValue: name) else { return nil }
            self = .customer(account)
        case ("consumption", let name?):
            guard let commodity = Commodity(rawValue: name) else { return nil }
            self = .consumption(commodity)
        default: return nil
        }
    }
}

/// Why a posting was made.
public enum PostingCause: String, Hashable, Sendable, CaseIterable {
    case opening
    case recharge
    case consumption
    case refund
    case reversal
    case clear
    case preset
    case transfer
    /// A counter's unexplained move that a person decided to bill.
    case disputed
    /// A counter's unexplained move that a person decided not to bill.
    case writeOff = "write_off"
}

/// The stretch of a meter's counter that a consumption posting bills.
public struct CounterSpan: Hashable, Sendable {
    public let circuit: CircuitID
    /// The counter at the posting before, Wh (or litres).
    public let from: Int64
    /// The counter now. Smaller than `from` only over a roll-over.
    public let to: Int64
    /// What is billed, Wh (or litres): of several postings of one stretch each bills its part.
    public let quantity: Int64
    public let price: Price
    /// Nil without time-of-use.
    public let rate: Rate?
    /// Counted from 1; nil without steps.
    public let step: Int?

    public init(
        circuit: CircuitID, from: Int64, to: Int64, quantity: Int64, price: Price, rate: Rate? = nil, step: Int? = nil
    ) {
        self.circuit = circuit
        self.from = from
        self.to = to
        self.quantity = quantity
        self.price = price
        self.rate = rate
        self.step = step
    }
}

/// One double entry: `amount` leaves the debit book and enters the credit book.
public struct Posting: Hashable, Sendable {
    public let account: AccountID
    public let cause: PostingCause
    public let debit: Book
    public let credit: Book
    /// Never negative.
    public let amount: Money
    /// The account's balance after this posting.
    public let balanceAfter: Money
    /// The account's carry after this posting, tenths of a micro-unit.
    public let carryTenthsAfter: Int64
    public let span: CounterSpan?
    /// Set where the moment of a split was not read but computed.
    public let isEstimated: Bool
    /// The recharge number, for a recharge.
    public let rechargeNumber: Int64?
    /// The command that asked for it.
    public let command: String?
    /// The record of the ledger log that this posting undoes or decides; no record twice.
    public let concerns: Int64?

    public init(
        account: AccountID, cause: PostingCause, debit: Book, credit: Book, amount: Money, balanceAfter: Money,
        carryTenthsAfter: Int64, span: CounterSpan? = nil, isEstimated: Bool = false, rechargeNumber: Int64? = nil,
        command: String? = nil, concerns: Int64? = nil
    ) {
        self.account = account
        self.cause = cause
        self.debit = debit
        self.credit = credit
        self.amount = amount
        self.balanceAfter = balanceAfter
        self.carryTenthsAfter = carryTenthsAfter
        self.span = span
        self.isEstimated = isEstimated
        self.rechargeNumber = rechargeNumber
        self.command = command
        self.concerns = concerns
    }
}
