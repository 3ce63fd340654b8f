public import Metering

/// What is to be committed to the ledger, all of it or nothing.
public struct LedgerChange: Hashable, Sendable {
    /// The account after the change; nil where it did not change.
    public var account: Account?
    /// Whether the account's settings are part of the change.
    public var hasNewSettings = false
    /// Whether the account's tariff is part of the change.
    public var hasNewTariff = false
    public var postings: [Posting] = []
    public var events: [Event] = []
    /// Counters up to which consumption is posted now.
    public var marks: [CircuitID: CounterMark] = [:]
    public var breakers: [CircuitID: BreakerMemory] = [:]

    public init() {}

    public var isEmpty: Bool {
        account == nil && postings.isEmpty && events.isEmpty && marks.isEmpty && breakers.isEmpty
    }
}

/// A breaker that is to be moved now. Its change is committed first.
public struct BreakerOrder: Hashable, Sendable {
    public let circuit: CircuitID
    public let breaker: BreakerAddress
    public let position: BreakerPosition
    public let rule: BreakerRule
    public let decidedAt: MonotonicTime

    public init(
        circuit: CircuitID, breaker: BreakerAddress, position: BreakerPosition, rule: BreakerRule,
        decidedAt: MonotonicTime
    ) {
        self.circuit = circuit
        self.breaker = breaker
        self.position = position
        self.rule = rule
        self.decidedAt = decidedAt
    }

    /// An order that could not be carried out within this time is given up and decided anew: meanwhile a
    /// recharge may have come, and nobody is cut by what was true before it.
    public static let longestWait: Duration = .seconds(5)

    public func isOutdated(at now: MonotonicTime) -> Bool { now - decidedAt > Self.longestWait }

    /// Safety and operators act even where the ledger cannot be written; credit and timers wait.
    public var actsWithoutLedger: Bool {
        switch rule {
        case .maintenanceLock, .forcedOff, .overload, .malignantLoad: position == .open
        default: false
        }
    }
}

/// What one event on a group led to.
public struct GroupOutcome: Hashable, Sendable {
    public var change = LedgerChange()
    public var orders: [BreakerOrder] = []

    public init() {}
}

/// What the whole site knows and one group does not.
public struct SiteConditions: Hashable, Sendable {
    public var isLedgerUsable: Bool
    /// A reading older than this is no ground for opening a breaker.
    public var staleAfter: Duration
    /// Moves wait for a `SwitchingDirector` where it has a say.
    public var isDirected: Bool
    public var calendar: SiteCalendar
    public var zone: TimeZoneTable
    /// For how long the clock has not been trusted, by the monotonic clock.
    public var untrustedFor: Duration

    public init(
        isLedgerUsable: Bool, staleAfter: Duration, isDirected: Bool = false,
        calendar: SiteCalendar = .plain, zone: TimeZoneTable = .utc, untrustedFor: Duration = .zero
    ) {
        self.isLedgerUsable = isLedgerUsable
        self.staleAfter = staleAfter
        self.isDirected = isDirected
        self.calendar = calendar
        self.zone = zone
        self.untrustedFor = untrustedFor
    }
}
