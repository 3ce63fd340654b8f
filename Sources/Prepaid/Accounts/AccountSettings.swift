/// The limits of one account.
public struct AccountSettings: Hashable, Sendable {
    public let price: Price
    public let alarm1: Money
    public let alarm2: Money
    /// An alarm clears when the balance is this far above its threshold.
    public let hysteresis: Money
    /// How far below zero the balance may go before the breakers are opened.
    public let overdraftLimit: Money
    /// How far above the cut-off the balance must be to close again.
    public let minimumToReclose: Money
    /// The most the balance may hold.
    public let hoardingCap: Money

    /// Checks the settings as a whole; throws every problem found.
    public init(
        price: Price, alarm1: Money, alarm2: Money, hysteresis: Money = .oneMicrounit, overdraftLimit: Money = .zero,
        minimumToReclose: Money = .oneMicrounit, hoardingCap: Money
    ) throws(SettingProblems) {
        self.price = price
        self.alarm1 = alarm1
        self.alarm2 = alarm2
        self.hysteresis = hysteresis
        self.overdraftLimit = overdraftLimit
        self.minimumToReclose = minimumToReclose
        self.hoardingCap = hoardingCap
        let problems = check()
        if !problems.isEmpty { throw SettingProblems(problems: problems) }
    }

    private func check() -> [SettingProblem] {
        var problems: [SettingProblem] = []
        func require(_ holds: Bool, _ field: String, _ value: Money, _ reason: String) {
            if !holds { problems.append(SettingProblem(field: field, value: value.shortText, reason: reason)) }
        }
        require(alarm2 <= alarm1, "alarm_2", alarm2, "must not be above alarm_1 (\(alarm1.shortText))")
        require(hysteresis >= .zero, "hysteresis", hysteresis, "must not be negative")
        require(overdraftLimit >= .zero, "overdraft_limit", overdraftLimit, "must not be negative")
        require(minimumToReclose >= .oneMicrounit, "minimum_to_reclose", minimumToReclose, "must be above zero")
        require(hoardingCap > .zero, "hoarding_cap", hoardingCap, "must be above zero")
        require(hoardingCap > alarm1, "hoarding_cap", hoardingCap, "must be above alarm_1 (\(alarm1.shortText))")
        for (field, value) in [
            ("alarm_1", alarm1), ("alarm_2", alarm2), ("hysteresis", hysteresis),
            ("overdraft_limit", overdraftLimit), ("minimum_to_reclose", minimumToReclose),
            ("hoarding_cap", hoardingCap),
        ] {
            let largest = Self.largestAmount
            require(
                value.microunits.magnitude <= largest.microunits.magnitude, field, value,
                "is above \(largest.shortText)")
        }
        return problems
    }

    /// A bound on every setting, so that sums of a few of them cannot overflow: 10^12 currency units.
    public static let largestAmount = Money(microunits: 1_000_000_000_000_000_000)

    /// The balance below which the breakers are opened: −overdraft limit.
    public var cutOff: Money { Money(microunits: -overdraftLimit.microunits) }
    /// The balance from which they close again: cut-off + minimum to re-close.
    public var recloseFrom: Money { Money(microunits: cutOff.microunits + minimumToReclose.microunits) }
}

/// One value that was refused.
public struct SettingProblem: Hashable, Sendable, CustomStringConvertible {
    public let field: String
    public let value: String
    public let reason: String

    public init(field: String, value: String, reason: String) {
        self.field = field
        self.value = value
        self.reason = reason
    }

    public var description: String { "\(field) = \(value): \(reason)" }
}

/// Everything that was wrong with a set of values; nothing of it was applied.
public struct SettingProblems: Error, Hashable, Sendable, CustomStringConvertible {
    public let problems: [SettingProblem]
    public init(problems: [SettingProblem]) { self.problems = problems }
    public var description: String { problems.map(\.description).joined(separator: "; ") }
}

extension AccountSettings {
    /// The alarm level for a balance: thresholds are inclusive, arrears is strictly below zero; a level
    /// is left when the balance is at least `hysteresis` above its threshold. `cut` is entered only where
    /// `mayCut` (two readings agree that the balance is below the cut-off) and left at `recloseFrom`.
    public func alarmLevel(balance: Money, current: AlarmLevel, mayCut: Bool) -> AlarmLevel {
        if current == .cut ? balance < recloseFrom : (mayCut && balance < cutOff) { return .cut }
        // Whoever was cut was in arrears too, and that alarm clears by its own hysteresis.
        let held = min(current, .arrears)
        let raised = levelRaised(by: balance)
        return max(raised, min(held, levelHeld(at: balance)))
    }

    private func levelRaised(by balance: Money) -> AlarmLevel {
        if balance < .zero { return .arrears }
        if balance <= alarm2 { return .second }
        return balance <= alarm1 ? .first : .none
    }

    /// The worst level that is not left yet: each is left at its threshold + hysteresis.
    private func levelHeld(at balance: Money) -> AlarmLevel {
        let lowered = balance.subtracting(hysteresis) ?? balance
        if lowered < .zero { return .arrears }
        if lowered < alarm2 { return .second }
        return lowered < alarm1 ? .first : .none
    }
}
