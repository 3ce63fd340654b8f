public import Metering

/// What a timer window does with its circuit.
public enum TimerAction: Hashable, Sendable {
    case on
    case off
    /// On, under a lower power cap.
    case nightMode(capMilliwatts: Int64)

    public var state: TimerState { self == .off ? .off : .on }

    /// mW; nil where the circuit's own limit applies.
    public var capMilliwatts: Int64? {
        if case .nightMode(let cap) = self { cap } else { nil }
    }
}

/// The start of a timer window. A window lasts until the next one starts, over midnight too.
public struct TimerSwitch: Hashable, Sendable {
    public let start: MinuteOfDay
    public let action: TimerAction

    public init(start: MinuteOfDay, action: TimerAction) {
        self.start = start
        self.action = action
    }
}

/// The timer windows of a circuit: up to eight a day, one table for workdays and one for holidays and days
/// of rest. Before the first switch of a day the last state of the day before holds.
///
/// Every switch of every day has exactly one moment (see `TimeZoneTable`), also where the clock on the
/// wall is turned. The state is a function of the time alone: nothing is acted on twice, and nothing is
/// missed because no one looked at the right minute.
public struct TimerTable: Hashable, Sendable {
    public let workday: [TimerSwitch]
    public let holiday: [TimerSwitch]

    public static let largestWindowCount = 8
    /// 1 MW: above any circuit.
    public static let largestCapMilliwatts: Int64 = 1_000_000_000
    public static let unused = TimerTable()

    private init() {
        workday = []
        holiday = []
    }

    /// Checks the table as a whole; throws every problem found.
    public init(workday: [TimerSwitch], holiday: [TimerSwitch]) throws(SettingProblems) {
        var problems = ProblemList()
        for (field, switches) in [("timer.workday", workday), ("timer.holiday", holiday)] {
            problems.require(
                (1...Self.largestWindowCount).contains(switches.count), field, switches.count,
                "must have 1 to \(Self.largestWindowCount) windows; leave the timer out to have none")
            for (before, after) in zip(switches, switches.dropFirst()) where after.start <= before.start {
                problems.add("\(field).start", after.start, "must come after \(before.start)")
            }
            for case .nightMode(let cap) in switches.map(\.action) where !(1...Self.largestCapMilliwatts).contains(cap)
            {
                problems.add("\(field).cap", cap, "must be 1 to \(Self.largestCapMilliwatts) mW")
            }
        }
        try problems.throwAny()
        self.workday = workday
        self.holiday = holiday
    }

    public var isUnused: Bool { workday.isEmpty }

    func switches(on date: CivilDate, calendar: SiteCalendar) -> [TimerSwitch] {
        calendar.kind(of: date) == .workday ? workday : holiday
    }
}

/// One window on one day.
public struct TimerWindow: Hashable, Sendable {
    public let action: TimerAction
    /// The day in whose table it stands, and its place there, from 1: no two windows share both.
    public let day: CivilDate
    public let number: Int
    public let from: WallTime
    /// The first moment after it.
    public let until: WallTime

    public init(action: TimerAction, day: CivilDate, number: Int, from: WallTime, until: WallTime) {
        self.action = action
        self.day = day
        self.number = number
        self.from = from
        self.until = until
    }

    public func covers(_ moment: WallTime) -> Bool { from <= moment && moment < until }
}

extension TimerTable {
    /// The window in force at a moment; nil where the timer is unused. The next change is at its `until`.
    public func window(at moment: WallTime, calendar: SiteCalendar, zone: TimeZoneTable) -> TimerWindow? {
        guard !isUnused else { return nil }
        let today = zone.day(containing: moment)
        let switches = switches(on: today, calendar: calendar)
        var current: (day: CivilDate, index: Int, entry: TimerSwitch)?
        var until: WallTime?
        for (index, entry) in switches.enumerated() {
            let start = zone.moment(today, entry.start)
            guard start <= moment else {
                until = start
                break
            }
            current = (today, index, entry)
        }
        if current == nil {
            let yesterday = self.switches(on: today.previous, calendar: calendar)
            current = yesterday.last.map { (today.previous, yesterday.count - 1, $0) }
        }
        guard let current else { return nil }
        return TimerWindow(
            action: current.entry.action, day: current.day, number: current.index + 1,
            from: zone.moment(current.day, current.entry.start),
            until: until ?? firstSwitch(of: today.next, after: moment, calendar: calendar, zone: zone))
    }

    private func firstSwitch(
        of day: CivilDate, after moment: WallTime, calendar: SiteCalendar, zone: TimeZoneTable
    ) -> WallTime {
        let starts = switches(on: day, calendar: calendar).lazy.map { zone.moment(day, $0.start) }
        return starts.first { $0 > moment } ?? WallTime(millisecondsSince1970: .max)
    }
}

/// A circuit's timer with the window it last acted on.
public struct CircuitTimer: Hashable, Sendable {
    public let table: TimerTable
    /// The window in force, as far as is known; kept while the clock is not trusted.
    public private(set) var window: TimerWindow?

    /// A clock put back by no more than this over a switch does not switch back: the window has begun. Put
    /// back by more, it was wrong before, and the windows of the new time apply.
    public static let toleratedStepBack = Duration.seconds(300)

    /// - Parameter remembered: the window in force when the same table was last followed.
    public init(table: TimerTable, remembered: TimerWindow? = nil) {
        self.table = table
        window = table.isUnused ? nil : remembered
    }

    /// Looks at the clock; returns the window in force.
    @discardableResult
    public mutating func follow(_ now: Timestamp, calendar: SiteCalendar, zone: TimeZoneTable) -> TimerWindow? {
        guard now.trust != .untrusted, window?.covers(now.wall) != true else { return window }
        if let window, now.wall < window.from, window.from - now.wall <= Self.toleratedStepBack { return window }
        window = table.window(at: now.wall, calendar: calendar, zone: zone)
        return window
    }

    /// What rule 6 is told. Before any window is known the circuit is not to be opened for it.
    public var state: TimerState {
        table.isUnused ? .unused : window?.action.state ?? .on
    }

    /// mW; nil where the circuit's own limit applies.
    public var capMilliwatts: Int64? { window?.action.capMilliwatts }
}
