public import Prepaid

/// What no platform may do, whatever it says: a bound on the harm of a stolen one. The rate at which
/// circuits are forced off is bounded by a `MassGuard`.
public struct CommandLimits: Hashable, Sendable {
    /// Of one credit, one refund, and of an overdraft limit.
    public var largestAmount: Money
    /// Of a hoarding cap, a preset and a balance carried over.
    public var largestBalance: Money
    public var largestPrice: Price
    /// Of every rate and step: nothing is given away. A tariff is free all the same where this is zero.
    public var smallestPrice: Price
    /// Within 24 hours, whatever the single amounts are; see `CreditWindow`.
    public var dailyCredit: CreditLimits

    public init(
        largestAmount: Money, largestBalance: Money, largestPrice: Price, smallestPrice: Price = .free,
        dailyCredit: CreditLimits
    ) {
        self.largestAmount = largestAmount
        self.largestBalance = largestBalance
        self.largestPrice = largestPrice
        self.smallestPrice = smallestPrice
        self.dailyCredit = dailyCredit
    }

    /// What a command asks for beyond the limits; nil where it keeps within them.
    public func problem(in command: Command) -> FieldProblem? {
        switch command.body {
        case .recharge(let recharge): amount(recharge.amount, "recharge.amount")
        case .transfer(let transfer): amount(transfer.amount, "transfer.amount")
        case .order(let order):
            switch order.operation {
            case .refund(let refund): amount(refund, "refund.amount")
            case .preset(let preset): balance(preset, "preset.amount")
            case .reversal, .clear, .changeSettings, .changeTariff, .close: nil
            }
        case .openAccount(let opening, _):
            balance(opening.carriedOver, "open_account.carried_over")
                ?? settings(opening.settings, "open_account.settings")
        case .accounts(_, .price(let price, _)): self.price(price, "price.price")
        case .accounts(_, .tariff(let tariff, _)):
            tariff.flatMap {
                self.price($0.dearestPrice, "tariff.tariff") ?? self.price($0.cheapestPrice, "tariff.tariff")
            }
        case .accounts(_, .settings(let change)): settings(change, "account_settings.settings")
        case .site(.accountDefaults(let defaults)):
            balance(defaults.hoardingCap, "account_defaults.hoarding_cap")
                ?? amount(defaults.overdraftLimit, "account_defaults.overdraft_limit")
                ?? price(defaults.price, "account_defaults.price")
        case .accounts, .circuits, .site, .meter, .readNow, .time, .decideDispute, .unsupported, .invalid: nil
        }
    }

    private func settings(_ change: AccountSettingsChange, _ place: String) -> FieldProblem? {
        change.hoardingCap.flatMap { balance($0, "\(place).hoarding_cap") }
            ?? change.overdraftLimit.flatMap { amount($0, "\(place).overdraft_limit") }
            ?? change.price.flatMap { price($0, "\(place).price") }
    }

    private func amount(_ amount: Money, _ field: String) -> FieldProblem? {
        amount <= largestAmount ? nil : problem(field, amount.shortText, largestAmount.shortText)
    }

    private func balance(_ balance: Money, _ field: String) -> FieldProblem? {
        balance <= largestBalance ? nil : problem(field, balance.shortText, largestBalance.shortText)
    }

    private func price(_ price: Price, _ field: String) -> FieldProblem? {
        guard price <= largestPrice else { return problem(field, price.description, largestPrice.description) }
        guard price < smallestPrice else { return nil }
        return FieldProblem(
            field: field, value: price.description,
            reason: "is below \(smallestPrice), the limit that this gateway was given")
    }

    private func problem(_ field: String, _ value: String, _ limit: String) -> FieldProblem {
        FieldProblem(field: field, value: value, reason: "is above \(limit), the limit that this gateway was given")
    }
}
