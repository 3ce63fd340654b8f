public import Foundation
public import Metering

/// Zones whose days are hard in different ways, made from the system's zone data by Foundation, which
/// also serves as the second opinion about local time.
public enum ZoneFixture {
    /// No daylight saving; European; southern hemisphere; half an hour off; 30 minutes of daylight saving;
    /// daylight saving that begins at midnight.
    public static let names = [
        "Asia/Shanghai", "Europe/Berlin", "Australia/Sydney", "America/St_Johns", "Australia/Lord_Howe",
        "America/Havana",
    ]

    /// The zone's table for 2020 ... 2035.
    public static func table(_ name: String) throws -> TimeZoneTable {
        guard let zone = TimeZone(identifier: name) else { throw MissingZone(name: name) }
        var moment = Date(timeIntervalSince1970: 1_577_836_800)
        let end = Date(timeIntervalSince1970: 2_082_758_400)
        let initial = zone.secondsFromGMT(for: moment)
        var transitions: [TimeZoneTable.Transition] = []
        while let next = zone.nextDaylightSavingTimeTransition(after: moment), next < end, next > moment {
            transitions.append(
                TimeZoneTable.Transition(
                    at: WallTime(millisecondsSince1970: Int64(next.timeIntervalSince1970) * 1_000),
                    offsetSeconds: zone.secondsFromGMT(for: next.addingTimeInterval(1))))
            moment = next
        }
        return try TimeZoneTable(name: name, initialOffsetSeconds: initial, transitions: transitions)
    }

    /// A Gregorian calendar in that zone: the second opinion.
    public static func calendar(_ name: String) throws -> Foundation.Calendar {
        guard let zone = TimeZone(identifier: name) else { throw MissingZone(name: name) }
        var calendar = Foundation.Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        return calendar
    }

    public struct MissingZone: Error { public let name: String }
}

extension WallTime {
    /// Reads `2026-03-29T00:30:00Z`.
    public init(utc text: String) throws {
        self.init(
            millisecondsSince1970: Int64(try Date(text, strategy: .iso8601).timeIntervalSince1970) * 1_000)
    }

    public var date: Date { Date(timeIntervalSince1970: Double(millisecondsSince1970) / 1_000) }
}
