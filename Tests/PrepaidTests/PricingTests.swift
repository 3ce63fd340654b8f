import Metering
import Prepaid
import Testing
import TimeZoneFixtures

private typealias Fixture = TariffFixture

@Suite("Pricing consumption")
struct PricingTests {
    /// Shanghai is 8 hours ahead of UTC, without daylight saving.
    private func shanghai() throws -> TimeZoneTable { try ZoneFixture.table("Asia/Shanghai") }

    private func parts(_ tariff: Tariff, _ leg: ConsumptionLeg, _ usage: PeriodUsage = .none) throws -> [String] {
        try tariff.price(leg, usage: usage, zone: shanghai()).parts.map(short)
    }

    @Test(
        "time-of-use between two readings (local time is UTC + 8)",
        arguments: [
            // Within one slot.
            (1_000, "2026-06-01T00:10:00Z", "2026-06-01T02:50:00Z", ["peak 1000 @1.0000"]),
            // Ends exactly at the boundary (11:00): nothing belongs to the slot that begins.
            (1_000, "2026-06-01T02:50:00Z", "2026-06-01T03:00:00Z", ["peak 1000 @1.0000"]),
            // Begins exactly at the boundary.
            (1_000, "2026-06-01T03:00:00Z", "2026-06-01T03:01:00Z", ["sharp 1000 @1.2000"]),
            // 40 s before and 80 s after 11:00: 2 minutes apart is still close.
            (10, "2026-06-01T02:59:20Z", "2026-06-01T03:01:20Z", ["peak 3 @1.0000", "sharp 7 @1.2000"]),
            // 41 s before: no longer close.
            (
                10, "2026-06-01T02:59:19Z", "2026-06-01T03:01:20Z",
                ["peak 3 @1.0000 estimated", "sharp 7 @1.2000 estimated"]
            ),
            // From 07:00 to 13:00 over four boundaries: 60, 180, 60, 60 minutes; flat comes twice.
            (
                1_000, "2026-05-31T23:00:00Z", "2026-06-01T05:00:00Z",
                ["flat 334 @0.6000 estimated", "peak 500 @1.0000 estimated", "sharp 166 @1.2000 estimated"]
            ),
            // Over midnight within valley: no boundary of the price, so nothing is estimated.
            (5_000, "2026-06-01T14:30:00Z", "2026-06-01T18:30:00Z", ["valley 5000 @0.3000"]),
            // Two readings at one moment.
            (7, "2026-06-01T03:00:00Z", "2026-06-01T03:00:00Z", ["sharp 7 @1.2000"]),
            (0, "2026-06-01T02:00:00Z", "2026-06-01T04:00:00Z", []),
        ] as [(Int64, String, String, [String])])
    func timeOfUse(quantity: Int64, from: String, to: String, expected: [String]) throws {
        let tariff = try Tariff(.timeOfUse(Fixture.city()))
        #expect(try parts(tariff, Fixture.leg(quantity, from, to)) == expected)
    }

    @Test(
        "steps are cut exactly at their thresholds",
        arguments: [
            (0, 200_000, ["1 200000 @0.5000"]),
            (0, 200_001, ["1 200000 @0.5000", "2 1 @0.6000"]),
            (199_999, 1, ["1 1 @0.5000"]),
            (200_000, 1, ["2 1 @0.6000"]),
            (150_000, 300_000, ["1 50000 @0.5000", "2 200000 @0.6000", "3 50000 @0.9000"]),
            (400_000, 10, ["3 10 @0.9000"]),
        ] as [(Int64, Int64, [String])])
    func steps(used: Int64, quantity: Int64, expected: [String]) throws {
        let june = try #require(CivilDate(iso: "2026-06-01"))
        let usage = PeriodUsage(current: .init(start: june, quantity: used))
        let leg = try Fixture.leg(quantity, "2026-06-10T00:00:00Z", "2026-06-12T00:00:00Z")
        let priced = try Tariff.step(Fixture.threeSteps()).price(leg, usage: usage, zone: shanghai())
        #expect(priced.parts.map(short) == expected)
        #expect(priced.usage.current?.quantity == used + quantity)
    }

    @Test("the step price is added to the time-of-use price")
    func both() throws {
        let tariff = try Tariff(.timeOfUse(Fixture.city()), steps: Fixture.threeSteps())
        let june = try #require(CivilDate(iso: "2026-06-01"))
        let usage = PeriodUsage(current: .init(start: june, quantity: 199_998))
        let leg = try Fixture.leg(10, "2026-06-10T02:59:20Z", "2026-06-10T03:01:20Z")
        #expect(try parts(tariff, leg, usage) == ["peak 1 2 @1.5000", "peak 2 1 @1.6000", "sharp 2 7 @1.8000"])
    }

    @Test("a settlement day in between starts the steps anew, and a second circuit still finds the old period")
    func settlementDay() throws {
        let tariff = try Tariff.step(Fixture.threeSteps())
        let may = try #require(CivilDate(iso: "2026-05-01"))
        let june = try #require(CivilDate(iso: "2026-06-01"))
        let usage = PeriodUsage(current: .init(start: may, quantity: 400_000))
        // Local midnight is 16:00 UTC.
        let leg = try Fixture.leg(1_000, "2026-05-31T15:59:30Z", "2026-05-31T16:00:30Z")
        let first = try tariff.price(leg, usage: usage, zone: shanghai())
        #expect(first.parts.map(short) == ["3 500 @0.9000", "1 500 @0.5000"])
        #expect(first.parts.map(\.period) == [may, june])
        let second = try tariff.price(leg, usage: first.usage, zone: shanghai())
        #expect(second.parts.map(short) == ["3 500 @0.9000", "1 500 @0.5000"])
        #expect(
            second.usage
                == PeriodUsage(
                    current: .init(start: june, quantity: 1_000), previous: .init(start: may, quantity: 401_000)))
    }

    @Test(
        "settlement periods",
        arguments: [
            (.month(day: 1), "2026-06-01", "2026-06-01"), (.month(day: 15), "2026-06-14", "2026-05-15"),
            (.month(day: 15), "2026-01-14", "2025-12-15"), (.month(day: 28), "2026-03-01", "2026-02-28"),
            (.year(MonthDay(month: 7, day: 1)), "2026-06-30", "2025-07-01"),
            (.year(MonthDay(month: 7, day: 1)), "2026-07-01", "2026-07-01"),
        ] as [(SettlementPeriodCase, String, String)])
    func periods(period: SettlementPeriodCase, date: String, start: String) throws {
        let day = try #require(CivilDate(iso: date))
        #expect(try period.period().start(of: day).description == start)
    }

    enum SettlementPeriodCase {
        case month(day: Int)
        case year(MonthDay?)

        func period() throws -> SettlementPeriod {
            switch self {
            case .month(let day): .month(day: day)
            case .year(let first): .year(try #require(first))
            }
        }
    }

    @Test("with an untrusted clock the fallback rate applies, marked; the period stays as it was last known")
    func untrusted() throws {
        let tariff = try Tariff(.timeOfUse(Fixture.city()), steps: Fixture.threeSteps())
        let june = try #require(CivilDate(iso: "2026-06-01"))
        let usage = PeriodUsage(current: .init(start: june, quantity: 199_000))
        let leg = ConsumptionLeg(
            quantity: 1_500, from: try Fixture.reading("2026-06-10T02:00:00Z"),
            to: try Fixture.reading("1970-01-01T00:05:00Z", trust: .untrusted, boot: "b2"))
        let priced = try tariff.price(leg, usage: usage, zone: shanghai())
        #expect(priced.parts.map(short) == ["flat 1 1000 @1.1000 fallback", "flat 2 500 @1.2000 fallback"])
        #expect(priced.usage == PeriodUsage(current: .init(start: june, quantity: 200_500)))
    }

    @Test("with an untrusted clock the meter's own rates are believed if they add up")
    func meterRates() throws {
        let tariff = try Tariff(.timeOfUse(Fixture.city()))
        let from = try Fixture.reading("2026-06-10T02:00:00Z")
        let to = try Fixture.reading("1970-01-01T00:05:00Z", trust: .untrusted, boot: "b2")
        let rates = PerRate<Int64>(sharp: 100, peak: 0, flat: 400, valley: 1_000)
        #expect(
            try parts(tariff, ConsumptionLeg(quantity: 1_500, from: from, to: to, meterRates: rates)) == [
                "sharp 100 @1.2000 meter_rates", "flat 400 @0.6000 meter_rates", "valley 1000 @0.3000 meter_rates",
            ])
        #expect(
            try parts(tariff, ConsumptionLeg(quantity: 1_501, from: from, to: to, meterRates: rates)) == [
                "flat 1501 @0.6000 fallback"
            ])
    }

    @Test("a step of the wall clock between two readings neither stretches nor shrinks what was used")
    func wallStep() throws {
        let tariff = try Tariff(.timeOfUse(Fixture.city()))
        let start = try WallTime(utc: "2026-06-01T00:10:00Z")
        let zero = MonotonicTime.zero
        func stamp(_ seconds: Int64, _ wall: WallTime, _ trust: ClockTrust = .trusted) -> Timestamp {
            Timestamp(boot: BootID(rawValue: "b1"), monotonic: zero + .seconds(seconds), wall: wall, trust: trust)
        }
        // The clock was a day ahead, or not known at all, and is put right between two readings a minute apart.
        for from in [stamp(0, start + .seconds(86_400)), stamp(0, WallTime(millisecondsSince1970: 0), .untrusted)] {
            let leg = ConsumptionLeg(quantity: 100, from: from, to: stamp(60, start + .seconds(60)))
            #expect(try parts(tariff, leg) == ["peak 100 @1.0000"])
        }
        // Slow correction leaves the first reading's time as it was priced: exactly at the boundary.
        let boundary = try WallTime(utc: "2026-06-01T04:00:00Z")
        let leg = ConsumptionLeg(
            quantity: 100, from: stamp(0, boundary), to: stamp(14_405, boundary + .seconds(14_400)))
        #expect(try parts(tariff, leg) == ["flat 100 @0.6000"])
    }

    @Test("on a day with 25 hours the hour that comes twice belongs to one slot, once")
    func longDay() throws {
        let berlin = try ZoneFixture.table("Europe/Berlin")
        let timetable = try Timetable(everyDay: Fixture.slots([("02:00", .valley), ("03:00", .flat)]))
        let tariff = Tariff.Base.timeOfUse(TimeOfUse(prices: try Fixture.cityPrices(), timetable: timetable))
        // Local midnight to midnight on 2026-10-25: flat 2 h, valley 2 h (02:00-03:00 twice), flat 21 h.
        let leg = try Fixture.leg(25_000, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
        let priced = try Tariff(tariff).price(leg, zone: berlin)
        #expect(priced.parts.map(short) == ["flat 23000 @0.6000 estimated", "valley 2000 @0.3000 estimated"])
    }

    @Test("legs of one posting are priced as one consumption")
    func legs() throws {
        let tariff = try Tariff(.timeOfUse(Fixture.city()))
        let legs = try [
            Fixture.leg(5_000, "2026-06-01T00:00:30Z", "2026-06-01T02:59:30Z"),
            Fixture.leg(10, "2026-06-01T02:59:30Z", "2026-06-01T03:00:30Z"),
        ]
        let priced = try tariff.price(legs, zone: shanghai())
        #expect(priced.parts.map(short) == ["peak 5005 @1.0000", "sharp 5 @1.2000"])
        #expect(priced.amount == Money(decimal: "5.011"))
    }

    @Test("a usage that no account has is clamped or refused, never trapped", arguments: [Int64.min, -1, Int64.max])
    func oddUsage(used: Int64) throws {
        let usage = PeriodUsage(current: .init(start: try #require(CivilDate(iso: "2026-06-01")), quantity: used))
        let leg = try Fixture.leg(10, "2026-06-10T00:00:00Z", "2026-06-10T00:01:00Z")
        let priced = try? Tariff.step(Fixture.threeSteps()).price(leg, usage: usage, zone: shanghai())
        #expect(priced?.parts.map(\.quantity) == (used == .max ? nil : [10]))
    }

    @Test("what cannot be priced is refused, never trapped")
    func refused() throws {
        let zone = try shanghai()
        let at = try Fixture.reading("2026-06-01T00:00:00Z")
        for tariff in try [
            .flat(Fixture.price("1")), .step(Fixture.threeSteps()), Tariff(.timeOfUse(Fixture.city())),
        ] {
            #expect(throws: PricingFault.negativeQuantity) {
                try tariff.price(ConsumptionLeg(quantity: -1, from: at, to: at), zone: zone)
            }
            #expect(throws: PricingFault.overflow) {
                try tariff.price(ConsumptionLeg(quantity: .max, from: at, to: at), zone: zone)
            }
            for wall in [Int64.min, -1, Int64.max - 1, Int64.max] {
                let odd = WallTime(millisecondsSince1970: wall)
                let leg = ConsumptionLeg(
                    quantity: 5, from: Timestamp(boot: at.boot, monotonic: .zero, wall: odd, trust: .trusted),
                    to: Timestamp(
                        boot: at.boot, monotonic: .zero + .seconds(90), wall: odd + .seconds(90), trust: .trusted))
                #expect(try tariff.price(leg, zone: zone).parts.map(\.quantity).reduce(0, +) == 5)
                #expect(tariff.nextBoundary(after: odd, zone: zone).at >= odd)
            }
        }
    }
}
