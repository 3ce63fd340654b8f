import Foundation
import Metering
import Prepaid
import Testing
import TimeZoneFixtures

private typealias Fixture = TariffFixture

private func switches(_ rows: [(String, TimerAction)]) throws -> [TimerSwitch] {
    try rows.map { TimerSwitch(start: try #require(MinuteOfDay(text: $0.0)), action: $0.1) }
}

/// A dormitory: on in the morning and evening, night mode from 23:00; longer hours on holidays.
private func dormitory() throws -> TimerTable {
    try TimerTable(
        workday: switches([
            ("06:30", .on), ("08:00", .off), ("17:00", .on), ("23:00", .nightMode(capMilliwatts: 300_000)),
        ]), holiday: switches([("08:00", .on), ("23:30", .off)]))
}

@Suite("Timers")
struct TimerTests {
    @Test(
        "the state at a time (Shanghai; 2026-06-05 is a Friday)",
        arguments: [
            // Before the day's first switch, yesterday's last state holds: Thursday's night mode.
            ("2026-06-04T16:00:00Z", .nightMode(capMilliwatts: 300_000), "2026-06-04", 4),
            ("2026-06-04T22:29:59Z", .nightMode(capMilliwatts: 300_000), "2026-06-04", 4),
            ("2026-06-04T22:30:00Z", .on, "2026-06-05", 1), ("2026-06-05T00:00:00Z", .off, "2026-06-05", 2),
            ("2026-06-05T15:00:00Z", .nightMode(capMilliwatts: 300_000), "2026-06-05", 4),
            // Friday's night mode crosses midnight into Saturday, which has the other table.
            ("2026-06-05T23:59:59Z", .nightMode(capMilliwatts: 300_000), "2026-06-05", 4),
            ("2026-06-06T00:00:00Z", .on, "2026-06-06", 1),
            // Sunday's "off" lasts until Monday 06:30.
            ("2026-06-07T22:29:59Z", .off, "2026-06-07", 2), ("2026-06-07T22:30:00Z", .on, "2026-06-08", 1),
            // A holiday in the week.
            ("2026-10-01T00:30:00Z", .on, "2026-10-01", 1),
        ] as [(String, TimerAction, String, Int)])
    func stateAt(utc: String, action: TimerAction, day: String, number: Int) throws {
        let calendar = try SiteCalendar(holidays: [#require(CivilDate(iso: "2026-10-01"))])
        let moment = try WallTime(utc: utc)
        let window = try #require(
            try dormitory().window(at: moment, calendar: calendar, zone: ZoneFixture.table("Asia/Shanghai")))
        #expect(window.action == action)
        #expect(window.day.description == day)
        #expect(window.number == number)
        #expect(window.covers(moment))
    }

    @Test("tables that make no sense are refused, all problems at once")
    func refused() throws {
        func fields(_ workday: [(String, TimerAction)], _ holiday: [(String, TimerAction)]) throws -> [String] {
            let (workday, holiday) = (try switches(workday), try switches(holiday))
            do {
                _ = try TimerTable(workday: workday, holiday: holiday)
                return []
            } catch {
                return error.problems.map { "\($0.field) = \($0.value)" }
            }
        }
        let fine: [(String, TimerAction)] = [("08:00", .on)]
        #expect(try fields(fine, fine) == [])
        #expect(try fields([], fine) == ["timer.workday = 0"])
        #expect(try fields(fine, []) == ["timer.holiday = 0"])
        #expect(try fields([("08:00", .on), ("08:00", .off)], fine) == ["timer.workday.start = 08:00"])
        #expect(
            try fields([("08:00", .on), ("07:00", .nightMode(capMilliwatts: 0))], fine) == [
                "timer.workday.start = 07:00", "timer.workday.cap = 0",
            ])
        let nine = (0..<9).map { ("0\($0):00", TimerAction.on) }
        #expect(try fields(fine, nine) == ["timer.holiday = 9"])
    }

    /// Someone on site who watches the clock on the wall, with an offset from the system's own zone data:
    /// whenever the clock shows the start of the next switch on the list, or later, that switch is acted on.
    private struct Watcher {
        let pending: [(day: CivilDate, number: Int, start: Int64)]
        var next = 0

        init(_ table: TimerTable, from first: CivilDate, days: Int, calendar: SiteCalendar) {
            pending = (0..<days).flatMap { offset in
                let day = first.adding(days: offset)
                let switches = calendar.kind(of: day) == .workday ? table.workday : table.holiday
                return switches.enumerated().map { index, entry in
                    (day, index + 1, Int64(day.daysSince1970) * 1440 + Int64(entry.start.minutes))
                }
            }
        }

        /// Acts on what is due at a local minute; returns how many switches that were.
        mutating func watch(localMinute: Int64) -> Int {
            let before = next
            while next < pending.count, pending[next].start <= localMinute { next += 1 }
            return next - before
        }
    }

    @Test("three years, no window acted on twice or missed", arguments: ZoneFixture.names)
    func threeYears(name: String) throws {
        let zone = try ZoneFixture.table(name)
        let system = try ZoneFixture.calendar(name).timeZone
        let table = try TimerTable(
            workday: switches([
                ("00:00", .off), ("00:30", .on), ("01:30", .off), ("02:00", .on), ("02:10", .off), ("02:50", .on),
                ("03:00", .off), ("18:00", .on),
            ]), holiday: switches([("02:30", .on), ("23:50", .off)]))
        let first = try #require(CivilDate(iso: "2026-01-01"))
        let calendar = try SiteCalendar(holidays: [first.adding(days: 86), first.adding(days: 297)])
        let days = 1_096
        var watcher = Watcher(table, from: first, days: days, calendar: calendar)
        let start = zone.startOfDay(first).millisecondsSince1970 / 60_000
        var wall = WallTime(millisecondsSince1970: start * 60_000)
        var offsetMinutes: Int64 = 0
        var timer = CircuitTimer(table: table)
        var acted: TimerWindow?
        for minute in stride(from: Int64(0), to: Int64(days) * 1440, by: 10) {
            wall = WallTime(millisecondsSince1970: (start + minute) * 60_000)
            offsetMinutes = Int64(system.secondsFromGMT(for: wall.date)) / 60
            let due = watcher.watch(localMinute: start + minute + offsetMinutes)
            if due == 0 {
                // Between two switches the timer must say nothing new.
                guard minute % 70 == 0, watcher.next > 0 else { continue }
                #expect(timer.follow(Fixture.stamp(wall), calendar: calendar, zone: zone) == acted)
                continue
            }
            // The scheduler's next moment is this one: neither late nor early.
            if let acted { #expect(acted.until == wall) }
            let window = timer.follow(Fixture.stamp(wall), calendar: calendar, zone: zone)
            let expected = watcher.pending[watcher.next - 1]
            guard let window, window.day == expected.day, window.number == expected.number, window.from == wall else {
                Issue.record("\(name): \(String(describing: window)) is not \(expected)")
                return
            }
            acted = window
        }
        #expect(watcher.pending.count - watcher.next < 10)
    }

    @Test("history does not matter: after any steps of the clock the state is that of the time it shows now")
    func clockSteps() throws {
        let zone = try ZoneFixture.table("Europe/Berlin")
        let table = try dormitory()
        var generator = SeededGenerator(seed: 7)
        var timer = CircuitTimer(table: table)
        var wall = try WallTime(utc: "2026-03-28T00:00:00Z")
        for _ in 0..<2_000 {
            wall = wall + .seconds(.random(in: -200_000...260_000, using: &generator))
            let before = timer.window
            let window = timer.follow(Fixture.stamp(wall), calendar: .plain, zone: zone)
            let expected = table.window(at: wall, calendar: .plain, zone: zone)
            if let before, before.from > wall, before.from - wall <= CircuitTimer.toleratedStepBack {
                #expect(window == before)
            } else {
                #expect(window == expected)
            }
        }
    }

    @Test("a clock put back a little over a switch does not switch back")
    func smallStepBack() throws {
        let zone = try ZoneFixture.table("Asia/Shanghai")
        var timer = CircuitTimer(table: try dormitory())
        let eight = try WallTime(utc: "2026-06-05T00:00:00Z")
        func state(_ seconds: Int64) -> TimerState {
            timer.follow(Fixture.stamp(eight + .seconds(seconds)), calendar: .plain, zone: zone)
            return timer.state
        }
        #expect([-1, 0, -1, -300, 5].map { state($0) } == [.on, .off, .off, .off, .off])
        #expect(state(-301) == .on)
    }

    @Test("without a trusted clock the last window is kept, over a restart too")
    func untrusted() throws {
        let zone = try ZoneFixture.table("Asia/Shanghai")
        let table = try dormitory()
        var timer = CircuitTimer(table: table)
        timer.follow(try Fixture.reading("1970-01-01T00:00:10Z", trust: .untrusted), calendar: .plain, zone: zone)
        #expect(timer.state == .on, "nothing known yet: no reason to open")
        timer.follow(try Fixture.reading("2026-06-05T16:00:00Z"), calendar: .plain, zone: zone)
        #expect(timer.capMilliwatts == 300_000)
        var restarted = CircuitTimer(table: table, remembered: timer.window)
        restarted.follow(try Fixture.reading("1970-01-01T00:00:10Z", trust: .untrusted), calendar: .plain, zone: zone)
        #expect(restarted.capMilliwatts == 300_000)
        restarted.follow(try Fixture.reading("2026-06-08T01:00:00Z", trust: .holdover), calendar: .plain, zone: zone)
        #expect(restarted.state == .off)
        #expect(restarted.capMilliwatts == nil)
    }

    @Test("an unused timer says so")
    func unused() throws {
        var timer = CircuitTimer(table: .unused)
        #expect(timer.follow(try Fixture.reading("2026-06-05T16:00:00Z"), calendar: .plain, zone: .utc) == nil)
        #expect(timer.state == .unused)
    }

    @Test("garbage from a trusted clock has a window too", arguments: [Int64.min, -1, Int64.max])
    func garbage(milliseconds: Int64) throws {
        let window = try dormitory().window(
            at: WallTime(millisecondsSince1970: milliseconds), calendar: .plain,
            zone: ZoneFixture.table("Europe/Berlin"))
        #expect(window != nil)
    }
}

@Suite("Protected periods")
struct ProtectedPeriodTests {
    private func periods(_ rows: [(String, String)]) throws -> [DailyPeriod] {
        try rows.map {
            DailyPeriod(from: try #require(MinuteOfDay(text: $0.0)), to: try #require(MinuteOfDay(text: $0.1)))
        }
    }

    /// 18:00 to 08:00 after workdays, weekends from 10:00 to 12:00, holidays as a whole.
    private func friendly() throws -> ProtectedPeriods {
        try ProtectedPeriods(
            workday: periods([("18:00", "08:00")]), holiday: periods([("10:00", "12:00")]), wholeDays: [.holiday])
    }

    @Test(
        "who asks when (Shanghai; 2026-06-05 is a Friday, 2026-10-01 a holiday on a Thursday)",
        arguments: [
            ("2026-06-05T09:59:00Z", false), ("2026-06-05T10:00:00Z", true),
            // Friday's period lasts until Saturday 08:00; Saturday's own is 10:00 to 12:00.
            ("2026-06-05T23:59:00Z", true), ("2026-06-06T00:00:00Z", false), ("2026-06-06T02:00:00Z", true),
            ("2026-06-06T04:00:00Z", false),
            // Sunday has no night of its own.
            ("2026-06-07T14:00:00Z", false), ("2026-06-07T23:00:00Z", false),
            // The holiday, and the morning after it.
            ("2026-10-01T01:00:00Z", true), ("2026-10-01T15:59:59Z", true), ("2026-10-01T16:00:00Z", false),
        ])
    func protects(utc: String, isProtected: Bool) throws {
        let calendar = try SiteCalendar(holidays: [#require(CivilDate(iso: "2026-10-01"))])
        let zone = try ZoneFixture.table("Asia/Shanghai")
        #expect(try friendly().protects(WallTime(utc: utc), calendar: calendar, zone: zone) == isProtected)
    }

    @Test("the answer changes only at the moments announced", arguments: ZoneFixture.names)
    func changes(name: String) throws {
        let zone = try ZoneFixture.table(name)
        let friendly = try ProtectedPeriods(
            workday: periods([("02:30", "03:10"), ("18:00", "01:30")]), holiday: periods([("00:10", "23:50")]))
        var moment = try WallTime(utc: "2026-01-01T00:00:00Z")
        let end = try WallTime(utc: "2027-01-01T00:00:00Z")
        while moment < end {
            let next = try #require(friendly.nextChange(after: moment, calendar: .plain, zone: zone))
            #expect(next > moment)
            let last = next + .milliseconds(-1)
            #expect(
                friendly.protects(last, calendar: .plain, zone: zone)
                    == friendly.protects(moment, calendar: .plain, zone: zone))
            moment = next
        }
    }

    @Test("an untrusted clock protects for a day, where there is anything to protect")
    func untrusted() throws {
        let now = try Fixture.reading("1970-01-01T05:00:00Z", trust: .untrusted)
        let day = ProtectedPeriods.longestUntrusted
        func protects(_ periods: ProtectedPeriods, _ duration: Duration) -> Bool {
            periods.protects(at: now, untrustedFor: duration, calendar: .plain, zone: .utc)
        }
        #expect(try protects(friendly(), .zero))
        #expect(try protects(friendly(), day - .seconds(1)))
        #expect(try !protects(friendly(), day))
        #expect(!protects(.none, .zero))
    }

    @Test(
        "overlapping periods are refused",
        arguments: [
            ([("08:00", "10:00"), ("10:00", "12:00")], nil), ([("08:00", "10:00"), ("22:00", "08:00")], nil),
            ([("08:00", "10:00"), ("09:00", "12:00")], "protected.workday.from = 09:00"),
            ([("20:00", "08:00"), ("21:00", "22:00")], "protected.workday.from = 21:00"),
            ([("07:00", "10:00"), ("22:00", "08:00")], "protected.workday.to = 08:00"),
            ([("07:00", "07:00")], "protected.workday.to = 07:00"),
        ] as [([(String, String)], String?)])
    func overlaps(rows: [(String, String)], problem: String?) throws {
        let workday = try periods(rows)
        do {
            _ = try ProtectedPeriods(workday: workday, holiday: [])
            #expect(problem == nil)
        } catch {
            #expect(error.problems.map { "\($0.field) = \($0.value)" } == [problem])
        }
    }
}
