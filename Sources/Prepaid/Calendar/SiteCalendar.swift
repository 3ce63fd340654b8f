public import Metering

/// What a day is to a tariff or a timer.
public enum DayKind: String, Hashable, Sendable, CaseIterable {
    case workday
    /// A weekly day of rest that is no holiday.
    case weekend
    case holiday
}

/// Which days are holidays and which are days of rest. One for the site; tariffs, timers and protected
/// periods all ask it.
public struct SiteCalendar: Hashable, Sendable {
    public let restDays: Set<Weekday>
    public let holidays: Set<CivilDate>
    /// Days of rest that are worked, to make up for a holiday.
    public let workingDays: Set<CivilDate>

    /// The most holidays, and the most working days, that a calendar may name.
    public static let largestCount = 1_000
    /// Saturday and Sunday, no holidays.
    public static let plain = SiteCalendar(restDays: [.saturday, .sunday])

    /// Checks the calendar as a whole; throws every problem found.
    public init(
        restDays: Set<Weekday> = [.saturday, .sunday], holidays: Set<CivilDate>, workingDays: Set<CivilDate> = []
    ) throws(SettingProblems) {
        var problems = ProblemList()
        for (field, dates) in [("holidays", holidays), ("working_days", workingDays)] {
            problems.require(
                dates.count <= Self.largestCount, field, dates.count, "at most \(Self.largestCount) dates can be kept")
        }
        for date in holidays.intersection(workingDays).sorted() {
            problems.add("working_days", date, "is a holiday too; a day can be only one of the two")
        }
        try problems.throwAny()
        self.restDays = restDays
        self.holidays = holidays
        self.workingDays = workingDays
    }

    private init(restDays: Set<Weekday>) {
        self.restDays = restDays
        holidays = []
        workingDays = []
    }

    public func kind(of date: CivilDate) -> DayKind {
        if holidays.contains(date) { return .holiday }
        return restDays.contains(date.weekday) && !workingDays.contains(date) ? .weekend : .workday
    }
}

/// Collects what is wrong with a set of values, so that all of it is said at once.
struct ProblemList {
    private(set) var problems: [SettingProblem] = []

    mutating func add(_ field: String, _ value: some CustomStringConvertible, _ reason: String) {
        problems.append(SettingProblem(field: field, value: value.description, reason: reason))
    }

    mutating func require(
        _ holds: Bool, _ field: String, _ value: some CustomStringConvertible, _ reason: @autoclosure () -> String
    ) {
        if !holds { add(field, value, reason()) }
    }

    func throwAny() throws(SettingProblems) {
        if !problems.isEmpty { throw SettingProblems(problems: problems) }
    }
}
