public import Metering

/// How a lockout ends.
public enum LockoutRelease: Hashable, Sendable {
    /// By itself, this long after it began.
    case after(Duration)
    /// With the night-mode window it began in.
    case endOfWindow(TimerWindow)
    /// By a command only: it happened too often.
    case command
}

/// A safety lockout in force.
public struct LockoutInForce: Hashable, Sendable {
    public let since: Timestamp
    public let release: LockoutRelease

    public init(since: Timestamp, release: LockoutRelease) {
        self.since = since
        self.release = release
    }
}

/// How often a protection closes again by itself.
public struct ReleasePolicy: Hashable, Sendable {
    /// Time from the trip to the release.
    public let delay: Duration
    /// Releases in any 24 hours; the trip after them locks until a command. 0: every trip locks.
    public let releasesPerDay: Int

    public static let largestReleasesPerDay = 20
    public static let longestDelay = Duration.seconds(86_400)

    /// Nil outside 1 s ... 24 h or 0 ... 20 releases.
    public init?(delay: Duration, releasesPerDay: Int) {
        guard (Duration.seconds(1)...Self.longestDelay).contains(delay),
            (0...Self.largestReleasesPerDay).contains(releasesPerDay)
        else { return nil }
        self.delay = delay
        self.releasesPerDay = releasesPerDay
    }

    private init() {
        delay = .seconds(300)
        releasesPerDay = 3
    }

    /// 5 minutes, 3 a day.
    public static let standard = ReleasePolicy()
}

/// The lockout of one protection on one circuit with its trips of the last 24 hours. This is what is kept
/// in the ledger: after a restart the same value goes on.
///
/// Time is the monotonic clock's. Over a restart it is what both wall clocks agree on; where one of them is
/// not trusted the wait and the 24 hours start again, which keeps the circuit locked rather than free.
public struct ProtectionLockout: Hashable, Sendable {
    public private(set) var inForce: LockoutInForce?
    /// Counted trips, oldest first.
    public private(set) var trips: [Timestamp]

    public static let countingPeriod = Duration.seconds(86_400)

    public init(inForce: LockoutInForce? = nil, trips: [Timestamp] = []) {
        self.inForce = inForce
        self.trips = trips.suffix(ReleasePolicy.largestReleasesPerDay + 1)
    }

    /// A counted trip. Returns how it will end.
    mutating func trip(policy: ReleasePolicy, now: Timestamp) -> LockoutRelease {
        forgetOldTrips(now: now)
        trips.append(now)
        trips = trips.suffix(ReleasePolicy.largestReleasesPerDay + 1)
        let release: LockoutRelease =
            trips.count > policy.releasesPerDay ? .command : .after(policy.delay)
        inForce = LockoutInForce(since: now, release: release)
        return release
    }

    /// A trip of the night-mode cap: not counted, over with its window.
    mutating func trip(until window: TimerWindow, now: Timestamp) -> LockoutRelease {
        let release = LockoutRelease.endOfWindow(window)
        inForce = LockoutInForce(since: now, release: release)
        return release
    }

    /// Looks at the clock; true where a lockout has just ended.
    mutating func releaseIfDue(window: TimerWindow?, now: Timestamp) -> Bool {
        guard let lockout = inForce else { return false }
        let isDue: Bool
        switch lockout.release {
        case .command: isDue = false
        case .endOfWindow(let ended): isDue = window != ended
        case .after(let delay):
            guard let elapsed = now.elapsed(since: lockout.since) else {
                inForce = LockoutInForce(since: now, release: lockout.release)
                return false
            }
            isDue = elapsed >= delay
        }
        if isDue { inForce = nil }
        return isDue
    }

    /// When a lockout in force ends by itself, as far as that is known; nil where it does not.
    func release(after now: Timestamp) -> MonotonicTime? {
        guard let inForce, case .after(let delay) = inForce.release else { return nil }
        guard let elapsed = now.elapsed(since: inForce.since) else { return now.monotonic }
        return now.monotonic + max(delay - elapsed, .zero)
    }

    /// An operator's release: the count starts again. True where there was a lockout.
    mutating func releaseByCommand() -> Bool {
        trips = []
        defer { inForce = nil }
        return inForce != nil
    }

    mutating func forgetTrips() { trips = [] }

    private mutating func forgetOldTrips(now: Timestamp) {
        trips = trips.compactMap { trip in
            guard let elapsed = now.elapsed(since: trip) else { return now }
            return elapsed < Self.countingPeriod ? trip : nil
        }
    }
}
