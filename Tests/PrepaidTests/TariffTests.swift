import Metering
import Prepaid
import Testing
import TimeZoneFixtures

private typealias Fixture = TariffFixture

@Suite("Tariffs")
struct TariffTests {
    private func fields(_ body: () throws -> Void) -> [String] {
        do {
            try body()
            return []
        } catch let refusal as SettingProblems {
            return refusal.problems.map { "\($0.field) = \($0.value)" }
        } catch {
            return ["\(error)"]
        }
    }

    @Test("steps that make no sense are refused, all of them at once")
    func refusedSteps() throws {
        let price = try Fixture.price("0.5")
        func refused(_ thresholds: [Int64], _ prices: Int, _ period: SettlementPeriod = .month(day: 1)) -> [String] {
            fields {
                _ = try StepPrices(
                    thresholds: thresholds, prices: Array(repeating: price, count: prices), period: period)
            }
        }
        #expect(refused([100, 200, 300, 400, 500], 6) == [])
        #expect(refused([], 1) == [])
        #expect(refused([200, 100], 3) == ["step.thresholds[2] = 100"])
        #expect(refused([100, 100], 3) == ["step.thresholds[2] = 100"])
        #expect(refused([0], 2) == ["step.thresholds[1] = 0"])
        #expect(refused([-5, 7], 3) == ["step.thresholds[1] = -5"])
        #expect(refused([.max], 2) == ["step.thresholds[1] = \(Int64.max)"])
        #expect(refused([1, 2, 3, 4, 5, 6], 7) == ["step.thresholds = 6"])
        #expect(refused([200, 100], 2) == ["step.prices = 2", "step.thresholds[2] = 100"])
        #expect(refused([100], 2, .month(day: 29)) == ["step.settlement_day = 29"])
        #expect(refused([100], 2, .month(day: 0)) == ["step.settlement_day = 0"])
        let leapDay = try #require(MonthDay(month: 2, day: 29))
        #expect(refused([100], 2, .year(leapDay)) == ["step.settlement_day = 02-29"])
    }

    @Test("timetables that make no sense are refused, all of them at once")
    func refusedTimetables() throws {
        let day = try Fixture.slots([("00:00", .flat)])
        func season(_ month: Int, _ day: Int, _ table: Int) throws -> TariffSeason {
            TariffSeason(
                start: try #require(MonthDay(month: month, day: day)), workdayTable: 1, weekendTable: 1,
                holidayTable: table)
        }
        func refused(_ seasons: [TariffSeason], _ tables: [[TariffSlot]]) -> [String] {
            fields { _ = try Timetable(seasons: seasons, dayTables: tables) }
        }
        #expect(try refused([season(1, 1, 1)], [day]) == [])
        #expect(try refused([season(1, 1, 2)], [day]) == ["timetable.seasons[1].holiday = 2"])
        #expect(try refused([season(1, 1, 0)], [day]) == ["timetable.seasons[1].holiday = 0"])
        #expect(try refused([season(7, 1, 1), season(3, 1, 1)], [day]) == ["timetable.seasons[2].start = 03-01"])
        #expect(refused([], [day]) == ["timetable.seasons = 0"])
        #expect(
            try refused((1...5).map { try season($0, 1, 1) }, [day]) == ["timetable.seasons = 5"])
        #expect(
            try refused([season(1, 1, 1)], Array(repeating: day, count: 9)) == ["timetable.day_tables = 9"])
        #expect(try refused([season(1, 1, 1)], [[]]) == ["timetable.day_tables[1] = 0"])
        let unordered = try Fixture.slots([("08:00", .flat), ("07:00", .peak), ("07:00", .flat)])
        #expect(
            try refused([season(1, 1, 1)], [unordered]) == [
                "timetable.day_tables[1].start = 07:00", "timetable.day_tables[1].start = 07:00",
            ])
        let fifteen = try (0..<15).map { TariffSlot(start: try #require(MinuteOfDay(minutes: $0)), rate: .flat) }
        #expect(try refused([season(1, 1, 1)], [fifteen]) == ["timetable.day_tables[1] = 15"])
        #expect(MonthDay(month: 2, day: 30) == nil)
        #expect(MonthDay(month: 13, day: 1) == nil)
        #expect(Rate(name: "shoulder") == nil)
    }

    @Test("a step on top of time-of-use must stay within the largest price")
    func dearestSum() throws {
        let largest = try #require(Price(tenThousandths: Price.largest))
        let steps = try StepPrices(thresholds: [], prices: [Fixture.price("0.0001")], period: .month(day: 1))
        #expect(fields { _ = try Tariff(.flat(largest), steps: steps) } == ["price = \(largest)"])
        var prices = try Fixture.cityPrices()
        prices[.valley] = largest
        let timeOfUse = TimeOfUse(prices: prices, timetable: try Fixture.city().timetable)
        #expect(
            fields { _ = try Tariff(.timeOfUse(timeOfUse), steps: steps) } == ["time_of_use.prices.valley = \(largest)"]
        )
    }

    @Test("a day that is both holiday and working day is refused")
    func calendarProblems() throws {
        let day = try #require(CivilDate(iso: "2026-10-01"))
        #expect(
            fields { _ = try SiteCalendar(holidays: [day], workingDays: [day]) } == ["working_days = 2026-10-01"])
        let calendar = try SiteCalendar(holidays: [day], workingDays: [#require(CivilDate(iso: "2026-10-10"))])
        let kinds = try ["2026-10-01", "2026-10-03", "2026-10-10", "2026-10-12"].map {
            calendar.kind(of: try #require(CivilDate(iso: $0)))
        }
        #expect(kinds == [.holiday, .weekend, .workday, .workday])
    }

    /// Summer from 1 June, winter from 1 November; a table each for workdays, one for all other days; a
    /// second set of one table from 2027.
    private func seasons() throws -> Tariff {
        let tables = try [
            Fixture.slots([("08:00", .sharp), ("20:00", .peak)]),
            Fixture.slots([("08:00", .peak), ("20:00", .flat)]),
            Fixture.slots([("00:00", .valley)]),
        ]
        let timetable = try Timetable(
            seasons: [
                TariffSeason(
                    start: #require(MonthDay(month: 6, day: 1)), workdayTable: 1, weekendTable: 3, holidayTable: 3),
                TariffSeason(
                    start: #require(MonthDay(month: 11, day: 1)), workdayTable: 2, weekendTable: 3, holidayTable: 3),
            ], dayTables: tables)
        let later = try TimeOfUse.Switch(
            date: #require(CivilDate(iso: "2027-01-01")),
            timetable: Timetable(everyDay: Fixture.slots([("00:00", .flat)])))
        return try Tariff(
            .timeOfUse(
                TimeOfUse(
                    prices: Fixture.cityPrices(), timetable: timetable, next: later,
                    calendar: SiteCalendar(holidays: [#require(CivilDate(iso: "2026-10-01"))]))))
    }

    @Test(
        "which rate applies (local time is UTC + 8)",
        arguments: [
            // Thursday 2026-06-04: before the first slot the last slot of the same table applies.
            ("2026-06-03T16:00:00Z", .peak), ("2026-06-03T23:59:59Z", .peak), ("2026-06-04T00:00:00Z", .sharp),
            ("2026-06-04T11:59:59Z", .sharp), ("2026-06-04T12:00:00Z", .peak),
            // Saturday, and the holiday on Thursday 2026-10-01.
            ("2026-06-06T04:00:00Z", .valley), ("2026-10-01T04:00:00Z", .valley),
            // Before the first season of the year the last one applies: Monday 2026-02-02.
            ("2026-02-01T16:30:00Z", .flat), ("2026-02-02T04:00:00Z", .peak),
            // Friday 2026-05-29 is winter, Monday 2026-06-01 is summer.
            ("2026-05-29T04:00:00Z", .peak), ("2026-06-01T04:00:00Z", .sharp),
            // The second set begins with its date.
            ("2026-12-31T15:59:59Z", .flat), ("2026-12-31T01:00:00Z", .peak), ("2027-01-01T01:00:00Z", .flat),
        ] as [(String, Rate)])
    func rateAt(utc: String, rate: Rate) throws {
        let zone = try ZoneFixture.table("Asia/Shanghai")
        let moment = try WallTime(utc: utc)
        let stretch = try seasons().stretch(at: moment, zone: zone)
        #expect(stretch.rate == rate)
        #expect(stretch.covers(moment, moment))
    }

    @Test(
        "the next boundary and what it is (local time is UTC + 8)",
        arguments: [
            ("2026-06-04T00:00:00Z", "2026-06-04T12:00:00Z", .rate),
            ("2026-06-04T12:00:00Z", "2026-06-04T16:00:00Z", .day),
            ("2026-06-05T13:00:00Z", "2026-06-05T16:00:00Z", [.day, .rate]),
            ("2026-12-31T13:00:00Z", "2026-12-31T16:00:00Z", [.day, .timetable]),
        ] as [(String, String, BoundaryKinds)])
    func nextBoundary(after: String, at: String, kinds: BoundaryKinds) throws {
        let boundary = try seasons().nextBoundary(
            after: WallTime(utc: after), zone: ZoneFixture.table("Asia/Shanghai"))
        #expect(try boundary == TariffBoundary(at: WallTime(utc: at), kinds: kinds))
    }

    @Test("flat tariffs have days, steps have settlement periods")
    func plainBoundaries() throws {
        let zone = try ZoneFixture.table("Asia/Shanghai")
        let after = try WallTime(utc: "2026-05-31T10:00:00Z")
        let midnight = try WallTime(utc: "2026-05-31T16:00:00Z")
        let flat = try Tariff.flat(Fixture.price("0.5"))
        #expect(flat.nextBoundary(after: after, zone: zone) == TariffBoundary(at: midnight, kinds: .day))
        let steps = try Tariff.step(Fixture.threeSteps())
        #expect(
            steps.nextBoundary(after: after, zone: zone) == TariffBoundary(at: midnight, kinds: [.day, .period]))
    }

    @Test(
        "every boundary of two years is later than the one before, and rates change only there",
        arguments: ZoneFixture.names)
    func boundariesAreComplete(name: String) throws {
        let zone = try ZoneFixture.table(name)
        let tariff = try Tariff(.timeOfUse(Fixture.city()), steps: Fixture.threeSteps(.month(day: 15)))
        var moment = try WallTime(utc: "2026-01-01T00:30:00Z")
        let end = try WallTime(utc: "2028-01-01T00:00:00Z")
        while moment < end {
            let boundary = tariff.nextBoundary(after: moment, zone: zone)
            guard boundary.at > moment else {
                Issue.record("no progress at \(moment.millisecondsSince1970)")
                return
            }
            let (before, after) = (
                tariff.stretch(at: moment, zone: zone), tariff.stretch(at: boundary.at, zone: zone)
            )
            #expect(tariff.stretch(at: boundary.at + .milliseconds(-1), zone: zone).rate == before.rate)
            #expect((before.rate != after.rate) == boundary.kinds.contains(.rate))
            #expect((before.period != after.period) == boundary.kinds.contains(.period))
            moment = boundary.at
        }
    }

    @Test("a price change takes effect at the first trusted reading at or after its moment, for good")
    func priceChange() throws {
        let (old, new) = try (Tariff.flat(Fixture.price("0.5")), Tariff.flat(Fixture.price("0.7")))
        let at = try WallTime(utc: "2026-06-01T04:00:00Z")
        let schedule = try TariffSchedule(current: old, changes: [.init(at: at, tariff: new)])
        #expect(schedule.adopted(at: Fixture.stamp(at + .milliseconds(-1))) == nil)
        #expect(schedule.adopted(at: Fixture.stamp(at, trust: .untrusted)) == nil)
        let after = try #require(schedule.adopted(at: Fixture.stamp(at)))
        #expect(after == TariffSchedule(current: new))
        #expect(after.adopted(at: Fixture.stamp(at + .seconds(-86_400))) == nil)
        let zone = try ZoneFixture.table("Asia/Shanghai")
        #expect(
            schedule.nextBoundary(after: at + .seconds(-60), zone: zone) == TariffBoundary(at: at, kinds: .tariff))
        #expect(try schedule.nextBoundary(after: at, zone: zone).at == WallTime(utc: "2026-06-01T16:00:00Z"))
    }

    @Test("changes out of order are refused; of several that are due the last one counts")
    func severalChanges() throws {
        let tariffs = try ["0.1", "0.2", "0.3"].map { Tariff.flat(try Fixture.price($0)) }
        let at = try WallTime(utc: "2026-06-01T00:00:00Z")
        let changes = [
            TariffSchedule.Change(at: at, tariff: tariffs[1]),
            TariffSchedule.Change(at: at + .seconds(60), tariff: tariffs[2]),
        ]
        #expect(
            fields { _ = try TariffSchedule(current: tariffs[0], changes: changes.reversed()) }
                == ["price_changes = \(at.millisecondsSince1970)"])
        let schedule = try TariffSchedule(current: tariffs[0], changes: changes)
        #expect(schedule.adopted(at: Fixture.stamp(at + .seconds(59)))?.current == tariffs[1])
        #expect(
            schedule.adopted(at: Fixture.stamp(at + .seconds(60))) == TariffSchedule(current: tariffs[2]))
    }
}
