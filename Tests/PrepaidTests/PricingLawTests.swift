import Metering
import Prepaid
import Testing
import TimeZoneFixtures

private typealias Fixture = TariffFixture

/// Laws over random consumptions. Each case names its seed.
@Suite("Laws of pricing")
struct PricingLawTests {
    /// A random tariff of each kind.
    private func tariff(_ kind: Int, using generator: inout SeededGenerator) throws -> Tariff {
        func price() throws -> Price { try #require(Price(tenThousandths: .random(in: 0...30_000, using: &generator))) }
        func steps() throws -> StepPrices {
            let thresholds = Set((0..<5).map { _ in Int64.random(in: 1...900_000, using: &generator) }).sorted()
            return try StepPrices(
                thresholds: thresholds, prices: (0...thresholds.count).map { _ in try price() },
                period: .month(day: Int.random(in: 1...28, using: &generator)))
        }
        func timeOfUse() throws -> TimeOfUse {
            let starts = Set((0..<14).map { _ in Int.random(in: 0..<1440, using: &generator) }).sorted()
            let slots = try starts.map {
                TariffSlot(
                    start: try #require(MinuteOfDay(minutes: $0)),
                    rate: Rate.allCases.randomElement(using: &generator) ?? .flat)
            }
            return TimeOfUse(
                prices: PerRate(sharp: try price(), peak: try price(), flat: try price(), valley: try price()),
                timetable: try Timetable(everyDay: slots))
        }
        return switch kind {
        case 0: .flat(try price())
        case 1: try .step(steps())
        case 2: try Tariff(.timeOfUse(timeOfUse()))
        default: try Tariff(.timeOfUse(timeOfUse()), steps: steps())
        }
    }

    /// Amount and carry as one number of tenths of a micro-unit.
    private func tenths(_ amount: Money, _ carry: Int64) -> Int64 { amount.microunits * 10 + carry }

    @Test("parts add up to the whole, and amount and carry to price × quantity", arguments: 0..<20 as Range<UInt64>)
    func exactSums(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<60 {
            let tariff = try tariff(round % 4, using: &generator)
            let zone = try ZoneFixture.table(ZoneFixture.names[round % ZoneFixture.names.count])
            let start =
                try WallTime(utc: "2026-03-01T00:00:00Z") + .seconds(.random(in: 0...20_000_000, using: &generator))
            let end = start + .milliseconds(.random(in: 0...300_000_000, using: &generator))
            let quantity = Int64.random(in: 0...2_000_000, using: &generator)
            let carry = Int64.random(in: 0...9, using: &generator)
            let leg = ConsumptionLeg(quantity: quantity, from: Fixture.stamp(start), to: Fixture.stamp(end))
            let priced = try tariff.price(leg, carryTenths: carry, zone: zone)
            #expect(priced.parts.map(\.quantity).reduce(0, +) == quantity)
            #expect(priced.parts.allSatisfy { $0.quantity > 0 })
            let exact = priced.parts.map { $0.unitPrice.tenThousandths * $0.quantity }.reduce(carry, +)
            #expect(tenths(priced.amount, priced.carryTenths) == exact)
            #expect(priced.parts.map(\.amount.microunits).reduce(0, +) == priced.amount.microunits)
            var stretch: TariffStretch?
            let charge = try tariff.charge(leg, carryTenths: carry, zone: zone, stretch: &stretch)
            #expect(charge == Charge(amount: priced.amount, carryTenths: priced.carryTenths))
        }
    }

    @Test(
        "under flat and step tariffs neither charge nor usage depends on how often the meter was polled",
        arguments: 0..<20 as Range<UInt64>)
    func pollingDoesNotMatter(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let zone = try ZoneFixture.table("Asia/Shanghai")
        for kind in [0, 1] {
            let tariff = try tariff(kind, using: &generator)
            // From the 28th to the next settlement day no period begins in between.
            let start = try WallTime(utc: "2026-05-27T16:00:00Z")
            let end = start + .seconds(3 * 86_400)
            let total = Int64.random(in: 0...3_000_000, using: &generator)
            let whole = try tariff.price(
                ConsumptionLeg(quantity: total, from: Fixture.stamp(start), to: Fixture.stamp(end)), zone: zone)
            var usage = PeriodUsage.none
            var carry: Int64 = 0
            var amount: Int64 = 0
            var byStep: [Int?: Int64] = [:]
            var (at, left) = (start, total)
            while left > 0 {
                let quantity = min(left, Int64.random(in: 0...100_000, using: &generator))
                let next = min(end, at + .seconds(.random(in: 1...5_000, using: &generator)))
                let part = try tariff.price(
                    ConsumptionLeg(quantity: quantity, from: Fixture.stamp(at), to: Fixture.stamp(next)),
                    usage: usage, carryTenths: carry, zone: zone)
                amount += part.amount.microunits
                carry = part.carryTenths
                usage = part.usage
                for share in part.parts { byStep[share.step, default: 0] += share.quantity }
                (at, left) = (next, left - quantity)
            }
            #expect(amount == whole.amount.microunits)
            #expect(carry == whole.carryTenths)
            #expect(usage == whole.usage)
            #expect(
                byStep == Dictionary(grouping: whole.parts, by: \.step).mapValues { $0.map(\.quantity).reduce(0, +) })
        }
    }

    @Test(
        "a split over a boundary is never further than one unit from its share of the time",
        arguments: 0..<10 as Range<UInt64>)
    func proportion(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tariff = try Tariff(.timeOfUse(Fixture.city()))
        let zone = try ZoneFixture.table("Asia/Shanghai")
        let boundary = try WallTime(utc: "2026-06-01T03:00:00Z")
        for _ in 0..<200 {
            let before = Int64.random(in: 1...60_000, using: &generator)
            let after = Int64.random(in: 1...60_000, using: &generator)
            let quantity = Int64.random(in: 1...10_000, using: &generator)
            let leg = ConsumptionLeg(
                quantity: quantity, from: Fixture.stamp(boundary + .milliseconds(-before)),
                to: Fixture.stamp(boundary + .milliseconds(after)))
            let priced = try tariff.price(leg, zone: zone)
            let peak = priced.parts.first { $0.rate == .peak }?.quantity ?? 0
            #expect(peak == quantity * before / (before + after))
        }
    }

    @Test("the kept stretch never changes what a charge is", arguments: 0..<10 as Range<UInt64>)
    func keptStretch(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for kind in 0..<4 {
            let tariff = try tariff(kind, using: &generator)
            let zone = try ZoneFixture.table("Europe/Berlin")
            var kept: TariffStretch?
            var at = try WallTime(utc: "2026-03-27T00:00:00Z")
            for _ in 0..<400 {
                let next = at + .seconds(.random(in: -600...2_400, using: &generator))
                let leg = ConsumptionLeg(
                    quantity: .random(in: 0...9_999, using: &generator), from: Fixture.stamp(min(at, next)),
                    to: Fixture.stamp(max(at, next)))
                let priced = try tariff.price(leg, zone: zone)
                let charge = try tariff.charge(leg, zone: zone, stretch: &kept)
                #expect(charge == Charge(amount: priced.amount, carryTenths: priced.carryTenths))
                at = next
            }
        }
    }
}
