public import Metering

/// What a meter holds beside what it should hold.
public struct SettingComparison: Hashable, Sendable {
    public enum Verdict: String, Hashable, Sendable {
        case unreadable, agrees, differs
        /// Nobody said what it should be.
        case free
    }

    public let definition: SettingDefinition
    /// Nil where the meter did not answer, or with no value.
    public let found: SettingValue?
    public let expected: SettingValue?
    public let verdict: Verdict

    /// - Parameter expected: nil where nobody said what it should be.
    public init(_ definition: SettingDefinition, found: SettingValue?, expected: SettingValue?) {
        self.definition = definition
        self.found = found
        self.expected = expected
        verdict =
            switch (found, expected) {
            case (nil, _): .unreadable
            case (_, nil): .free
            case (.clock(let shown)?, .clock(let now)?):
                abs(shown.seconds(since: now)) <= MeterClockRules.tolerance ? .agrees : .differs
            case (let found?, let expected?): definition.holds(expected, as: found) ? .agrees : .differs
            }
    }
}

extension SettingDefinition {
    /// Whether the meter shows the value as near as its register can.
    fileprivate func holds(_ value: SettingValue, as found: SettingValue) -> Bool {
        if found == value { return true }
        return encode(value).flatMap(decode) == found
    }
}

/// When a meter's clock may be set. A meter that keeps rates or freezes of its own does it at midnight and
/// at full hours: a clock that jumps over one would do it twice or never.
public enum MeterClockRules {
    /// Seconds that a clock may be off.
    public static let tolerance: Int64 = 10
    private static let aroundMidnight: Int64 = 10 * 60
    private static let aroundHour: Int64 = 2 * 60

    public enum Decision: Hashable, Sendable {
        case inStep
        /// The gateway does not know the time itself.
        case timeUnknown
        /// Too near to midnight or a full hour, on one of the two clocks or between them.
        case tooNear
        /// Seconds to go forward; negative for back.
        case adjust(seconds: Int64)
    }

    /// - Parameters:
    ///   - shown: the meter's clock.
    ///   - now: the site's local time.
    public static func decide(shown: LocalTime, now: LocalTime, trust: ClockTrust) -> Decision {
        let behind = now.seconds(since: shown)
        if abs(behind) <= tolerance { return .inStep }
        guard trust == .trusted else { return .timeUnknown }
        if isNearBoundary(now) || isNearBoundary(shown) { return .tooNear }
        return .adjust(seconds: behind)
    }

    private static func isNearBoundary(_ time: LocalTime) -> Bool {
        let second = time.millisecondOfDay / 1000
        let intoHour = second % 3600
        return second < aroundMidnight || second >= 86_400 - aroundMidnight || intoHour < aroundHour
            || intoHour >= 3600 - aroundHour
    }
}

extension LocalTime {
    /// Whole seconds on the clock's face, rounded towards zero.
    public func seconds(since other: LocalTime) -> Int64 {
        let days = Int64(date.daysSince1970 - other.date.daysSince1970)
        return (days * 86_400_000 + millisecondOfDay - other.millisecondOfDay) / 1000
    }
}
