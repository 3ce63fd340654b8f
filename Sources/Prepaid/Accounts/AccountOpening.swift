public import Metering

/// An account that is to be opened, new or over one that was closed.
public struct AccountOpening: Hashable, Sendable {
    public let account: AccountID
    public let customerNumber: String
    public let issuer: String
    /// The balance of an old meter; negative for a debt.
    public let carriedOver: Money
    /// The number of the last recharge of the old meter; 0 where there was none.
    public let lastRechargeNumber: Int64
    /// What differs from the site's defaults for new accounts.
    public let settings: AccountSettingsChange

    public init(
        account: AccountID, customerNumber: String, issuer: String, carriedOver: Money = .zero,
        lastRechargeNumber: Int64 = 0, settings: AccountSettingsChange = AccountSettingsChange()
    ) {
        self.account = account
        self.customerNumber = customerNumber
        self.issuer = issuer
        self.carriedOver = carriedOver
        self.lastRechargeNumber = lastRechargeNumber
        self.settings = settings
    }
}

/// The answer to an opening. Listed in the order they are checked.
public enum OpeningResult: Hashable, Sendable {
    case alreadyOpen
    /// The account that was closed still holds this; refund, transfer or clear it first.
    case balanceLeft(Money)
    /// The customer number or the issuer is empty or longer than `Account.longestName`, or the recharge
    /// number is negative.
    case badValue(field: String)
    /// Recharge numbers of an account never go back: the last one was this.
    case rechargeNumberUsed(last: Int64)
    case invalid(SettingProblems)
    case overHoardingCap(cap: Money)
    /// A debt larger than any setting may be.
    case overflow
    case opened(Account, Posting)

    /// The fixed code that goes upstream.
    public var code: String {
        switch self {
        case .alreadyOpen: "already_open"
        case .balanceLeft: "balance_left"
        case .badValue: "bad_value"
        case .rechargeNumberUsed: "recharge_number_used"
        case .invalid: "invalid"
        case .overHoardingCap: "over_hoarding_cap"
        case .overflow: "overflow"
        case .opened: "opened"
        }
    }
}

extension Account {
    /// The longest customer number or issuer, in bytes.
    public static let longestName = 64

    /// Opens an account.
    /// - Parameters:
    ///   - earlier: the account of that name, if there was one.
    ///   - defaults: the site's settings for new accounts.
    public static func opening(
        _ opening: AccountOpening, over earlier: Account?, defaults: AccountSettings, command: String?
    ) -> OpeningResult {
        if let earlier {
            if earlier.state == .open { return .alreadyOpen }
            if earlier.balance != .zero { return .balanceLeft(earlier.balance) }
        }
        for (field, name) in [("customer_number", opening.customerNumber), ("issuer", opening.issuer)]
        where !(1...longestName).contains(name.utf8.count) {
            return .badValue(field: field)
        }
        if opening.lastRechargeNumber < 0 { return .badValue(field: "last_recharge_number") }
        if let earlier, opening.lastRechargeNumber != 0, opening.lastRechargeNumber < earlier.lastRechargeNumber {
            return .rechargeNumberUsed(last: earlier.lastRechargeNumber)
        }
        let settings: AccountSettings
        do { settings = try opening.settings.applied(to: defaults) } catch { return .invalid(error) }
        if opening.carriedOver > settings.hoardingCap { return .overHoardingCap(cap: settings.hoardingCap) }
        if opening.carriedOver.microunits < -AccountSettings.largestAmount.microunits { return .overflow }
        let account = Account(
            id: opening.account, customerNumber: opening.customerNumber, issuer: opening.issuer,
            balance: opening.carriedOver, carryTenths: earlier?.carryTenths ?? 0,
            lastRechargeNumber: max(opening.lastRechargeNumber, earlier?.lastRechargeNumber ?? 0), settings: settings)
        return .opened(
            account, account.posting(.opening, against: .opening, change: opening.carriedOver, command: command))
    }
}

extension Account {
    /// A double entry that has changed the balance by `change` to what it is now. A change that has no
    /// opposite (`Int64.min`) cannot come here: both balances are bounded.
    func posting(
        _ cause: PostingCause, against book: Book, change: Money, concerns: Int64? = nil, span: CounterSpan? = nil,
        command: String?
    ) -> Posting {
        let isCredit = change >= .zero
        return Posting(
            account: id, cause: cause, debit: isCredit ? book : .customer(id),
            credit: isCredit ? .customer(id) : book,
            amount: Money(microunits: Int64(clamping: change.microunits.magnitude)),
            balanceAfter: balance, carryTenthsAfter: carryTenths, span: span, command: command, concerns: concerns)
    }
}
