public import Metering

/// The four rates of time-of-use (尖 峰 平 谷).
public enum Rate: Int, Hashable, Comparable, Sendable, CaseIterable {
    case sharp = 1
    case peak, flat, valley

    /// `sharp`, `peak`, `flat`, `valley`.
    public var name: String {
        switch self {
        case .sharp: "sharp"
        case .peak: "peak"
        case .flat: "flat"
        case .valley: "valley"
        }
    }

    /// The inverse of `name`; nil for anything else.
    public init?(name: String) {
        guard let rate = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = rate
    }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// One value for each rate.
public struct PerRate<Value> {
    public var sharp: Value
    public var peak: Value
    public var flat: Value
    public var valley: Value

    public init(sharp: Value, peak: Value, flat: Value, valley: Value) {
        self.sharp = sharp
        self.peak = peak
        self.flat = flat
        self.valley = valley
    }

    public subscript(rate: Rate) -> Value {
        get {
            switch rate {
            case .sharp: sharp
            case .peak: peak
            case .flat: flat
            case .valley: valley
            }
        }
        set {
            switch rate {
            case .sharp: sharp = newValue
            case .peak: peak = newValue
            case .flat: flat = newValue
            case .valley: valley = newValue
            }
        }
    }
}

extension PerRate: Equatable where Value: Equatable {}
extension PerRate: Hashable where Value: Hashable {}
extension PerRate: Sendable where Value: Sendable {}

/// The rate from a time of day on, until the next slot of the table.
public struct TariffSlot: Hashable, Sendable {
    public let start: MinuteOfDay
    public let rate: Rate

    public init(start: MinuteOfDay, rate: Rate) {
        self.start = start
        self.rate = rate
    }
}

/// A day of the year: 1 January ... 31 December, 29 February included.
public struct MonthDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let month: Int
    public let day: Int

    /// Nil for a day that no year has.
    public init?(month: Int, day: Int) {
        // 2000 is a leap year.
        guard (1...12).contains(month), day >= 1, day <= CivilDate.daysInMonth(month, year: 2000) else { return nil }
        self.month = month
        self.day = day
    }

    public init(_ date: CivilDate) {
        let (_, month, day) = date.components
        self.month = month
        self.day = day
    }

    /// `06-01`
    public var description: String { "\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)" }

    public static func < (left: Self, right: Self) -> Bool { (left.month, left.day) < (right.month, right.day) }
}

/// A season, from its first day until the next season's. Its day tables are numbered from 1.
public struct TariffSeason: Hashable, Sendable {
    public let start: MonthDay
    public let workdayTable: Int
    public let weekendTable: Int
    public let holidayTable: Int

    public init(start: MonthDay, workdayTable: Int, weekendTable: Int, holidayTable: Int) {
        self.start = start
        self.workdayTable = workdayTable
        self.weekendTable = weekendTable
        self.holidayTable = holidayTable
    }

    func table(for kind: DayKind) -> Int {
        switch kind {
        case .workday: workdayTable
        case .weekend: weekendTable
        case .holiday: holidayTable
        }
    }
}

/// One set of a time-of-use timetable: up to 4 seasons, which name up to 8 day tables of up to 14 slots.
public struct Timetable: Hashable, Sendable {
    public let seasons: [TariffSeason]
    public let dayTables: [[TariffSlot]]

    public static let largestSeasonCount = 4
    public static let largestTableCount = 8
    public static let largestSlotCount = 14

    /// Checks the set as a whole; throws every problem found. `field` is where it stands, for the messages.
    public init(
        seasons: [TariffSeason], dayTables: [[TariffSlot]], field: String = "timetable"
    ) throws(SettingProblems) {
        var problems = ProblemList()
        Self.check(seasons: seasons, tableCount: dayTables.count, field: field, into: &problems)
        Self.check(dayTables: dayTables, field: field, into: &problems)
        try problems.throwAny()
        self.seasons = seasons
        self.dayTables = dayTables
    }

    /// One table for every day of the year.
    public init(everyDay slots: [TariffSlot]) throws(SettingProblems) {
        var problems = ProblemList()
        Self.check(dayTables: [slots], field: "timetable", into: &problems)
        try problems.throwAny()
        dayTables = [slots]
        seasons = []
    }

    private static func check(
        seasons: [TariffSeason], tableCount: Int, field: String, into problems: inout ProblemList
    ) {
        problems.require(
            (1...largestSeasonCount).contains(seasons.count), "\(field).seasons", seasons.count,
            "must be 1 to \(largestSeasonCount) seasons")
        for (index, season) in seasons.prefix(largestSeasonCount).enumerated() {
            let name = "\(field).seasons[\(index + 1)]"
            if index > 0 {
                let before = seasons[index - 1].start
                problems.require(season.start > before, "\(name).start", season.start, "must come after \(before)")
            }
            for (kind, table) in [
                ("workday", season.workdayTable), ("weekend", season.weekendTable), ("holiday", season.holidayTable),
            ] {
                problems.require(
                    table >= 1 && table <= tableCount, "\(name).\(kind)", table,
                    "is no day table; there are \(tableCount)")
            }
        }
    }

    private static func check(dayTables: [[TariffSlot]], field: String, into problems: inout ProblemList) {
        problems.require(
            (1...largestTableCount).contains(dayTables.count), "\(field).day_tables", dayTables.count,
            "must be 1 to \(largestTableCount) tables")
        for (index, slots) in dayTables.prefix(largestTableCount).enumerated() {
            let name = "\(field).day_tables[\(index + 1)]"
            problems.require(
                (1...largestSlotCount).contains(slots.count), name, slots.count,
                "must have 1 to \(largestSlotCount) slots")
            for (before, slot) in zip(slots, slots.dropFirst()) where slot.start <= before.start {
                problems.add("\(name).start", slot.start, "must come after \(before.start)")
            }
        }
    }

    /// The slots of a day. Before the first season of a year the last one applies.
    func slots(on date: CivilDate, kind: DayKind) -> [TariffSlot] {
        guard let last = seasons.last else { return dayTables[0] }
        let day = MonthDay(date)
        let season = seasons.last { $0.start <= day } ?? last
        return dayTables[season.table(for: kind) - 1]
    }
}

/// A time-of-use tariff: what each rate costs and when it applies.
public struct TimeOfUse: Hashable, Sendable {
    /// The set that applies from a date on.
    public struct Switch: Hashable, Sendable {
        public let date: CivilDate
        public let timetable: Timetable

        public init(date: CivilDate, timetable: Timetable) {
            self.date = date
            self.timetable = timetable
        }
    }

    public let prices: PerRate<Price>
    public let timetable: Timetable
    /// The other set, with its switch date.
    public let next: Switch?
    public let calendar: SiteCalendar
    /// The rate that applies where the time is not known.
    public let fallbackRate: Rate

    public init(
        prices: PerRate<Price>, timetable: Timetable, next: Switch? = nil, calendar: SiteCalendar = .plain,
        fallbackRate: Rate = .flat
    ) {
        self.prices = prices
        self.timetable = timetable
        self.next = next
        self.calendar = calendar
        self.fallbackRate = fallbackRate
    }

    func slots(on date: CivilDate) -> [TariffSlot] {
        let set = if let next, next.date <= date { next.timetable } else { timetable }
        return set.slots(on: date, kind: calendar.kind(of: date))
    }

    /// The rate at a moment, and the moments between which it was looked up: a slot, cut at the day's ends.
    /// Before the first slot of a day the last slot of the same table applies.
    func slot(at moment: WallTime, zone: TimeZoneTable) -> (rate: Rate, from: WallTime, until: WallTime) {
        let date = zone.day(containing: moment)
        let slots = slots(on: date)
        var rate = slots.last?.rate ?? fallbackRate
        var from = zone.startOfDay(date)
        for slot in slots {
            let start = zone.moment(date, slot.start)
            if start > moment { return (rate, from, start) }
            rate = slot.rate
            from = start
        }
        return (rate, from, zone.endOfDay(date))
    }
}
