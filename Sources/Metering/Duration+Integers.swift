// The standard library's operators take any integer, and are not specialized: each costs more than the rest of what a
// bus does with a moment. These take the place of those that are used between two requests.
extension Duration {
    public static func nanoseconds(_ count: Int64) -> Duration {
        Duration(attoseconds: Int128(count) * attosecondsPerNanosecond)
    }

    public static func microseconds(_ count: Int) -> Duration { nanoseconds(count, times: 1000) }

    public static func milliseconds(_ count: Int) -> Duration { nanoseconds(count, times: 1_000_000) }

    public static func seconds(_ count: Int) -> Duration { nanoseconds(count, times: 1_000_000_000) }

    public static func * (left: Duration, right: Int) -> Duration {
        Duration(attoseconds: left.attoseconds * Int128(right))
    }

    /// Rounded towards zero.
    public static func / (left: Duration, right: Int) -> Duration {
        Duration(attoseconds: left.attoseconds / Int128(right))
    }

    /// Rounded towards zero; durations beyond ±292 years are clamped.
    public var wholeNanoseconds: Int64 { whole(Self.attosecondsPerNanosecond) }

    /// Rounded towards zero.
    public var wholeMilliseconds: Int64 { whole(Self.attosecondsPerNanosecond * 1_000_000) }

    private static let attosecondsPerNanosecond: Int128 = 1_000_000_000

    private static func nanoseconds(_ count: Int, times factor: Int128) -> Duration {
        Duration(attoseconds: Int128(count) * factor * attosecondsPerNanosecond)
    }

    private func whole(_ unit: Int128) -> Int64 {
        // Within nine seconds a division of one machine word does.
        if let short = Int64(exactly: attoseconds), let unit = Int64(exactly: unit) { return short / unit }
        return Int64(clamping: attoseconds / unit)
    }
}
