import Metering
import Prepaid
import Testing
import UplinkProtocol

private let timeOfUse = """
    {"time_of_use":{"fallback_rate":"flat","next":{"date":"2027-01-01","timetable":{"day_tables":[[{"rate":"valley",\
    "start":"00:00"}]],"seasons":[]}},"prices":{"flat":"0.6180","peak":"1.0300","sharp":"1.2360","valley":"0.3090"},\
    "timetable":{"day_tables":[[{"rate":"valley","start":"00:00"},{"rate":"peak","start":"08:00"}],[{"rate":"flat",\
    "start":"06:30"}]],"seasons":[{"holiday":2,"start":"01-01","weekend":2,"workday":1},{"holiday":2,"start":"06-01",\
    "weekend":1,"workday":1}]}}}
    """
private let steps = """
    {"price":"0.5000","steps":{"period":{"month_day":1},"prices":["0.0000","0.0500","0.3000"],\
    "thresholds":[200000,400000]}}
    """
private let timer = """
    {"holiday":[{"action":"on","start":"00:00"}],"workday":[{"action":"on","start":"06:00"},{"action":"night_mode",\
    "cap_mw":200000,"start":"23:00"},{"action":"off","start":"23:30"}]}
    """
private let rules = """
    {"is_vulnerable":false,"protected":{"holiday":[],"whole_days":["holiday"],"workday":[{"from":"21:00",\
    "to":"07:00"}]},"reminds_of_low_balance":true}
    """

@Suite("What is set, as JSON")
struct SettingsJSONTests {
    private func parse(_ text: String) throws -> JSONValue { try StrictJSON.parse(text) }

    @Test("documents are read and written byte for byte")
    func roundTrip() throws {
        #expect(try Tariff(json: parse(timeOfUse)).json.canonicalText == timeOfUse)
        #expect(try Tariff(json: parse(steps)).json.canonicalText == steps)
        #expect(try TimerTable(json: parse(timer)).json.canonicalText == timer)
        #expect(try AccountRules(json: parse(rules)).json.canonicalText == rules)
        let schedule = "{\"changes\":[{\"at_ms\":1800000000000,\"tariff\":\(timeOfUse)}],\"current\":\(steps)}"
        #expect(try TariffSchedule(json: parse(schedule)).json.canonicalText == schedule)
        let calendar = """
            {"holidays":["2026-10-01","2026-10-02"],"rest_days":["friday","sunday"],"working_days":["2026-10-10"]}
            """
        #expect(try SiteCalendar(json: parse(calendar)).json.canonicalText == calendar)
        let switching = """
            {"guarantee_outranks_lockouts":true,"minimum_dwell_ms":30000,"needs_user_to_close":true,"power_up":"open",\
            "travel_ms":12000}
            """
        #expect(try SwitchingRules(json: parse(switching)).json.canonicalText == switching)
        let usage = "{\"current\":{\"quantity\":12345,\"start\":\"2026-11-01\"},\"undated\":7}"
        #expect(try PeriodUsage(json: parse(usage)).json.canonicalText == usage)
        let settings = """
            {"alarm_1":"20.000000","alarm_2":"5.000000","hoarding_cap":"500.000000","hysteresis":"0.500000",\
            "minimum_to_reclose":"1.000000","overdraft_limit":"3.000000","price":"0.6180"}
            """
        #expect(try AccountSettings(json: parse(settings)).json.canonicalText == settings)
    }

    @Test("safety settings are read and written byte for byte; what is left out is usual")
    func protection() throws {
        let overload = """
            {"clear_after_ms":7200000,"delay_ms":8000,"limit_mw":2200000,"release":{"delay_ms":60000,"per_day":2}}
            """
        #expect(try OverloadSettings(json: parse(overload)).json.canonicalText == overload)
        let malignant = """
            {"allowed":[{"name":"iron","power_factor_millionths":999000,"power_mw":1100000,\
            "tolerance_thousandths":100}],"bands":[{"from_mw":300000,"to_mw":9000000}],"chopped_mode":"trip",\
            "dwell_ms":9000,"mode":"trip","power_factor_limit_millionths":996000,"power_only_mode":"off",\
            "release":{"delay_ms":60000,"per_day":3}}
            """
        #expect(try MalignantLoadSettings(json: parse(malignant)).json.canonicalText == malignant)
        let usual = try MalignantLoadSettings(json: parse("{\"mode\":\"alarm\"}"))
        #expect(usual == (try MalignantLoadSettings(mode: .alarm)))
        let problem = #expect(throws: FieldProblem.self) { try OverloadSettings(json: parse("{\"limit_mw\":0}")) }
        #expect(problem?.field == "overload.limit")
    }

    @Test("an unused timer is an empty object, steps alone are added to nothing")
    func short() throws {
        #expect(try TimerTable(json: parse("{}")) == .unused)
        #expect(TimerTable.unused.json.canonicalText == "{}")
        let tariff = try Tariff(json: parse(steps.replacing("\"price\":\"0.5000\",", with: "")))
        #expect(tariff.base == .flat(.free))
    }

    @Test(
        "what is wrong with a tariff is said with field, value and reason",
        arguments: [
            (timeOfUse, "\"rate\":\"peak\"", "\"rate\":\"dear\"", "tariff.time_of_use.timetable.day_tables[1][2].rate"),
            (timeOfUse, "\"08:00\"", "\"00:00\"", "tariff.time_of_use.timetable.day_tables[1].start"),
            (timeOfUse, "\"08:00\"", "\"24:00\"", "tariff.time_of_use.timetable.day_tables[1][2].start"),
            (timeOfUse, "\"06-01\"", "\"02-30\"", "tariff.time_of_use.timetable.seasons[2].start"),
            (timeOfUse, "\"2027-01-01\"", "\"2027-02-29\"", "tariff.time_of_use.next.date"),
            (timeOfUse, "\"1.2360\"", "\"-1\"", "tariff.time_of_use.prices.sharp"),
            (timeOfUse, "\"workday\":1}]", "\"workday\":9}]", "tariff.time_of_use.timetable.seasons[2].workday"),
            (steps, "200000,400000", "400000,200000", "step.thresholds[2]"),
            (steps, "\"0.0500\",", "", "step.prices"),
            (steps, "\"month_day\":1", "\"month_day\":29", "step.settlement_day"),
            (steps, "\"month_day\":1", "\"year_day\":\"13-01\"", "tariff.steps.period.year_day"),
            (steps, "\"0.5000\"", "\"0.50001\"", "tariff.price"),
        ])
    func refusedTariff(document: String, old: String, new: String, field: String) throws {
        try #require(document.contains(old))
        let json = try parse(document.replacing(old, with: new))
        let problem = #expect(throws: FieldProblem.self) { try Tariff(json: json) }
        #expect(problem?.field == field)
        #expect(problem?.value != nil)
    }

    @Test(
        "what is wrong with a timer is said too",
        arguments: [
            ("\"23:30\"", "\"22:00\"", "timer.workday.start"), ("\"off\"", "\"out\"", "timer.workday[3].action"),
            ("200000", "0", "timer.workday.cap"), ("\"cap_mw\":200000,", "", "timer.workday[2].cap_mw"),
            ("\"holiday\":[{\"action\":\"on\",\"start\":\"00:00\"}],", "", "timer.holiday"),
        ])
    func refusedTimer(old: String, new: String, field: String) throws {
        try #require(timer.contains(old))
        let json = try parse(timer.replacing(old, with: new))
        #expect(#expect(throws: FieldProblem.self) { try TimerTable(json: json) }?.field == field)
    }

    @Test("periods that overlap, days that do not exist, settings that contradict one another")
    func refusedOthers() throws {
        let overlap = rules.replacing(
            "\"to\":\"07:00\"}", with: "\"to\":\"23:00\"},{\"from\":\"22:00\",\"to\":\"23:30\"}")
        #expect(
            #expect(throws: FieldProblem.self) { try AccountRules(json: parse(overlap)) }?.field.contains("protected")
                == true)
        let date = "{\"holidays\":[\"2026-02-30\"]}"
        #expect(
            #expect(throws: FieldProblem.self) { try SiteCalendar(json: parse(date)) }?.field == "calendar.holidays[1]")
        let settings = "{\"price\":\"1\",\"alarm_1\":\"5\",\"alarm_2\":\"20\",\"hoarding_cap\":\"100\"}"
        let problem = #expect(throws: FieldProblem.self) { try AccountSettings(json: parse(settings)) }
        #expect(problem?.field == "settings.alarm_2")
        #expect(problem?.value == "20.00")
    }
}
