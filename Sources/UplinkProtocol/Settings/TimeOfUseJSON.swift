internal import Metering
internal import Prepaid

extension TimeOfUse {
    /// Without the calendar, which is the site's.
    var json: JSONValue {
        let named = Rate.allCases.map { ($0.name, JSONValue.string(prices[$0].description)) }
        var members: [String: JSONValue] = [
            "prices": .object(Dictionary(uniqueKeysWithValues: named)), "timetable": timetable.json,
            "fallback_rate": .string(fallbackRate.name),
        ]
        if let next {
            members["next"] = .object(["date": .string(next.date.description), "timetable": next.timetable.json])
        }
        return .object(members)
    }

    init(json: JSONValue, name: String) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        var prices = try ObjectReader(try reader.value("prices"), name: "\(name).prices")
        let perRate = PerRate(
            sharp: try prices.price("sharp"), peak: try prices.price("peak"), flat: try prices.price("flat"),
            valley: try prices.price("valley"))
        try prices.finish()
        let timetable = try Timetable(json: try reader.value("timetable"), name: "\(name).timetable")
        var next: Switch?
        if let value = reader.optional("next") {
            var change = try ObjectReader(value, name: "\(name).next")
            next = Switch(
                date: try change.date("date"),
                timetable: try Timetable(json: try change.value("timetable"), name: "\(name).next.timetable"))
            try change.finish()
        }
        let fallback = try reader.optionalText("fallback_rate", longest: 16)
        guard let rate = Rate(name: fallback ?? Rate.flat.name) else {
            throw reader.problem("fallback_rate", value: fallback, Rate.rule)
        }
        try reader.finish()
        self.init(prices: perRate, timetable: timetable, next: next, fallbackRate: rate)
    }
}

extension Rate {
    static let rule = "is none of sharp, peak, flat, valley"
}

extension Timetable {
    /// `{"day_tables": [[{"start": "00:00", "rate": "valley"}, …]], "seasons": […]}`; one table without seasons
    /// is every day's.
    var json: JSONValue {
        .object([
            "day_tables": .array(
                dayTables.map { slots in
                    .array(
                        slots.map { slot in
                            .object([
                                "start": .string(slot.start.description), "rate": .string(slot.rate.name),
                            ])
                        })
                }),
            "seasons": .array(
                seasons.map { season in
                    .object([
                        "start": .string(season.start.description), "workday": .integer(Int64(season.workdayTable)),
                        "weekend": .integer(Int64(season.weekendTable)),
                        "holiday": .integer(Int64(season.holidayTable)),
                    ])
                }),
        ])
    }

    init(json: JSONValue, name: String) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        var tables: [[TariffSlot]] = []
        for (index, entry) in try reader.list("day_tables", most: 64).enumerated() {
            tables.append(try Self.slots(entry, name: "\(name).day_tables[\(index + 1)]"))
        }
        var seasons: [TariffSeason] = []
        for (index, entry) in try reader.list("seasons", most: 64).enumerated() {
            seasons.append(try TariffSeason(json: entry, name: "\(name).seasons[\(index + 1)]"))
        }
        try reader.finish()
        do {
            if seasons.isEmpty, tables.count == 1 {
                try self.init(everyDay: tables[0])
            } else {
                try self.init(seasons: seasons, dayTables: tables, field: name)
            }
        } catch { throw FieldProblem(error) }
    }

    private static func slots(_ json: JSONValue, name: String) throws(FieldProblem) -> [TariffSlot] {
        guard let entries = json.array, entries.count <= 64 else {
            throw FieldProblem(field: name, reason: "is not a list of at most \(largestSlotCount) slots")
        }
        var slots: [TariffSlot] = []
        for (index, entry) in entries.enumerated() {
            var reader = try ObjectReader(entry, name: "\(name)[\(index + 1)]")
            let start = try reader.minute("start")
            let text = try reader.text("rate", longest: 16)
            guard let rate = Rate(name: text) else { throw reader.problem("rate", value: text, Rate.rule) }
            try reader.finish()
            slots.append(TariffSlot(start: start, rate: rate))
        }
        return slots
    }
}

extension TariffSeason {
    fileprivate init(json: JSONValue, name: String) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let text = try reader.text("start", longest: 16)
        guard let start = MonthDay(text: text) else { throw reader.problem("start", value: text, MonthDay.rule) }
        self.init(
            start: start, workdayTable: try reader.count("workday"), weekendTable: try reader.count("weekend"),
            holidayTable: try reader.count("holiday"))
        try reader.finish()
    }
}
