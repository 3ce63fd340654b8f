/// A day of the week, numbered as ISO 8601 does.
public enum Weekday: Int, Hashable, Sendable, CaseIterable {
    case monday = 1
    case tuesday, wednesday, thursday, friday, saturday, sunday
}

/// A day of the Gregorian calendar, as a site's residents would name it.
public struct CivilDate: Hashable, Comparable, Sendable {
    /// Within 0001-01-01 ... 9999-12-31.
    public let daysSince1970: Int

    /// 0001-01-01
    public static let earliest = CivilDate(daysSince1970: -719_162)
    /// 9999-12-31
    public static let latest = CivilDate(daysSince1970: 2_932_896)

    /// Days outside `earliest ... latest` become the nearer of the two.
    public init(daysSince1970: Int) { self.daysSince1970 = min(max(daysSince1970, -719_162), 2_932_896) }

    /// Nil for a date that does not exist (2025-02-29) or lies outside the years 1 ... 9999.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.daysInMonth(month, year: year)
        else { return nil }
        // Years are counted from March, so that the leap day comes last.
        let shiftedYear = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let leapDays = shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400
        self.init(daysSince1970: shiftedYear * 365 + leapDays + dayOfYear - 719_468)
    }

    /// Reads `2026-02-28` and nothing else; nil also for a date that does not exist.
    public init?(iso text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2],
            parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// Year, month 1 ... 12, day 1 ... 31.
    public var components: (year: Int, month: Int, day: Int) {
        let shifted = daysSince1970 + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    public var weekday: Weekday {
        // 0001-01-01 was a Monday.
        Weekday(rawValue: (daysSince1970 + 719_162) % 7 + 1) ?? .monday
    }

    public var next: CivilDate { adding(days: 1) }
    public var previous: CivilDate { adding(days: -1) }

    /// The first day of this day's month.
    public var firstOfMonth: CivilDate { adding(days: 1 - components.day) }

    public func adding(days: Int) -> CivilDate {
        let (sum, overflow) = daysSince1970.addingReportingOverflow(days)
        return overflow ? (days < 0 ? .earliest : .latest) : CivilDate(daysSince1970: sum)
    }

    /// 28 ... 31; 0 for a month that is not one.
    public static func daysInMonth(_ month: Int, year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        case 1...12: 31
        default: 0
        }
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    public static func < (left: Self, right: Self) -> Bool { left.daysSince1970 < right.daysSince1970 }
}

extension CivilDate: CustomStringConvertible {
    /// `2026-02-28`
    public var description: String {
        let (year, month, day) = components
        return "\(padded(year, to: 4))-\(padded(month, to: 2))-\(padded(day, to: 2))"
    }
}

/// A time on the clock on the wall, to the minute: 00:00 ... 23:59.
public struct MinuteOfDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 ... 1439
    public let minutes: Int

    public static let midnight = MinuteOfDay(unchecked: 0)
    private init(unchecked minutes: Int) { self.minutes = minutes }

    /// Nil outside 0 ... 1439.
    public init?(minutes: Int) {
        guard (0..<1440).contains(minutes) else { return nil }
        self.minutes = minutes
    }

    /// Reads `07:30`, nothing else; `24:00` is refused.
    public init?(text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = UInt8(parts[0]),
            let minute = UInt8(parts[1]), hour < 24, minute < 60, !text.contains("+")
        else { return nil }
        minutes = Int(hour) * 60 + Int(minute)
    }

    public var description: String { "\(padded(minutes / 60, to: 2)):\(padded(minutes % 60, to: 2))" }

    public static func < (left: Self, right: Self) -> Bool { left.minutes < right.minutes }
}

private func padded(_ value: Int, to width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
