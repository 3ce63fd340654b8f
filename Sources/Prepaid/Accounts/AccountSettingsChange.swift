/// Settings that are to change, or that differ from the site's defaults; nil leaves one as it is.
public struct AccountSettingsChange: Hashable, Sendable {
    public var price: Price?
    public var alarm1: Money?
    public var alarm2: Money?
    public var hysteresis: Money?
    public var overdraftLimit: Money?
    public var minimumToReclose: Money?
    public var hoardingCap: Money?

    public init() {}

    /// The settings with the change; checked as a whole, so that a change is taken whole or not at all.
    public func applied(to settings: AccountSettings) throws(SettingProblems) -> AccountSettings {
        try AccountSettings(
            price: price ?? settings.price, alarm1: alarm1 ?? settings.alarm1, alarm2: alarm2 ?? settings.alarm2,
            hysteresis: hysteresis ?? settings.hysteresis, overdraftLimit: overdraftLimit ?? settings.overdraftLimit,
            minimumToReclose: minimumToReclose ?? settings.minimumToReclose,
            hoardingCap: hoardingCap ?? settings.hoardingCap)
    }
}

extension AccountSettings {
    /// The settings by name, in the unit they are set in.
    private var named: [(name: String, value: String)] {
        [
            ("price", price.description), ("alarm_1", alarm1.description), ("alarm_2", alarm2.description),
            ("hysteresis", hysteresis.description), ("overdraft_limit", overdraftLimit.description),
            ("minimum_to_reclose", minimumToReclose.description), ("hoarding_cap", hoardingCap.description),
        ]
    }

    /// What differs from `earlier`, for an event: `alarm_1` and `alarm_1_before`, ...
    func differences(from earlier: AccountSettings) -> [String: String] {
        var detail: [String: String] = [:]
        for (now, before) in zip(named, earlier.named) where now.value != before.value {
            detail[now.name] = now.value
            detail["\(now.name)_before"] = before.value
        }
        return detail
    }
}
