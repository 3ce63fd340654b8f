public import Metering

/// How an account is treated, beside its money.
public struct AccountRules: Hashable, Sendable {
    /// Life support or vulnerable: never cut by credit, timer, reminder or malignant-load rules.
    public var isVulnerable: Bool
    /// Friendly hours and holidays: a credit cut waits.
    public var protectedPeriods: ProtectedPeriods
    /// One opening of a minute when alarm 2 starts. Electricity only.
    public var remindsOfLowBalance: Bool

    public init(
        isVulnerable: Bool = false, protectedPeriods: ProtectedPeriods = .none, remindsOfLowBalance: Bool = false
    ) {
        self.isVulnerable = isVulnerable
        self.protectedPeriods = protectedPeriods
        self.remindsOfLowBalance = remindsOfLowBalance
    }
}

/// How a circuit is switched.
public struct CircuitRules: Hashable, Sendable {
    public var switching: SwitchingRules
    public var timer: TimerTable
    /// Nil: no limit is watched.
    public var overload: OverloadSettings?
    /// Nil: no appliance is forbidden.
    public var malignant: MalignantLoadSettings?

    public static let standard = CircuitRules()

    public init(
        switching: SwitchingRules = .standard, timer: TimerTable = .unused, overload: OverloadSettings? = nil,
        malignant: MalignantLoadSettings? = nil
    ) {
        self.switching = switching
        self.timer = timer
        self.overload = overload
        self.malignant = malignant
    }
}

extension SupplyGroup {
    /// The site's calendar is to be another one: what was used is posted by the old one.
    /// - Parameter site: with the new calendar.
    public mutating func take(calendar: SiteCalendar, now: Timestamp, site: SiteConditions) -> GroupOutcome {
        var outcome = GroupOutcome()
        settle(zone: site.zone, into: &outcome)
        let following = account?.tariff?.following(calendar)
        account?.tariff = following
        for index in circuits.indices { circuits[index].stretch = nil }
        evaluate(now: now, site: site, into: &outcome)
        return outcome
    }

    /// Takes new rules for the account.
    public mutating func set(rules: AccountRules) { self.rules = rules }

    /// Takes new rules for a circuit; what was remembered goes on as far as the rules are the same.
    public mutating func set(rules: CircuitRules, of circuit: CircuitID) {
        guard let index = index(of: circuit) else { return }
        if circuits[index].gate.rules != rules.switching {
            circuits[index].gate = SwitchingGate(rules: rules.switching)
            circuits[index].reconciler.rules = rules.switching
        }
        if circuits[index].timer.table != rules.timer { circuits[index].timer = CircuitTimer(table: rules.timer) }
        circuits[index].setProtection(rules)
    }

    /// An operator's order to a circuit's breaker: automatic, guarantee or forced off.
    public mutating func set(
        mode: OperatorMode, of circuit: CircuitID, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        remember(of: circuit, now: now, site: site) { $0.mode = mode }
    }

    /// Lock-out/tag-out, set and released on site.
    public mutating func set(
        isMaintenanceLocked: Bool, of circuit: CircuitID, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        remember(of: circuit, now: now, site: site) { $0.isMaintenanceLocked = isMaintenanceLocked }
    }

    /// A lockout by something that knows more than this circuit's own rules: it stands until it is taken back.
    public mutating func set(
        lockout: Lockout?, of circuit: CircuitID, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        remember(of: circuit, now: now, site: site) { $0.lockout = lockout }
    }

    /// A person allows a breaker that was opened elsewhere to be closed again.
    public mutating func releaseOpenedElsewhere(
        _ circuit: CircuitID, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        remember(of: circuit, now: now, site: site) { $0.isOpenedElsewhere = false }
    }

    /// The user has asked for supply, where closing waits for that.
    public mutating func userAgreed(
        _ circuit: CircuitID, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        guard let index = index(of: circuit) else { return GroupOutcome() }
        circuits[index].gate.userAgreed()
        return remember(of: circuit, now: now, site: site) { $0.isOpenedElsewhere = false }
    }

    /// It is this circuit's turn to move: see `SwitchingDirector`.
    public mutating func giveTurn(_ circuit: CircuitID, now: Timestamp, site: SiteConditions) -> GroupOutcome {
        guard let index = index(of: circuit) else { return GroupOutcome() }
        circuits[index].gate.giveTurn()
        return tick(now: now, site: site)
    }

    private mutating func remember(
        of circuit: CircuitID, now: Timestamp, site: SiteConditions, _ change: (inout BreakerMemory) -> Void
    ) -> GroupOutcome {
        var outcome = GroupOutcome()
        guard let index = index(of: circuit) else { return outcome }
        let before = circuits[index].reconciler.memory
        change(&circuits[index].reconciler.memory)
        if circuits[index].reconciler.memory != before {
            outcome.change.breakers[circuit] = circuits[index].reconciler.memory
        }
        evaluate(now: now, site: site, into: &outcome)
        return outcome
    }
}
