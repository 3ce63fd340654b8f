import Metering
import Prepaid

/// Tariffs by chance, with the JSON that the model reads.
enum RandomTariff {
    static func price(_ generator: inout SplitMix, upTo largest: Int64 = 30_000) throws -> Price {
        guard let price = Price(tenThousandths: generator.number(0...largest)) else { throw TraceProblem() }
        return price
    }

    /// Flat, time-of-use, steps, or steps on top of time-of-use.
    static func tariff(_ generator: inout SplitMix, calendar: SiteCalendar, near day: CivilDate) throws -> Tariff {
        switch generator.number(0...3) {
        case 0: .flat(try price(&generator))
        case 1: try .step(steps(&generator))
        case 2: try Tariff(.timeOfUse(timeOfUse(&generator, calendar: calendar, near: day)))
        default:
            try Tariff(
                .timeOfUse(timeOfUse(&generator, calendar: calendar, near: day)), steps: steps(&generator))
        }
    }

    private static func steps(_ generator: inout SplitMix) throws -> StepPrices {
        let count = generator.number(1...5)
        var thresholds: [Int64] = []
        for _ in 0..<count { thresholds.append((thresholds.last ?? 0) + generator.number(1...150_000)) }
        var prices: [Price] = []
        for _ in 0...count { prices.append(try price(&generator, upTo: 12_000)) }
        guard let yearly = MonthDay(month: Int(generator.number(1...12)), day: Int(generator.number(1...28))) else {
            throw TraceProblem()
        }
        let period: SettlementPeriod =
            generator.once(in: 5) ? .year(yearly) : .month(day: Int(generator.number(1...28)))
        return try StepPrices(thresholds: thresholds, prices: prices, period: period)
    }

    private static func timeOfUse(
        _ generator: inout SplitMix, calendar: SiteCalendar, near day: CivilDate
    ) throws -> TimeOfUse {
        var next: TimeOfUse.Switch?
        let timetable = try timetable(&generator)
        if generator.once(in: 3) {
            next = TimeOfUse.Switch(
                date: day.adding(days: Int(generator.number(0...40))), timetable: try self.timetable(&generator))
        }
        return TimeOfUse(
            prices: PerRate(
                sharp: try price(&generator), peak: try price(&generator), flat: try price(&generator),
                valley: try price(&generator)),
            timetable: timetable, next: next, calendar: calendar, fallbackRate: rate(&generator))
    }

    private static func rate(_ generator: inout SplitMix) -> Rate {
        Rate.allCases.randomElement(using: &generator) ?? .flat
    }

    private static func timetable(_ generator: inout SplitMix) throws -> Timetable {
        var tables: [[TariffSlot]] = []
        for _ in 0..<generator.number(1...8) {
            var minutes: Set<Int64> = []
            for _ in 0..<generator.number(1...14) { minutes.insert(generator.number(0...287) * 5) }
            tables.append(
                minutes.sorted().compactMap { minute in
                    MinuteOfDay(minutes: Int(minute)).map { TariffSlot(start: $0, rate: rate(&generator)) }
                })
        }
        if generator.once(in: 4) { return try Timetable(everyDay: tables[0]) }
        var starts: Set<Int64> = []
        for _ in 0..<generator.number(1...4) { starts.insert(generator.number(0...335)) }
        let seasons = starts.sorted().compactMap { start in
            MonthDay(month: Int(start / 28) + 1, day: Int(start % 28) + 1).map { first in
                TariffSeason(
                    start: first, workdayTable: Int(generator.number(1...Int64(tables.count))),
                    weekendTable: Int(generator.number(1...Int64(tables.count))),
                    holidayTable: Int(generator.number(1...Int64(tables.count))))
            }
        }
        return try Timetable(seasons: seasons, dayTables: tables)
    }
}

struct TraceProblem: Error {}

extension Tariff {
    var json: String {
        var members: [(String, String)] = []
        switch base {
        case .flat(let price): members.append(("flat", "\(price.tenThousandths)"))
        case .timeOfUse(let timeOfUse):
            members.append(
                (
                    "prices",
                    JSONText.array(Rate.allCases.map { "\(timeOfUse.prices[$0].tenThousandths)" })
                ))
            members.append(("fallback", "\(timeOfUse.fallbackRate.rawValue)"))
            members.append(("set", timeOfUse.timetable.json))
            if let next = timeOfUse.next {
                members.append(("switch", JSONText.string(next.date)))
                members.append(("next_set", next.timetable.json))
            }
        }
        if let steps {
            members.append(("thresholds", JSONText.array(steps.thresholds.map { "\($0)" })))
            members.append(("step_prices", JSONText.array(steps.prices.map { "\($0.tenThousandths)" })))
            switch steps.period {
            case .month(let day): members.append(("month_from", "\(day)"))
            case .year(let first): members.append(("year_from", "[\(first.month),\(first.day)]"))
            }
        }
        return JSONText.object(members)
    }
}

extension Timetable {
    fileprivate var json: String {
        JSONText.object([
            (
                "seasons",
                JSONText.array(
                    seasons.map {
                        "[\($0.start.month),\($0.start.day),\($0.workdayTable),\($0.weekendTable),\($0.holidayTable)]"
                    })
            ),
            (
                "tables",
                JSONText.array(
                    dayTables.map { slots in
                        JSONText.array(slots.map { "[\($0.start.minutes),\($0.rate.rawValue)]" })
                    })
            ),
        ])
    }
}
