public import Metering

/// How a circuit's breaker may be moved, beside where it should be.
public struct SwitchingRules: Hashable, Sendable {
    /// Rests this long after a move before the rules about money and time move it again.
    public let minimumDwell: Duration
    /// After a cut or a lockout it closes only when the user has asked for it at the meter.
    public let needsUserToClose: Bool
    /// How long the switch is on its way: a valve takes seconds, a relay none.
    public let travelTime: Duration
    /// The position that the device declares to power up in; nil where it stays as it was.
    public let powerUp: BreakerPosition?
    public let guaranteeOutranksLockouts: Bool

    public static let longestDwell = Duration.seconds(3_600)
    public static let longestTravel = Duration.seconds(300)
    public static let standard = SwitchingRules()

    private init() {
        minimumDwell = .zero
        needsUserToClose = false
        travelTime = .zero
        powerUp = nil
        guaranteeOutranksLockouts = false
    }

    /// Checks the rules as a whole; throws every problem found.
    public init(
        minimumDwell: Duration = .zero, needsUserToClose: Bool = false, travelTime: Duration = .zero,
        powerUp: BreakerPosition? = nil, guaranteeOutranksLockouts: Bool = false
    ) throws(SettingProblems) {
        var problems = ProblemList()
        problems.require(
            (.zero...Self.longestDwell).contains(minimumDwell), "minimum_dwell", minimumDwell,
            "must be 0 to \(Self.longestDwell)")
        problems.require(
            (.zero...Self.longestTravel).contains(travelTime), "travel_time", travelTime,
            "must be 0 to \(Self.longestTravel)")
        try problems.throwAny()
        self.minimumDwell = minimumDwell
        self.needsUserToClose = needsUserToClose
        self.travelTime = travelTime
        self.powerUp = powerUp
        self.guaranteeOutranksLockouts = guaranteeOutranksLockouts
    }

    private init(_ rules: SwitchingRules, powerUp: BreakerPosition?, travelTime: Duration) {
        minimumDwell = rules.minimumDwell
        needsUserToClose = rules.needsUserToClose
        guaranteeOutranksLockouts = rules.guaranteeOutranksLockouts
        self.travelTime = travelTime
        self.powerUp = powerUp
    }

    /// With what the switch itself is known to do where nothing else was set; it is never faster than that.
    public func completed(powerUp: BreakerPosition?, travelTime: Duration) -> SwitchingRules {
        SwitchingRules(
            self, powerUp: self.powerUp ?? powerUp,
            travelTime: min(max(self.travelTime, travelTime), Self.longestTravel))
    }
}

extension BreakerRule {
    /// Safety and operators: they wait for nothing.
    public var actsAtOnce: Bool {
        switch self {
        case .maintenanceLock, .forcedOff, .guarantee, .overload, .malignantLoad: true
        case .noAccount, .accountClosed, .doubt, .noCredit, .noCreditProtected, .timerOff, .timerUncertain,
            .lowBalanceReminder, .supply:
            false
        }
    }

    /// Whether an opening by this rule was announced to last until someone does something about it.
    var needsUserAfterwards: Bool {
        switch self {
        case .overload, .malignantLoad, .noCredit, .accountClosed: true
        case .maintenanceLock, .forcedOff, .guarantee, .noAccount, .doubt, .noCreditProtected, .timerOff,
            .timerUncertain, .lowBalanceReminder, .supply:
            false
        }
    }
}

/// What a wanted move waits for.
public enum MoveWait: Hashable, Sendable {
    case dwell(until: MonotonicTime)
    /// The user is to press the button, or say so in some other way.
    case user
    /// Closings are staggered, and it is another circuit's turn.
    case turn
    /// Credit cuts are watched, and this one is not admitted yet.
    case admission

    /// `dwell`, `user`, `turn`, `admission`.
    public var name: String {
        switch self {
        case .dwell: "dwell"
        case .user: "user"
        case .turn: "turn"
        case .admission: "admission"
        }
    }
}

/// Remembers what moves of one breaker wait for.
public struct SwitchingGate: Hashable, Sendable {
    public let rules: SwitchingRules
    private var lastMoveAt: MonotonicTime?
    /// The rule of the last opening of this run; nil where it is not known.
    private var openedBy: BreakerRule?
    public private(set) var isUserAgreed = false
    public private(set) var hasTurn = false

    public init(rules: SwitchingRules) { self.rules = rules }

    /// What a move waits for; nil where it may be made now.
    /// - Parameter isDirected: moves of the whole site are directed by a `SwitchingDirector`.
    public func wait(
        for position: BreakerPosition, by rule: BreakerRule, isDirected: Bool, now: MonotonicTime
    ) -> MoveWait? {
        if !rule.actsAtOnce {
            if let lastMoveAt, now < lastMoveAt + rules.minimumDwell {
                return .dwell(until: lastMoveAt + rules.minimumDwell)
            }
            if position == .closed, needsUser { return .user }
        }
        guard isDirected, !hasTurn else { return nil }
        if position == .closed { return .turn }
        return rule == .noCredit ? .admission : nil
    }

    private var needsUser: Bool {
        rules.needsUserToClose && !isUserAgreed && openedBy?.needsUserAfterwards ?? true
    }

    /// The user has asked for supply: it holds for the next closing only.
    public mutating func userAgreed() { isUserAgreed = true }

    /// It is this circuit's turn to close, or its cut is admitted.
    public mutating func giveTurn() { hasTurn = true }

    /// An order was given: agreement and turn are used up.
    public mutating func moved(to position: BreakerPosition, by rule: BreakerRule, now: MonotonicTime) {
        lastMoveAt = now
        hasTurn = false
        isUserAgreed = false
        openedBy = position == .open ? rule : nil
    }

    /// No move is wanted any more: a turn that was given goes to others.
    public mutating func withdraw() { hasTurn = false }
}
