import Metering
import Prepaid

/// What is wrong with one line of a scenario, or what did not come out as it expects.
struct ScenarioProblem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The words of one line, taken from left to right.
struct ScenarioWords {
    private var rest: ArraySlice<String>

    /// Everything from `#` on is a remark.
    init(line: Substring) {
        let text = line.prefix { $0 != "#" }
        rest = text.split(whereSeparator: \.isWhitespace).map(String.init)[...]
    }

    var isEmpty: Bool { rest.isEmpty }
    var first: String? { rest.first }

    mutating func next(_ what: String) throws -> String {
        guard let word = rest.popFirst() else { throw ScenarioProblem("the line ends where \(what) should stand") }
        return word
    }

    /// Takes the next word where it is this one.
    mutating func take(_ word: String) -> Bool {
        guard rest.first == word else { return false }
        rest.removeFirst()
        return true
    }

    mutating func require(_ word: String) throws {
        let found = try next("'\(word)'")
        guard found == word else { throw ScenarioProblem("'\(found)' should be '\(word)'") }
    }

    func end() throws {
        if let word = rest.first { throw ScenarioProblem("'\(word)' is not understood here") }
    }

    mutating func value<Value>(_ what: String, _ read: (String) -> Value?) throws -> Value {
        let word = try next(what)
        guard let value = read(word) else { throw ScenarioProblem("'\(word)' is no \(what)") }
        return value
    }

    mutating func oneOf<Value: RawRepresentable & CaseIterable>(
        _ what: String, _ type: Value.Type
    ) throws -> Value where Value.RawValue == String {
        let word = try next(what)
        guard let value = Value(rawValue: word) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw ScenarioProblem("'\(word)' is no \(what); there are \(known)")
        }
        return value
    }

    mutating func money() throws -> Money { try value("amount of money", Money.init(decimal:)) }
    mutating func price() throws -> Price { try value("price", Price.init(decimal:)) }
    mutating func integer() throws -> Int64 { try value("whole number") { Int64($0) } }
    mutating func minute() throws -> MinuteOfDay { try value("time of day", MinuteOfDay.init(text:)) }
    mutating func date() throws -> CivilDate { try value("date", CivilDate.init(iso:)) }
    mutating func rate() throws -> Rate { try value("rate", Rate.init(name:)) }

    mutating func monthDay() throws -> MonthDay {
        try value("day of the year (06-01)") { text in
            let parts = text.split(separator: "-").compactMap { Int($0) }
            return parts.count == 2 ? MonthDay(month: parts[0], day: parts[1]) : nil
        }
    }

    /// `22:00-07:00`
    mutating func period() throws -> DailyPeriod {
        try value("period of the day (22:00-07:00)") { text in
            let parts = text.split(separator: "-").map { MinuteOfDay(text: String($0)) }
            guard parts.count == 2, let from = parts[0], let to = parts[1] else { return nil }
            return DailyPeriod(from: from, to: to)
        }
    }

    /// `12.5 kWh`, `300 Wh`, `1.25 m3`, `80 L`: Wh or litres.
    mutating func quantity() throws -> Int64 {
        let number = try next("quantity")
        let unit = try next("unit of \(number)")
        let digits = ["kWh": 3, "m3": 3, "Wh": 0, "L": 0][unit]
        guard let digits, let value = FixedPoint.parse(number, fractionDigits: digits) else {
            throw ScenarioProblem("'\(number) \(unit)' is no quantity in kWh, Wh, m3 or L")
        }
        return value
    }

    /// `2.5 kW`, `300 W`: mW.
    mutating func power() throws -> Int64 {
        let number = try next("power")
        let unit = try next("unit of \(number)")
        let digits = ["kW": 6, "W": 3][unit]
        guard let digits, let value = FixedPoint.parse(number, fractionDigits: digits) else {
            throw ScenarioProblem("'\(number) \(unit)' is no power in kW or W")
        }
        return value
    }

    /// `500ms`, `5s`, `10m`, `2h`, `3d`.
    /// `with 300 var`, in mvar; nil where the meter does not say.
    mutating func reactivePower() throws -> Int64? {
        guard take("with") else { return nil }
        let amount = try integer()
        try require("var")
        return amount * 1_000
    }

    mutating func duration() throws -> Duration { try value("duration (5s, 10m, 2h)", Self.duration) }

    static func duration(_ text: String) -> Duration? {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        for (unit, milliseconds) in units where text.hasSuffix(unit) {
            guard let number = Int64(text.dropLast(unit.count)), number >= 0, number < 1_000_000 else { continue }
            return .milliseconds(number * milliseconds)
        }
        return nil
    }

    /// `C1`, or `C1..C30`.
    mutating func names(_ what: String) throws -> [String] {
        let word = try next(what)
        let ends = word.split(separator: "..", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return [word] }
        let (first, last) = (ends[0], ends[1])
        let stem = first.prefix { !$0.isNumber }
        guard last.hasPrefix(stem), let from = Int(first.dropFirst(stem.count)),
            let to = Int(last.dropFirst(stem.count)), from <= to, to - from < 1_000
        else { throw ScenarioProblem("'\(word)' is no range of names like C1..C30") }
        return (from...to).map { "\(stem)\($0)" }
    }

    mutating func circuits() throws -> [CircuitID] {
        try names("circuit").map { name in
            guard let id = CircuitID(rawValue: name) else { throw ScenarioProblem("'\(name)' is no circuit's name") }
            return id
        }
    }

    mutating func account() throws -> AccountID { try value("account", AccountID.init(rawValue:)) }

    /// What is left of the line, as it stands.
    mutating func all() -> [String] {
        defer { rest = [] }
        return Array(rest)
    }
}
