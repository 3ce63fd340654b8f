public import Metering

/// How a circuit is protected against overload.
public struct OverloadSettings: Hashable, Sendable {
    /// mW; more than this for longer than the delay is an overload.
    public let limitMilliwatts: Int64
    public let delay: Duration
    public let release: ReleasePolicy
    /// So long without overload after a release forgets the trips before it.
    public let clearAfter: Duration

    /// 1 MW: above any circuit.
    public static let largestLimitMilliwatts: Int64 = 1_000_000_000
    public static let longestDelay = Duration.seconds(600)
    public static let standardDelay = Duration.seconds(5)
    public static let standardClearAfter = Duration.seconds(3_600)

    /// Checks the settings as a whole; throws every problem found.
    public init(
        limitMilliwatts: Int64, delay: Duration = standardDelay, release: ReleasePolicy = .standard,
        clearAfter: Duration = standardClearAfter
    ) throws(SettingProblems) {
        var problems = ProblemList()
        problems.require(
            (1...Self.largestLimitMilliwatts).contains(limitMilliwatts), "overload.limit", limitMilliwatts,
            "must be 1 to \(Self.largestLimitMilliwatts) mW")
        problems.require(
            (.zero...Self.longestDelay).contains(delay), "overload.delay", delay, "must be 0 to \(Self.longestDelay)")
        problems.require(
            (Duration.seconds(60)...ProtectionLockout.countingPeriod).contains(clearAfter), "overload.clear_after",
            clearAfter, "must be 1 minute to 24 hours")
        try problems.throwAny()
        self.limitMilliwatts = limitMilliwatts
        self.delay = delay
        self.release = release
        self.clearAfter = clearAfter
    }
}

/// What the overload protection found.
public enum OverloadFinding: Hashable, Sendable {
    /// The power was above the limit on every reading for `lasting`: the circuit is to be opened.
    case tripped(OverloadTrip)
    /// The lockout is over: the other rules decide again.
    case released
    /// So long without overload that earlier trips no longer count.
    case countCleared
}

/// The facts of one overload trip.
public struct OverloadTrip: Hashable, Sendable {
    /// mW, at the reading that tripped.
    public let powerMilliwatts: Int64
    /// mW: the circuit's limit, or the night-mode cap.
    public let limitMilliwatts: Int64
    /// From the first reading above the limit to the last.
    public let lasting: Duration
    /// Trips in the last 24 hours, with this one; 0 where it is not counted.
    public let count: Int
    public let release: LockoutRelease
}

/// The overload protection of one circuit: a reading or a tick in, findings out.
///
/// A trip needs at least two consecutive readings above the limit that span the delay. A night-mode cap
/// below the limit stands in for it; its lockout ends with the window and is not counted.
public struct OverloadGuard: Hashable, Sendable {
    public let settings: OverloadSettings
    public private(set) var lockout: ProtectionLockout
    /// The first of the consecutive readings above the limit.
    private var overSince: MonotonicTime?
    private var lastReadingAt: MonotonicTime?
    /// The last reading above the limit, or the last release.
    private var quietSince: Timestamp?

    /// Readings further apart than this, and than twice the delay, are not consecutive.
    public static let longestGap = Duration.seconds(120)

    public init(settings: OverloadSettings, lockout: ProtectionLockout = ProtectionLockout()) {
        self.settings = settings
        self.lockout = lockout
    }

    public var isLockedOut: Bool { lockout.inForce != nil }

    /// A plausible reading.
    /// - Parameters:
    ///   - powerMilliwatts: negative while exporting, which is no overload.
    ///   - window: the timer window in force, where the circuit has a timer.
    public mutating func observe(
        powerMilliwatts: Int64, window: TimerWindow?, now: Timestamp
    ) -> [OverloadFinding] {
        var findings = tick(window: window, now: now)
        defer { lastReadingAt = now.monotonic }
        guard !isLockedOut else { return findings }
        let cap = window?.action.capMilliwatts.flatMap { $0 < settings.limitMilliwatts ? $0 : nil }
        let limit = cap ?? settings.limitMilliwatts
        guard powerMilliwatts > limit else {
            overSince = nil
            return findings
        }
        quietSince = now
        guard let first = overSince, isConsecutive(now.monotonic) else {
            overSince = now.monotonic
            return findings
        }
        let lasting = now.monotonic - first
        guard lasting >= settings.delay else { return findings }
        overSince = nil
        let release: LockoutRelease
        if cap != nil, let window {
            release = lockout.trip(until: window, now: now)
        } else {
            release = lockout.trip(policy: settings.release, now: now)
        }
        findings.append(
            .tripped(
                OverloadTrip(
                    powerMilliwatts: powerMilliwatts, limitMilliwatts: limit, lasting: lasting,
                    count: cap == nil ? lockout.trips.count : 0, release: release)))
        return findings
    }

    /// There was no reading when one was due: the next reading starts the delay again.
    public mutating func missedReading() { overSince = nil }

    /// Time went by.
    public mutating func tick(window: TimerWindow?, now: Timestamp) -> [OverloadFinding] {
        if lockout.releaseIfDue(window: window, now: now) {
            quietSince = now
            return [.released]
        }
        guard !isLockedOut, !lockout.trips.isEmpty else { return [] }
        guard let quietSince, let quiet = now.elapsed(since: quietSince) else {
            self.quietSince = now
            return []
        }
        guard quiet >= settings.clearAfter else { return [] }
        lockout.forgetTrips()
        return [.countCleared]
    }

    /// When earlier trips are forgotten if nothing happens; nil where there are none to forget.
    func clearing(after now: Timestamp) -> MonotonicTime? {
        guard !isLockedOut, !lockout.trips.isEmpty else { return nil }
        guard let quietSince, let quiet = now.elapsed(since: quietSince) else { return now.monotonic }
        return now.monotonic + max(settings.clearAfter - quiet, .zero)
    }

    /// An operator's release. The count starts again.
    public mutating func releaseByCommand(now: Timestamp) -> [OverloadFinding] {
        guard lockout.releaseByCommand() else { return [] }
        quietSince = now
        return [.released]
    }

    private func isConsecutive(_ now: MonotonicTime) -> Bool {
        guard let lastReadingAt else { return false }
        return now - lastReadingAt <= max(Self.longestGap, settings.delay * 2)
    }
}
