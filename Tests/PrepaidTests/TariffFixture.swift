import Metering
import Prepaid
import Testing
import TimeZoneFixtures

/// Shorthand for tariffs and readings in tests.
enum TariffFixture {
    static func price(_ text: String) throws -> Price { try #require(Price(decimal: text)) }

    static func slots(_ rows: [(String, Rate)]) throws -> [TariffSlot] {
        try rows.map { TariffSlot(start: try #require(MinuteOfDay(text: $0.0)), rate: $0.1) }
    }

    /// Valley 22:00-06:00, peak 08:00-11:00 and 18:00-21:00, sharp 11:00-12:00, flat otherwise.
    static let cityDay: [(String, Rate)] = [
        ("06:00", .flat), ("08:00", .peak), ("11:00", .sharp), ("12:00", .flat), ("18:00", .peak), ("21:00", .flat),
        ("22:00", .valley),
    ]

    /// Sharp 1.20, peak 1.00, flat 0.60, valley 0.30.
    static func cityPrices() throws -> PerRate<Price> {
        PerRate(
            sharp: try price("1.2000"), peak: try price("1.0000"), flat: try price("0.6000"),
            valley: try price("0.3000"))
    }

    static func city() throws -> TimeOfUse {
        TimeOfUse(prices: try cityPrices(), timetable: try Timetable(everyDay: slots(cityDay)))
    }

    /// 0.50 up to 200 kWh, 0.60 up to 400 kWh, 0.90 above, from the 1st of each month.
    static func threeSteps(_ period: SettlementPeriod = .month(day: 1)) throws -> StepPrices {
        try StepPrices(
            thresholds: [200_000, 400_000], prices: ["0.5000", "0.6000", "0.9000"].map(price), period: period)
    }

    /// A trusted reading's time; the monotonic clock runs with the wall clock.
    static func reading(_ utc: String, trust: ClockTrust = .trusted, boot: String = "b1") throws -> Timestamp {
        stamp(try WallTime(utc: utc), trust: trust, boot: boot)
    }

    static func stamp(_ wall: WallTime, trust: ClockTrust = .trusted, boot: String = "b1") -> Timestamp {
        let sinceBoot = wall.millisecondsSince1970 - 1_700_000_000_000
        return Timestamp(
            boot: BootID(rawValue: boot), monotonic: MonotonicTime(nanoseconds: sinceBoot * 1_000_000), wall: wall,
            trust: trust)
    }

    static func leg(_ quantity: Int64, _ from: String, _ to: String) throws -> ConsumptionLeg {
        ConsumptionLeg(quantity: quantity, from: try reading(from), to: try reading(to))
    }
}

/// A small generator with a seed, so that a failing case can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A part, as short as a line of a table: `peak 2 1500 @1.6000`.
func short(_ part: PricedPart) -> String {
    [
        part.rate?.name, part.step.map { String($0) }, String(part.quantity), "@\(part.unitPrice)",
        part.timing == .measured ? nil : part.timing.rawValue,
    ].compactMap { $0 }.joined(separator: " ")
}
