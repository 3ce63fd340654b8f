public import Metering
public import Prepaid

extension ObjectReader {
    /// - Returns: nil where the field is not there.
    public mutating func optionalBoolean(_ field: String) throws(FieldProblem) -> Bool? {
        guard let value = optional(field) else { return nil }
        guard let boolean = value.boolean else { throw problem(field, "is neither true nor false") }
        return boolean
    }

    /// A list; empty where the field is not there.
    public mutating func list(_ field: String, most: Int) throws(FieldProblem) -> [JSONValue] {
        guard let value = optional(field) else { return [] }
        guard let list = value.array else { throw problem(field, "is not a list") }
        guard list.count <= most else {
            throw problem(field, value: String(list.count), "at most \(most) entries can be taken")
        }
        return list
    }

    /// A list of text that `read` turns into values; `rule` says what each must be.
    public mutating func texts<Value>(
        _ field: String, most: Int, rule: String, _ read: (String) -> Value?
    ) throws(FieldProblem) -> [Value] {
        var values: [Value] = []
        for (index, entry) in try list(field, most: most).enumerated() {
            guard let text = entry.string, let value = read(text) else {
                throw problem("\(field)[\(index + 1)]", value: String(entry.canonicalText.prefix(64)), rule)
            }
            values.append(value)
        }
        return values
    }

    /// Names of things, at least one, none twice.
    public mutating func identifiers<Subject>(
        _ field: String, _: Subject.Type, most: Int
    ) throws(FieldProblem) -> [Identifier<Subject>] {
        let names = try texts(field, most: most, rule: "must be \(Identifier<Subject>.rule)") {
            Identifier<Subject>(rawValue: $0)
        }
        guard !names.isEmpty else { throw problem(field, "names nothing") }
        guard Set(names).count == names.count else { throw problem(field, "names something twice") }
        return names
    }

    public mutating func optionalIdentifier<Subject>(
        _ field: String, _ subject: Subject.Type
    ) throws(FieldProblem) -> Identifier<Subject>? {
        guard optional(field) != nil else { return nil }
        return try identifier(field, subject)
    }

    public mutating func optionalMoney(_ field: String) throws(FieldProblem) -> Money? {
        guard let text = try optionalText(field, longest: 32) else { return nil }
        guard let money = Money(decimal: text) else {
            throw problem(field, value: text, "is not decimal text like \"12.50\"")
        }
        return money
    }

    /// Decimal text with at most six digits after the point: `"12.50"`.
    public mutating func money(_ field: String) throws(FieldProblem) -> Money {
        _ = try value(field)
        guard let money = try optionalMoney(field) else { throw problem(field, "is missing") }
        return money
    }

    public mutating func optionalPrice(_ field: String) throws(FieldProblem) -> Price? {
        guard let text = try optionalText(field, longest: 32) else { return nil }
        guard let price = Price(decimal: text) else { throw problem(field, value: text, Self.priceRule) }
        return price
    }

    /// Decimal text with at most four digits after the point: `"0.6180"`.
    public mutating func price(_ field: String) throws(FieldProblem) -> Price {
        _ = try value(field)
        guard let price = try optionalPrice(field) else { throw problem(field, "is missing") }
        return price
    }

    static let priceRule = "is not a price like \"0.6180\" per kWh, 0 to 100000"

    /// `"07:30"`
    public mutating func minute(_ field: String) throws(FieldProblem) -> MinuteOfDay {
        let text = try text(field, longest: 16)
        guard let minute = MinuteOfDay(text: text) else {
            throw problem(field, value: text, "is not a time of day, 00:00 to 23:59")
        }
        return minute
    }

    /// `"2026-02-28"`
    public mutating func date(_ field: String) throws(FieldProblem) -> CivilDate {
        let text = try text(field, longest: 16)
        guard let date = CivilDate(iso: text) else { throw problem(field, value: text, Self.dateRule) }
        return date
    }

    static let dateRule = "is not a date that exists, like 2026-02-28"

    public mutating func optionalMoment(_ field: String) throws(FieldProblem) -> WallTime? {
        try optionalInteger(field).map { WallTime(millisecondsSince1970: $0) }
    }

    /// A length of time in milliseconds, at most a day.
    public mutating func optionalDuration(_ field: String) throws(FieldProblem) -> Duration? {
        guard let milliseconds = try optionalInteger(field) else { return nil }
        guard (0...86_400_000).contains(milliseconds) else {
            throw problem(field, value: String(milliseconds), "must be 0 to 86400000 ms")
        }
        return .milliseconds(milliseconds)
    }

    /// A number that counts things in the core.
    mutating func count(_ field: String) throws(FieldProblem) -> Int {
        Int(clamping: try integer(field))
    }
}

extension FieldProblem {
    /// The first of several, with the others in its reason.
    /// - Parameter place: where their fields stand; nil where they say so themselves.
    public init(_ problems: SettingProblems, in place: String? = nil) {
        let first = problems.problems.first
        let others = problems.problems.dropFirst().map(\.description).joined(separator: "; ")
        self.init(
            field: [place, first?.field].compactMap(\.self).joined(separator: "."), value: first?.value,
            reason: (first?.reason ?? "is refused") + (others.isEmpty ? "" : "; " + String(others.prefix(400))))
    }
}
