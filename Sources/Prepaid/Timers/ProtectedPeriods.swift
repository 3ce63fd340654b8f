public import Metering

/// From one time of day to another; over midnight where `to` is not after `from`.
public struct DailyPeriod: Hashable, Sendable {
    public let from: MinuteOfDay
    /// The first minute after it.
    public let to: MinuteOfDay

    public init(from: MinuteOfDay, to: MinuteOfDay) {
        self.from = from
        self.to = to
    }

    var crossesMidnight: Bool { to < from }
}

/// When no one is cut for money: friendly hours, and whole days. A period over midnight belongs to the
/// day on which it begins.
public struct ProtectedPeriods: Hashable, Sendable {
    public let workday: [DailyPeriod]
    /// On holidays and days of rest.
    public let holiday: [DailyPeriod]
    /// Kinds of day that are protected from midnight to midnight.
    public let wholeDays: Set<DayKind>

    public static let largestPeriodCount = 8
    /// For how long an untrusted clock protects.
    public static let longestUntrusted = Duration.seconds(86_400)
    public static let none = ProtectedPeriods()

    private init() {
        workday = []
        holiday = []
        wholeDays = []
    }

    /// Checks the periods as a whole; throws every problem found.
    public init(
        workday: [DailyPeriod], holiday: [DailyPeriod], wholeDays: Set<DayKind> = []
    ) throws(SettingProblems) {
        var problems = ProblemList()
        Self.check(workday, field: "protected.workday", into: &problems)
        Self.check(holiday, field: "protected.holiday", into: &problems)
        try problems.throwAny()
        self.workday = workday
        self.holiday = holiday
        self.wholeDays = wholeDays
    }

    private static func check(_ periods: [DailyPeriod], field: String, into problems: inout ProblemList) {
        problems.require(
            periods.count <= largestPeriodCount, field, periods.count, "at most \(largestPeriodCount) periods a day")
        for period in periods where period.from == period.to {
            problems.add("\(field).to", period.to, "must differ from its beginning; protect the whole day instead")
        }
        for (before, after) in zip(periods, periods.dropFirst()) {
            problems.require(
                before.from < before.to && before.to <= after.from, "\(field).from", after.from,
                "must not be before the end (\(before.to)) of the period before it")
        }
        if let first = periods.first, let last = periods.last, last.crossesMidnight, last.to > first.from {
            problems.add("\(field).to", last.to, "must not be after \(first.from), where the first period begins")
        }
    }

    public var isEmpty: Bool { workday.isEmpty && holiday.isEmpty && wholeDays.isEmpty }

    private func periods(on date: CivilDate, calendar: SiteCalendar) -> [DailyPeriod] {
        calendar.kind(of: date) == .workday ? workday : holiday
    }

    private func ends(_ period: DailyPeriod, begunOn date: CivilDate, _ zone: TimeZoneTable) -> WallTime {
        zone.moment(period.crossesMidnight ? date.next : date, period.to)
    }
}

extension ProtectedPeriods {
    /// Whether a moment is protected.
    public func protects(_ moment: WallTime, calendar: SiteCalendar, zone: TimeZoneTable) -> Bool {
        if isEmpty { return false }
        let today = zone.day(containing: moment)
        if wholeDays.contains(calendar.kind(of: today)) { return true }
        for day in [today.previous, today] {
            for period in periods(on: day, calendar: calendar)
            where zone.moment(day, period.from) <= moment && moment < ends(period, begunOn: day, zone) {
                return true
            }
        }
        return false
    }

    /// Whether `now` is protected. With an untrusted clock it counts as protected, for at most
    /// `longestUntrusted`.
    /// - Parameter untrustedFor: how long the clock has not been trusted, by the monotonic clock.
    public func protects(
        at now: Timestamp, untrustedFor: Duration, calendar: SiteCalendar, zone: TimeZoneTable
    ) -> Bool {
        guard now.trust == .untrusted else { return protects(now.wall, calendar: calendar, zone: zone) }
        return !isEmpty && untrustedFor < Self.longestUntrusted
    }

    /// The next moment after `moment` at which the answer may change: a period begins or ends, or a day.
    /// Nil where nothing is protected.
    public func nextChange(after moment: WallTime, calendar: SiteCalendar, zone: TimeZoneTable) -> WallTime? {
        if isEmpty { return nil }
        let today = zone.day(containing: moment)
        var next = zone.endOfDay(today)
        for day in [today.previous, today] {
            for period in periods(on: day, calendar: calendar) {
                for edge in [zone.moment(day, period.from), ends(period, begunOn: day, zone)] where edge > moment {
                    next = min(next, edge)
                }
            }
        }
        return next
    }
}
