import Foundation
import Metering
import Testing
import TimeZoneFixtures

@Suite("Local time")
struct TimeZoneTableTests {
    /// Length of a local day in minutes, as the table has it.
    private func minutes(of iso: String, in zone: TimeZoneTable) throws -> Int64 {
        let date = try #require(CivilDate(iso: iso))
        return (zone.startOfDay(date.next) - zone.startOfDay(date)).wholeMilliseconds / 60_000
    }

    @Test(
        "days have as many hours as they have",
        arguments: [
            ("Europe/Berlin", "2026-03-28", 24 * 60), ("Europe/Berlin", "2026-03-29", 23 * 60),
            ("Europe/Berlin", "2026-10-25", 25 * 60), ("Australia/Sydney", "2026-04-05", 25 * 60),
            ("Australia/Sydney", "2026-10-04", 23 * 60), ("Australia/Lord_Howe", "2026-04-05", 24 * 60 + 30),
            ("Australia/Lord_Howe", "2026-10-04", 24 * 60 - 30), ("America/Havana", "2026-03-08", 23 * 60),
            ("America/Havana", "2026-11-01", 25 * 60), ("Asia/Shanghai", "2026-06-01", 24 * 60),
        ] as [(String, String, Int64)])
    func dayLength(zone: String, date: String, length: Int64) throws {
        #expect(try minutes(of: date, in: ZoneFixture.table(zone)) == length)
    }

    @Test(
        "a time that is jumped over falls on the jump, a time that comes twice means its first coming",
        arguments: [
            // The clocks of Berlin go from 02:00 to 03:00 at 01:00 UTC, and from 03:00 to 02:00 at 01:00 UTC.
            ("Europe/Berlin", "2026-03-29", "01:59", "2026-03-29T00:59:00Z"),
            ("Europe/Berlin", "2026-03-29", "02:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29", "03:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29", "03:01", "2026-03-29T01:01:00Z"),
            ("Europe/Berlin", "2026-10-25", "01:59", "2026-10-24T23:59:00Z"),
            ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2026-10-25", "03:00", "2026-10-25T02:00:00Z"),
            // Havana's day begins at 01:00, because 00:00 is jumped over.
            ("America/Havana", "2026-03-08", "00:00", "2026-03-08T05:00:00Z"),
            ("Asia/Shanghai", "2026-03-29", "00:00", "2026-03-28T16:00:00Z"),
        ])
    func moments(zone: String, date: String, time: String, utc: String) throws {
        let local = try LocalTime(#require(CivilDate(iso: date)), #require(MinuteOfDay(text: time)))
        #expect(try ZoneFixture.table(zone).moment(of: local) == WallTime(utc: utc))
    }

    @Test("agrees with the system's calendar every 37 minutes for two years", arguments: ZoneFixture.names)
    func secondOpinion(name: String) throws {
        let zone = try ZoneFixture.table(name)
        let calendar = try ZoneFixture.calendar(name)
        let start = try WallTime(utc: "2025-06-01T00:00:00Z")
        for step in 0..<28_400 {
            let moment = start + .seconds(Int64(step) * 37 * 60)
            let expected = calendar.dateComponents([.year, .month, .day, .hour, .minute, .weekday], from: moment.date)
            let local = zone.local(at: moment)
            let date = local.date.components
            // The system numbers weekdays from Sunday = 1.
            let weekday = local.date.weekday.rawValue % 7 + 1
            guard
                [date.year, date.month, date.day, weekday] == [
                    expected.year, expected.month, expected.day, expected.weekday,
                ],
                Int(local.millisecondOfDay / 60_000) == (expected.hour ?? 0) * 60 + (expected.minute ?? 0)
            else {
                Issue.record("\(name) at \(moment.millisecondsSince1970): \(local) is not \(expected)")
                return
            }
        }
    }

    @Test("later local times never come earlier, and each is the first moment to show it", arguments: ZoneFixture.names)
    func monotone(name: String) throws {
        let zone = try ZoneFixture.table(name)
        var before = WallTime(millisecondsSince1970: .min)
        var date = try #require(CivilDate(iso: "2026-01-01"))
        for _ in 0..<366 {
            for minute in stride(from: 0, to: 1440, by: 10) {
                let local = try LocalTime(date, #require(MinuteOfDay(minutes: minute)))
                let moment = zone.moment(of: local)
                #expect(moment >= before)
                #expect(zone.local(at: moment) >= local)
                #expect(zone.local(at: moment + .milliseconds(-1)) < local)
                before = moment
            }
            date = date.next
        }
    }

    @Test("the day of a moment is the last one that has started", arguments: ZoneFixture.names)
    func dayOfMoment(name: String) throws {
        let zone = try ZoneFixture.table(name)
        var date = try #require(CivilDate(iso: "2026-01-01"))
        for _ in 0..<366 {
            let start = zone.startOfDay(date)
            #expect(zone.day(containing: start) == date)
            #expect(zone.day(containing: start + .milliseconds(-1)) == date.previous)
            date = date.next
        }
    }

    @Test("a day that the calendar skips starts with the next; a clock turned back over midnight starts no day again")
    func oddDays() throws {
        // Samoa went from 2011-12-29 24:00 at −10 h straight to 2011-12-31 00:00 at +14 h.
        let jump = try WallTime(utc: "2011-12-30T10:00:00Z")
        let samoa = try TimeZoneTable(
            name: "Pacific/Apia", initialOffsetSeconds: -36_000,
            transitions: [.init(at: jump, offsetSeconds: 50_400)])
        let skipped = try #require(CivilDate(iso: "2011-12-30"))
        #expect(samoa.startOfDay(skipped) == jump)
        #expect(samoa.startOfDay(skipped.next) == jump)
        #expect(samoa.day(containing: jump) == skipped.next)
        #expect(samoa.day(containing: jump + .seconds(-1)) == skipped.previous)

        // Back from 00:30 to 23:30 of the day before.
        let midnight = try WallTime(utc: "2026-05-02T00:00:00Z")
        let back = try TimeZoneTable(
            name: "Test", initialOffsetSeconds: 0,
            transitions: [.init(at: midnight + .seconds(1_800), offsetSeconds: -3_600)])
        let day = try #require(CivilDate(iso: "2026-05-02"))
        #expect(back.startOfDay(day) == midnight)
        #expect(back.local(at: midnight + .seconds(1_800)).date == day.previous)
        #expect(back.day(containing: midnight + .seconds(1_800)) == day)
    }

    @Test("tables that make no sense are refused")
    func refused() {
        let two = WallTime(millisecondsSince1970: 2)
        #expect(throws: TimeZoneProblem.transitionsOutOfOrder(at: two)) {
            try TimeZoneTable(
                name: "x", initialOffsetSeconds: 0,
                transitions: [.init(at: two, offsetSeconds: 0), .init(at: two, offsetSeconds: 60)])
        }
        #expect(throws: TimeZoneProblem.offsetOutOfRange(seconds: 100_000)) {
            try TimeZoneTable(name: "x", initialOffsetSeconds: 100_000, transitions: [])
        }
    }

    @Test("garbage from a clock has a local time too", arguments: [Int64.min, -1, Int64.max])
    func garbage(milliseconds: Int64) throws {
        let zone = try ZoneFixture.table("Europe/Berlin")
        let date = zone.day(containing: WallTime(millisecondsSince1970: milliseconds))
        #expect((CivilDate.earliest...CivilDate.latest).contains(date))
    }
}
