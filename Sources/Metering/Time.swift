/// Time since this boot, suspend included (CLOCK_BOOTTIME). Comparable only within one boot.
public struct MonotonicTime: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static let zero = MonotonicTime(nanoseconds: 0)

    public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func - (left: Self, right: Self) -> Duration {
        .nanoseconds(left.nanoseconds.clampedSubtracting(right.nanoseconds))
    }

    public static func + (left: Self, right: Duration) -> Self {
        Self(nanoseconds: left.nanoseconds.clampedAdding(right.wholeNanoseconds))
    }

    public static func - (left: Self, right: Duration) -> Self {
        Self(nanoseconds: left.nanoseconds.clampedSubtracting(right.wholeNanoseconds))
    }
}

/// Civil time in UTC, as milliseconds since 1970-01-01T00:00:00Z. It may be wrong and it may jump:
/// order by sequence number, never by this.
public struct WallTime: Hashable, Comparable, Sendable {
    public let millisecondsSince1970: Int64

    public init(millisecondsSince1970: Int64) { self.millisecondsSince1970 = millisecondsSince1970 }

    public static func < (left: Self, right: Self) -> Bool {
        left.millisecondsSince1970 < right.millisecondsSince1970
    }

    public static func - (left: Self, right: Self) -> Duration {
        .milliseconds(left.millisecondsSince1970.clampedSubtracting(right.millisecondsSince1970))
    }

    public static func + (left: Self, right: Duration) -> Self {
        Self(millisecondsSince1970: left.millisecondsSince1970.clampedAdding(right.wholeMilliseconds))
    }
}

/// How far the wall clock can be believed.
public enum ClockTrust: String, Hashable, Sendable, CaseIterable {
    /// Disciplined by a time source now, or set by an operator this boot.
    case trusted
    /// Was trusted, the source is gone, the drift since is still small.
    case holdover
    /// Never set since boot, or gone for too long. Timer windows and expiries do not act on it.
    case untrusted
}

/// One run of the kernel, as `/proc/sys/kernel/random/boot_id` names it.
public struct BootID: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
}

/// A moment with all that is known about it. Every record carries one.
public struct Timestamp: Hashable, Sendable {
    public let boot: BootID
    public let monotonic: MonotonicTime
    public let wall: WallTime
    public let trust: ClockTrust

    public init(boot: BootID, monotonic: MonotonicTime, wall: WallTime, trust: ClockTrust) {
        self.boot = boot
        self.monotonic = monotonic
        self.wall = wall
        self.trust = trust
    }

    /// The time from `earlier` to this moment, or nil where it cannot be known: another boot and a
    /// wall clock that one of the two did not trust, or that ran backwards between them.
    public func elapsed(since earlier: Timestamp) -> Duration? {
        if boot == earlier.boot {
            return monotonic >= earlier.monotonic ? monotonic - earlier.monotonic : nil
        }
        guard trust != .untrusted, earlier.trust != .untrusted, wall >= earlier.wall else { return nil }
        return wall - earlier.wall
    }
}

extension Int64 {
    /// The sum, or the nearest representable value.
    public func clampedAdding(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the nearest representable value.
    public func clampedSubtracting(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
}
