private import Metering
public import Prepaid

extension TimerTable {
    /// `{"workday": [{"start": "07:00", "action": "on"}, …], "holiday": […]}`; the action `night_mode` has
    /// `cap_mw`. An unused table is `{}`.
    public var json: JSONValue {
        guard !isUnused else { return .object([:]) }
        return .object([
            "workday": .array(workday.map(\.json)), "holiday": .array(holiday.map(\.json)),
        ])
    }

    public init(json: JSONValue, name: String = "timer") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let workday = try Self.switches("workday", of: &reader)
        let holiday = try Self.switches("holiday", of: &reader)
        try reader.finish()
        if workday.isEmpty, holiday.isEmpty {
            self = .unused
            return
        }
        do { try self.init(workday: workday, holiday: holiday) } catch { throw FieldProblem(error) }
    }

    private static func switches(
        _ field: String, of reader: inout ObjectReader
    ) throws(FieldProblem) -> [TimerSwitch] {
        var switches: [TimerSwitch] = []
        for (index, entry) in try reader.list(field, most: 64).enumerated() {
            switches.append(try TimerSwitch(json: entry, name: "\(reader.name).\(field)[\(index + 1)]"))
        }
        return switches
    }
}

extension TimerSwitch {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = ["start": .string(start.description)]
        switch action {
        case .on: members["action"] = .string("on")
        case .off: members["action"] = .string("off")
        case .nightMode(let cap):
            members["action"] = .string("night_mode")
            members["cap_mw"] = .integer(cap)
        }
        return .object(members)
    }

    fileprivate init(json: JSONValue, name: String) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let start = try reader.minute("start")
        let word = try reader.text("action", longest: 16)
        let action: TimerAction
        switch word {
        case "on": action = .on
        case "off": action = .off
        case "night_mode": action = .nightMode(capMilliwatts: try reader.integer("cap_mw"))
        default: throw reader.problem("action", value: word, "is none of on, off, night_mode")
        }
        try reader.finish()
        self.init(start: start, action: action)
    }
}

extension SiteCalendar {
    /// `{"rest_days": ["saturday", "sunday"], "holidays": ["2026-10-01"], "working_days": ["2026-10-10"]}`
    public var json: JSONValue {
        func dates(_ dates: Set<CivilDate>) -> JSONValue { .array(dates.sorted().map { .string($0.description) }) }
        return .object([
            "rest_days": .array(
                restDays.sorted { $0.rawValue < $1.rawValue }.map { .string($0.name) }),
            "holidays": dates(holidays), "working_days": dates(workingDays),
        ])
    }

    public init(json: JSONValue, name: String = "calendar") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        var restDays: Set<Weekday> = [.saturday, .sunday]
        if reader.optional("rest_days") != nil {
            restDays = Set(
                try reader.texts("rest_days", most: 7, rule: "is no day of the week, monday to sunday") { text in
                    Weekday.allCases.first { $0.name == text }
                })
        }
        func dates(_ field: String) throws(FieldProblem) -> Set<CivilDate> {
            Set(
                try reader.texts(field, most: 2 * Self.largestCount, rule: ObjectReader.dateRule) {
                    CivilDate(iso: $0)
                })
        }
        let holidays = try dates("holidays")
        let workingDays = try dates("working_days")
        try reader.finish()
        do { try self.init(restDays: restDays, holidays: holidays, workingDays: workingDays) } catch {
            throw FieldProblem(error, in: name)
        }
    }
}

extension Weekday {
    /// `monday` … `sunday`
    var name: String {
        switch self {
        case .monday: "monday"
        case .tuesday: "tuesday"
        case .wednesday: "wednesday"
        case .thursday: "thursday"
        case .friday: "friday"
        case .saturday: "saturday"
        case .sunday: "sunday"
        }
    }
}

extension ProtectedPeriods {
    /// `{"workday": [{"from": "21:00", "to": "07:00"}], "holiday": […], "whole_days": ["holiday"]}`
    public var json: JSONValue {
        func periods(_ periods: [DailyPeriod]) -> JSONValue {
            .array(
                periods.map {
                    .object(["from": .string($0.from.description), "to": .string($0.to.description)])
                })
        }
        return .object([
            "workday": periods(workday), "holiday": periods(holiday),
            "whole_days": .array(wholeDays.map(\.rawValue).sorted().map(JSONValue.string)),
        ])
    }

    public init(json: JSONValue, name: String) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        func periods(_ field: String) throws(FieldProblem) -> [DailyPeriod] {
            var periods: [DailyPeriod] = []
            for (index, entry) in try reader.list(field, most: 64).enumerated() {
                var period = try ObjectReader(entry, name: "\(name).\(field)[\(index + 1)]")
                periods.append(DailyPeriod(from: try period.minute("from"), to: try period.minute("to")))
                try period.finish()
            }
            return periods
        }
        let workday = try periods("workday")
        let holiday = try periods("holiday")
        let wholeDays = try reader.texts("whole_days", most: 3, rule: "is none of workday, weekend, holiday") {
            DayKind(rawValue: $0)
        }
        try reader.finish()
        do { try self.init(workday: workday, holiday: holiday, wholeDays: Set(wholeDays)) } catch {
            throw FieldProblem(error)
        }
    }
}
