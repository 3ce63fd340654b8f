private import Metering
public import Prepaid

extension Tariff {
    /// `{"price": "0.6180"}`, `{"time_of_use": {…}}`, either with `"steps": {…}`; steps alone are added to nothing.
    public var json: JSONValue {
        var members: [String: JSONValue] = [:]
        switch base {
        case .flat(let price): members["price"] = .string(price.description)
        case .timeOfUse(let timeOfUse): members["time_of_use"] = timeOfUse.json
        }
        if let steps { members["steps"] = steps.json }
        return .object(members)
    }

    /// The calendar is the site's: see `following`.
    public init(json: JSONValue, name: String = "tariff") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let price = try reader.optionalPrice("price")
        let timeOfUse = reader.optional("time_of_use")
        let steps = reader.optional("steps")
        try reader.finish()
        if price != nil, timeOfUse != nil { throw reader.problem("price", "cannot stand beside time_of_use") }
        let base: Base
        if let timeOfUse {
            base = .timeOfUse(try TimeOfUse(json: timeOfUse, name: "\(name).time_of_use"))
        } else {
            guard let price = price ?? (steps == nil ? nil : .free) else {
                throw reader.problem("price", "is missing, and so are time_of_use and steps")
            }
            base = .flat(price)
        }
        let read: StepPrices? = if let steps { try StepPrices(json: steps, name: "\(name).steps") } else { nil }
        do { try self.init(base, steps: read) } catch { throw FieldProblem(error, in: name) }
    }
}

extension TariffSchedule {
    /// `{"current": tariff, "changes": [{"at_ms": …, "tariff": tariff}]}`
    public var json: JSONValue {
        .object([
            "current": current.json,
            "changes": .array(
                changes.map {
                    .object(["at_ms": .integer($0.at.millisecondsSince1970), "tariff": $0.tariff.json])
                }),
        ])
    }

    public init(json: JSONValue, name: String = "tariff") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let current = try Tariff(json: try reader.value("current"), name: "\(name).current")
        var changes: [Change] = []
        for (index, entry) in try reader.list("changes", most: Self.largestChangeCount).enumerated() {
            let place = "\(name).changes[\(index + 1)]"
            var change = try ObjectReader(entry, name: place)
            let at = WallTime(millisecondsSince1970: try change.integer("at_ms"))
            changes.append(
                Change(at: at, tariff: try Tariff(json: try change.value("tariff"), name: "\(place).tariff")))
            try change.finish()
        }
        try reader.finish()
        do { try self.init(current: current, changes: changes) } catch { throw FieldProblem(error, in: name) }
    }
}

extension StepPrices {
    /// Thresholds in Wh (or litres); the period is `{"month_day": 1}` or `{"year_day": "01-01"}`.
    var json: JSONValue {
        let period: [String: JSONValue] =
            switch period {
            case .month(let day): ["month_day": .integer(Int64(day))]
            case .year(let day): ["year_day": .string(day.description)]
            }
        return .object([
            "thresholds": .array(thresholds.map(JSONValue.integer)),
            "prices": .array(prices.map { .string($0.description) }), "period": .object(period),
        ])
    }

    init(json: JSONValue, name: String) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        var thresholds: [Int64] = []
        for (index, entry) in try reader.list("thresholds", most: 64).enumerated() {
            guard let threshold = entry.integer else {
                throw reader.problem("thresholds[\(index + 1)]", "is not a whole number of Wh or litres")
            }
            thresholds.append(threshold)
        }
        let prices = try reader.texts("prices", most: 64, rule: ObjectReader.priceRule) { Price(decimal: $0) }
        var period = try ObjectReader(try reader.value("period"), name: "\(name).period")
        let monthDay = try period.optionalInteger("month_day")
        let yearDay = try period.optionalText("year_day", longest: 16)
        try period.finish()
        try reader.finish()
        let read: SettlementPeriod
        switch (monthDay, yearDay) {
        case (let day?, nil): read = .month(day: Int(clamping: day))
        case (nil, let text?):
            guard let day = MonthDay(text: text) else { throw period.problem("year_day", value: text, MonthDay.rule) }
            read = .year(day)
        default: throw period.problem("month_day", "give either month_day or year_day")
        }
        do { try self.init(thresholds: thresholds, prices: prices, period: read) } catch {
            throw FieldProblem(error)
        }
    }
}

extension MonthDay {
    static let rule = "is not a day of the year like 06-01"

    /// Reads `06-01`, nothing else; nil for a day that no year has.
    init?(text: String) {
        // 2000 is a leap year.
        guard let date = CivilDate(iso: "2000-\(text)") else { return nil }
        self.init(date)
    }
}
