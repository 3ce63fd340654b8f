public import Metering

/// How low a balance is. Ordered: a later case is worse.
public enum AlarmLevel: Int, Hashable, Comparable, Sendable, CaseIterable {
    case none = 0
    /// balance ≤ threshold 1
    case first = 1
    /// balance ≤ threshold 2
    case second = 2
    /// balance < 0
    case arrears = 3
    /// balance < cut-off on two readings: the breakers are to be open until the balance is back
    case cut = 4

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// `none`, `alarm_1`, `alarm_2`, `arrears`, `cut`.
    public var name: String {
        switch self {
        case .none: "none"
        case .first: "alarm_1"
        case .second: "alarm_2"
        case .arrears: "arrears"
        case .cut: "cut"
        }
    }
}

/// A customer: one balance, one or more circuits.
public struct Account: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable { case open, closed }

    public let id: AccountID
    /// What a recharge must name, so that money sold to one customer cannot reach another.
    public let customerNumber: String
    /// The only seller whose recharge numbers count.
    public let issuer: String
    public var state: State
    /// As of the last posting.
    public var balance: Money
    /// Tenths of a micro-unit not yet posted, 0 ... 9.
    public var carryTenths: Int64
    /// The number of the last recharge applied; 0 before the first.
    public var lastRechargeNumber: Int64
    public var alarm: AlarmLevel
    public var settings: AccountSettings
    /// What is billed, and what is to follow it; nil is the flat price of the settings.
    public var tariff: TariffSchedule?
    /// What was used in the settlement period, as of the last posting.
    public var usage: PeriodUsage

    public init(
        id: AccountID, customerNumber: String, issuer: String, state: State = .open, balance: Money = .zero,
        carryTenths: Int64 = 0, lastRechargeNumber: Int64 = 0, alarm: AlarmLevel = .none, settings: AccountSettings,
        tariff: TariffSchedule? = nil, usage: PeriodUsage = .none
    ) {
        self.id = id
        self.customerNumber = customerNumber
        self.issuer = issuer
        self.state = state
        self.balance = balance
        self.carryTenths = carryTenths
        self.lastRechargeNumber = lastRechargeNumber
        self.alarm = alarm
        self.settings = settings
        self.tariff = tariff
        self.usage = usage
    }

    /// What applies now.
    public var effectiveTariff: Tariff { tariff?.current ?? .flat(settings.price) }
}
