/// What the clock on the wall shows.
public struct LocalTime: Hashable, Comparable, Sendable {
    public let date: CivilDate
    /// 0 ..< 86,400,000
    public let millisecondOfDay: Int64

    public init(date: CivilDate, millisecondOfDay: Int64) {
        self.date = date
        self.millisecondOfDay = min(max(millisecondOfDay, 0), 86_399_999)
    }

    public init(_ date: CivilDate, _ minute: MinuteOfDay) {
        self.init(date: date, millisecondOfDay: Int64(minute.minutes) * 60_000)
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.date, left.millisecondOfDay) < (right.date, right.millisecondOfDay)
    }

    fileprivate var milliseconds: Int64 { Int64(date.daysSince1970) * 86_400_000 + millisecondOfDay }
}

/// Why a time zone's table was refused.
public enum TimeZoneProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// Further than 26 hours from UTC.
    case offsetOutOfRange(seconds: Int)
    case transitionsOutOfOrder(at: WallTime)
    case tooManyTransitions(Int)

    public var description: String {
        switch self {
        case .offsetOutOfRange(let seconds): "an offset of \(seconds) s is further than 26 hours from UTC"
        case .transitionsOutOfOrder(let at):
            "the transition at \(at.millisecondsSince1970) ms does not come after the one before it"
        case .tooManyTransitions(let count): "\(count) transitions are more than \(TimeZoneTable.largestCount)"
        }
    }
}

/// A time zone as data: the offset from UTC and every moment at which it changes. The shell makes it
/// from the system's zone files, through as many years ahead as the daemon may run; after the last
/// transition its offset stays.
///
/// Local times become moments by one rule, also on days with 23 or 25 hours: the first moment at which
/// the clock on the wall shows that time *or a later one*. So a time that the clock jumps over falls on
/// the jump, a time that comes twice means its first coming, and later times never come earlier.
public struct TimeZoneTable: Hashable, Sendable {
    /// The offset from `at` on.
    public struct Transition: Hashable, Sendable {
        public let at: WallTime
        public let offsetSeconds: Int

        public init(at: WallTime, offsetSeconds: Int) {
            self.at = at
            self.offsetSeconds = offsetSeconds
        }
    }

    /// The IANA name.
    public let name: String
    /// Before the first transition; east of Greenwich is positive.
    public let initialOffsetSeconds: Int
    public let transitions: [Transition]

    public static let largestCount = 4_096
    public static let utc = TimeZoneTable(utcNamed: "UTC")

    private static let largestOffsetSeconds = 26 * 3_600

    public init(name: String, initialOffsetSeconds: Int, transitions: [Transition]) throws(TimeZoneProblem) {
        guard transitions.count <= Self.largestCount else { throw .tooManyTransitions(transitions.count) }
        var before: WallTime?
        for transition in transitions {
            if let before, transition.at <= before { throw .transitionsOutOfOrder(at: transition.at) }
            before = transition.at
        }
        for offset in [initialOffsetSeconds] + transitions.map(\.offsetSeconds)
        where offset.magnitude > Self.largestOffsetSeconds {
            throw .offsetOutOfRange(seconds: offset)
        }
        self.name = name
        self.initialOffsetSeconds = initialOffsetSeconds
        self.transitions = transitions
    }

    private init(utcNamed name: String) {
        self.name = name
        initialOffsetSeconds = 0
        transitions = []
    }

    public func offsetSeconds(at moment: WallTime) -> Int { offset(of: segment(at: moment)) }

    /// What the clock on the wall shows at a moment.
    public func local(at moment: WallTime) -> LocalTime {
        let shown = moment.millisecondsSince1970.clampedAdding(Int64(offsetSeconds(at: moment)) * 1_000)
        let (days, rest) = shown.quotientAndRemainder(dividingBy: 86_400_000)
        let date = CivilDate(daysSince1970: Int(rest < 0 ? days - 1 : days))
        return LocalTime(date: date, millisecondOfDay: rest < 0 ? rest + 86_400_000 : rest)
    }

    /// The first moment at which the clock on the wall shows `local` or a later time.
    public func moment(of local: LocalTime) -> WallTime {
        let wanted = local.milliseconds
        var index = segment(at: WallTime(millisecondsSince1970: wanted - Int64(Self.largestOffsetSeconds) * 1_000))
        while true {
            var candidate = WallTime(millisecondsSince1970: wanted - Int64(offset(of: index)) * 1_000)
            if index > 0 { candidate = max(candidate, transitions[index - 1].at) }
            if index == transitions.count || candidate < transitions[index].at { return candidate }
            index += 1
        }
    }

    public func moment(_ date: CivilDate, _ minute: MinuteOfDay) -> WallTime { moment(of: LocalTime(date, minute)) }

    /// The first moment of a local day. Days have 23 or 25 hours where the offset changes; a day that the
    /// calendar skips has none and starts with the next.
    public func startOfDay(_ date: CivilDate) -> WallTime { moment(date, .midnight) }

    /// The first moment after a local day.
    public func endOfDay(_ date: CivilDate) -> WallTime {
        date == .latest ? WallTime(millisecondsSince1970: .max) : startOfDay(date.next)
    }

    /// The last day that has started by `moment`. It never goes back, even where the clock on the wall
    /// is turned back over midnight.
    public func day(containing moment: WallTime) -> CivilDate {
        let date = local(at: moment).date
        return endOfDay(date) <= moment ? date.next : date
    }

    /// The number of transitions at or before a moment: 0 ... transitions.count.
    private func segment(at moment: WallTime) -> Int {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].at <= moment { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func offset(of segment: Int) -> Int {
        segment == 0 ? initialOffsetSeconds : transitions[segment - 1].offsetSeconds
    }
}
