public import Metering

/// What is to be done with an account, beside recharging it.
public enum AccountOperation: Hashable, Sendable {
    /// Credit is given back to the customer.
    case refund(Money)
    /// One earlier entry was wrong and is undone; by its number in the ledger log.
    case reversal(sequence: Int64)
    /// The balance is set to zero: a debt is forgiven, a credit lost.
    case clear
    /// The balance is set to an amount that is not a sale: at commissioning, or by agreement.
    case preset(Money)
    case changeSettings(AccountSettingsChange)
    /// Nil goes back to the flat price of the settings.
    case changeTariff(TariffSchedule?)
    /// Ends supply. With `paysOut` what is left is given back.
    case close(paysOut: Bool)
}

/// An operation as an issuer states it.
public struct AccountOrder: Hashable, Sendable {
    public let account: AccountID
    public let customerNumber: String
    public let issuer: String
    public let operation: AccountOperation
    public let expiresAt: WallTime?

    public init(
        account: AccountID, customerNumber: String, issuer: String, operation: AccountOperation,
        expiresAt: WallTime? = nil
    ) {
        self.account = account
        self.customerNumber = customerNumber
        self.issuer = issuer
        self.operation = operation
        self.expiresAt = expiresAt
    }
}

/// A posting in the ledger that an order names.
public struct LedgerEntry: Hashable, Sendable {
    public let sequence: Int64
    public let posting: Posting
    public let isReversed: Bool

    public init(sequence: Int64, posting: Posting, isReversed: Bool) {
        self.sequence = sequence
        self.posting = posting
        self.isReversed = isReversed
    }
}

/// The answer to an order. Listed in the order they are checked.
public enum AccountResult: Hashable, Sendable {
    /// What was used cannot be posted: the balance is not known.
    case notSettled(SettlementFault)
    case accountClosed
    case wrongIssuer
    case wrongCustomer
    /// Zero or negative (a preset may be zero).
    case amountNotPositive
    /// No posting has that number in the ledger log.
    case unknownEntry
    /// The entry belongs to another account.
    case wrongEntry
    /// A reversal is not reversed, nor one side of a transfer.
    case notReversible(PostingCause)
    case alreadyReversed
    case invalid(SettingProblems)
    /// Only on a clock that can be believed.
    case expired
    case overflow
    /// More than the account holds.
    case insufficientBalance(Money)
    case overHoardingCap(cap: Money)
    case applied([Posting])

    /// The fixed code that goes upstream.
    public var code: String {
        switch self {
        case .notSettled: "not_settled"
        case .accountClosed: "account_closed"
        case .wrongIssuer: "wrong_issuer"
        case .wrongCustomer: "wrong_customer"
        case .amountNotPositive: "amount_not_positive"
        case .unknownEntry: "unknown_entry"
        case .wrongEntry: "wrong_entry"
        case .notReversible: "not_reversible"
        case .alreadyReversed: "already_reversed"
        case .invalid: "invalid"
        case .expired: "expired"
        case .overflow: "overflow"
        case .insufficientBalance: "insufficient_balance"
        case .overHoardingCap: "over_hoarding_cap"
        case .applied: "applied"
        }
    }
}

extension Account {
    /// Carries out an order on the settled balance. A refusal changes nothing.
    /// - Parameter entry: for a reversal, the posting that it names, if there is one.
    public mutating func apply(
        _ order: AccountOrder, entry: LedgerEntry?, command: String, now: Timestamp
    ) -> AccountResult {
        if state == .closed, !order.operation.suitsClosedAccount { return .accountClosed }
        if order.issuer != issuer { return .wrongIssuer }
        if order.customerNumber != customerNumber { return .wrongCustomer }
        if let refusal = order.operation.refusalOfAmount { return refusal }
        if case .reversal = order.operation, let refusal = refusal(ofReversing: entry) { return refusal }
        var settings = settings
        if case .changeSettings(let change) = order.operation {
            do { settings = try change.applied(to: settings) } catch { return .invalid(error) }
        }
        if let expiry = order.expiresAt, now.trust == .trusted, now.wall > expiry { return .expired }
        switch order.operation {
        case .refund(let amount):
            guard amount <= balance else { return .insufficientBalance(balance) }
            return post(.refund, against: .payments, balance: balance.subtracting(amount), command: command)
        case .reversal: return reverse(entry, command: command)
        case .clear: return post(.clear, against: .adjustment, balance: .zero, command: command)
        case .preset(let amount):
            guard amount <= settings.hoardingCap else { return .overHoardingCap(cap: settings.hoardingCap) }
            return post(.preset, against: .adjustment, balance: amount, command: command)
        case .changeSettings:
            self.settings = settings
            return .applied([])
        case .changeTariff(let tariff):
            self.tariff = tariff
            return .applied([])
        case .close(let paysOut):
            state = .closed
            guard paysOut, balance > .zero else { return .applied([]) }
            return post(.refund, against: .payments, balance: .zero, command: command)
        }
    }

    private func refusal(ofReversing entry: LedgerEntry?) -> AccountResult? {
        guard let entry else { return .unknownEntry }
        if entry.posting.account != id { return .wrongEntry }
        switch entry.posting.cause {
        case .reversal, .transfer, .writeOff: return .notReversible(entry.posting.cause)
        case .opening, .recharge, .consumption, .refund, .clear, .preset, .disputed: break
        }
        return entry.isReversed ? .alreadyReversed : nil
    }

    private mutating func reverse(_ entry: LedgerEntry?, command: String) -> AccountResult {
        guard let entry else { return .unknownEntry }
        let wasCredit = entry.posting.credit == .customer(id)
        let book = wasCredit ? entry.posting.debit : entry.posting.credit
        let amount = entry.posting.amount
        return post(
            .reversal, against: book, balance: wasCredit ? balance.subtracting(amount) : balance.adding(amount),
            concerns: entry.sequence, command: command)
    }

    /// Moves the balance; nil is one that does not fit.
    private mutating func post(
        _ cause: PostingCause, against book: Book, balance after: Money?, concerns: Int64? = nil, command: String
    ) -> AccountResult {
        guard let after, let change = after.subtracting(balance), change.negated != nil else { return .overflow }
        balance = after
        return .applied([posting(cause, against: book, change: change, concerns: concerns, command: command)])
    }
}

extension AccountOperation {
    /// What is left on a closed account can still be settled.
    var suitsClosedAccount: Bool {
        switch self {
        case .refund, .reversal, .clear: true
        case .preset, .changeSettings, .changeTariff, .close: false
        }
    }

    var refusalOfAmount: AccountResult? {
        switch self {
        case .refund(let amount): amount <= .zero ? .amountNotPositive : nil
        case .preset(let amount): amount < .zero ? .amountNotPositive : nil
        case .reversal, .clear, .changeSettings, .changeTariff, .close: nil
        }
    }
}
