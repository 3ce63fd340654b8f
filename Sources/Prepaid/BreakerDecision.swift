/// What a circuit's breaker should be.
public enum BreakerWant: String, Hashable, Sendable, CaseIterable {
    case open, closed
    /// Leave it as it is.
    case hold
}

/// Where a breaker is.
public enum BreakerPosition: String, Hashable, Sendable, CaseIterable {
    case open, closed
}

/// What an operator has set for a circuit.
public enum OperatorMode: String, Hashable, Sendable, CaseIterable {
    case automatic
    case guarantee
    case forcedOff = "forced_off"
}

/// A safety lockout in force.
public enum Lockout: String, Hashable, Sendable, CaseIterable {
    case overload
    case malignantLoad = "malignant_load"
}

/// The account behind a circuit.
public enum AccountStanding: String, Hashable, Sendable, CaseIterable {
    case none, closed, open
}

/// Whether the balance allows supply.
public enum Credit: String, Hashable, Sendable, CaseIterable {
    case sufficient
    /// Below the cut-off on two consecutive plausible readings.
    case exhausted
}

/// Who may not be cut for money, now.
public enum CutProtection: String, Hashable, Sendable, CaseIterable {
    case none
    /// Friendly hours or a holiday: the credit cut waits.
    case period
    /// Life support or vulnerable: never cut by credit, timer, reminder or malignant-load rules.
    case always
}

/// What the timer table says now.
public enum TimerState: String, Hashable, Sendable, CaseIterable {
    case unused, on, off
}

/// Why the rules about credit and time must not act.
public enum Doubt: String, Hashable, Sendable, CaseIterable {
    case ledgerUnusable = "ledger_unusable"
    case tooFewReadings = "too_few_readings"
    case staleData = "stale_data"
    case rechargeUnknown = "recharge_unknown"
}

/// The frozen conditions of one circuit.
public struct BreakerConditions: Hashable, Sendable {
    public var isMaintenanceLocked = false
    public var mode: OperatorMode = .automatic
    public var guaranteeOutranksLockouts = false
    public var lockout: Lockout?
    public var account: AccountStanding = .open
    public var credit: Credit = .sufficient
    public var protection: CutProtection = .none
    public var timer: TimerState = .unused
    public var isClockTrusted = true
    public var isReminderDue = false
    public var doubt: Doubt?

    public init() {}
}

/// The rule that gave the answer, in the order they are tried.
public enum BreakerRule: String, Hashable, Sendable, CaseIterable {
    case maintenanceLock = "maintenance_lock"
    case forcedOff = "forced_off"
    case guarantee
    case overload
    case malignantLoad = "malignant_load"
    case noAccount = "no_account"
    case accountClosed = "account_closed"
    case doubt
    case noCredit = "no_credit"
    case noCreditProtected = "no_credit_protected"
    case timerOff = "timer_off"
    case timerUncertain = "timer_uncertain"
    case lowBalanceReminder = "low_balance_reminder"
    case supply
}

/// What the breaker should be, and by which rule.
public struct BreakerDecision: Hashable, Sendable {
    public let want: BreakerWant
    public let rule: BreakerRule
    /// Set where `rule` is `doubt`.
    public let doubt: Doubt?

    public init(_ want: BreakerWant, _ rule: BreakerRule, doubt: Doubt? = nil) {
        self.want = want
        self.rule = rule
        self.doubt = doubt
    }
}

extension BreakerConditions {
    /// The first rule that applies. Doubt never opens a breaker: it silences every rule below the
    /// operator's and the safety rules.
    public var decision: BreakerDecision {
        if isMaintenanceLocked { return BreakerDecision(.open, .maintenanceLock) }
        if mode == .forcedOff { return BreakerDecision(.open, .forcedOff) }
        if mode == .guarantee, guaranteeOutranksLockouts { return BreakerDecision(.closed, .guarantee) }
        if let lockout = effectiveLockout {
            return BreakerDecision(.open, lockout == .overload ? .overload : .malignantLoad)
        }
        if mode == .guarantee { return BreakerDecision(.closed, .guarantee) }
        if doubt == .ledgerUnusable { return BreakerDecision(.hold, .doubt, doubt: doubt) }
        if account == .none { return BreakerDecision(.hold, .noAccount) }
        if account == .closed { return BreakerDecision(.open, .accountClosed) }
        if let doubt { return BreakerDecision(.hold, .doubt, doubt: doubt) }
        return customerDecision
    }

    private var effectiveLockout: Lockout? {
        lockout == .malignantLoad && protection == .always ? nil : lockout
    }

    /// Rules 5 to 8: credit, timer, reminder, supply.
    private var customerDecision: BreakerDecision {
        if protection == .always { return BreakerDecision(.closed, .supply) }
        if credit == .exhausted {
            guard protection == .period else { return BreakerDecision(.open, .noCredit) }
            return BreakerDecision(.hold, .noCreditProtected)
        }
        if timer != .unused {
            if !isClockTrusted { return BreakerDecision(.hold, .timerUncertain) }
            if timer == .off { return BreakerDecision(.open, .timerOff) }
        }
        if isReminderDue { return BreakerDecision(.open, .lowBalanceReminder) }
        return BreakerDecision(.closed, .supply)
    }
}
