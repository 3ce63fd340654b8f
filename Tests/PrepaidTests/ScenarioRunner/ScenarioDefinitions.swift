import Metering
import Prepaid
import TimeZoneFixtures

struct ScenarioAccount {
    var account: Account
    var rules = AccountRules()
}

struct ScenarioCircuit {
    var circuit: SiteCircuit
    var rules = CircuitRules.standard
}

/// What a scenario says before anything happens.
extension ScenarioRunner {
    static let definitions: Set<String> = [
        "zone", "holiday", "working", "table", "tariff", "account", "circuit", "timer", "stale", "closings",
    ]

    mutating func define(_ words: inout ScenarioWords) throws {
        let kind = try words.next("definition")
        switch kind {
        case "zone": site.clock.zone = try ZoneFixture.table(try words.next("zone"))
        case "holiday": try addDays(&words, holidays: true)
        case "working":
            try words.require("day")
            try addDays(&words, holidays: false)
        case "table": tables[try words.next("name of the table")] = try slots(&words)
        case "tariff": tariffs[try words.next("name of the tariff")] = try tariff(&words)
        case "account": try defineAccounts(&words)
        case "circuit": try defineCircuits(&words)
        case "timer": try defineTimer(&words)
        case "stale":
            try words.require("after")
            site.staleAfter = try words.duration()
        case "closings":
            try words.require("every")
            let planner = ClosingPlanner(gap: try words.duration())
            site.director = SwitchingDirector(closings: planner, cuts: MassGuard(circuitCount: 0))
        default: throw ScenarioProblem("'\(kind)' is no definition")
        }
    }

    /// Puts the site together, once.
    mutating func start() throws {
        guard !isStarted else { return }
        isStarted = true
        site.director?.cuts.circuitCount = circuits.count
        for account in accounts {
            let states = circuits.filter { $0.circuit.account == account.account.id }.map(state)
            site.add(SupplyGroup(account: account.account, circuits: states, rules: account.rules))
        }
        for circuit in circuits where circuit.circuit.account == nil {
            site.add(SupplyGroup(account: nil, circuits: [state(circuit)]))
        }
        if site.groups.isEmpty { throw ScenarioProblem("the scenario defines neither account nor circuit") }
    }

    private func state(_ circuit: ScenarioCircuit) -> CircuitState {
        CircuitState(
            circuit: circuit.circuit, posted: nil, lastAccepted: nil, memory: BreakerMemory(confirmed: .closed),
            rules: circuit.rules)
    }

    private mutating func addDays(_ words: inout ScenarioWords, holidays: Bool) throws {
        let date = try words.date()
        let calendar = site.calendar
        site.calendar = try SiteCalendar(
            restDays: calendar.restDays, holidays: holidays ? calendar.holidays.union([date]) : calendar.holidays,
            workingDays: holidays ? calendar.workingDays : calendar.workingDays.union([date]))
    }

    /// `06:00 flat 08:00 peak ...`
    private func slots(_ words: inout ScenarioWords) throws -> [TariffSlot] {
        var slots: [TariffSlot] = []
        while words.first?.contains(":") == true {
            slots.append(TariffSlot(start: try words.minute(), rate: try words.rate()))
        }
        return slots
    }

    private mutating func tariff(_ words: inout ScenarioWords) throws -> Tariff {
        let base = try base(&words)
        guard words.take("steps") else { return try Tariff(base) }
        var prices = [try words.price()]
        var thresholds: [Int64] = []
        while words.take("up") {
            try words.require("to")
            thresholds.append(try words.quantity())
            prices.append(try words.price())
        }
        try words.require("above")
        try words.require("from")
        let period: SettlementPeriod =
            words.take("day") ? .month(day: Int(try words.integer())) : .year(try words.monthDay())
        return try Tariff(base, steps: StepPrices(thresholds: thresholds, prices: prices, period: period))
    }

    private mutating func base(_ words: inout ScenarioWords) throws -> Tariff.Base {
        if words.first == "steps" { return .flat(.free) }
        if words.take("flat"), words.first != "peak", words.first != "valley" { return .flat(try words.price()) }
        try words.require("sharp")
        let sharp = try words.price()
        try words.require("peak")
        let peak = try words.price()
        try words.require("flat")
        let flat = try words.price()
        try words.require("valley")
        let prices = PerRate(sharp: sharp, peak: peak, flat: flat, valley: try words.price())
        let timetable = try timetable(&words)
        var next: TimeOfUse.Switch?
        if words.take("switch") {
            next = TimeOfUse.Switch(date: try words.date(), timetable: try self.timetable(&words))
        }
        let fallback = words.take("fallback") ? try words.rate() : .flat
        return .timeOfUse(
            TimeOfUse(
                prices: prices, timetable: timetable, next: next, calendar: site.calendar, fallbackRate: fallback))
    }

    /// `every day TABLE`, or `season 01-01 TABLE [weekend TABLE] [holiday TABLE]` as often as there are seasons.
    private func timetable(_ words: inout ScenarioWords) throws -> Timetable {
        func table() throws -> [TariffSlot] {
            try words.value("table that is defined above") { tables[$0] }
        }
        if words.take("every") {
            try words.require("day")
            return try Timetable(everyDay: table())
        }
        var seasons: [TariffSeason] = []
        var dayTables: [[TariffSlot]] = []
        while words.take("season") {
            let start = try words.monthDay()
            dayTables.append(try table())
            let workday = dayTables.count
            if words.take("weekend") { dayTables.append(try table()) }
            let weekend = dayTables.count
            if words.take("holiday") { dayTables.append(try table()) }
            seasons.append(
                TariffSeason(
                    start: start, workdayTable: workday, weekendTable: weekend, holidayTable: dayTables.count))
        }
        return try Timetable(seasons: seasons, dayTables: dayTables)
    }

    private mutating func defineAccounts(_ words: inout ScenarioWords) throws {
        let names = try words.names("account")
        var balance = Money.zero
        var customer: String?
        var lastRecharge: Int64 = 0
        var change = AccountSettingsChange()
        var schedule: TariffSchedule?
        var rules = AccountRules()
        while let word = words.first {
            if try change.take(&words) { continue }
            _ = try words.next("word")
            switch word {
            case "balance": balance = try words.money()
            case "customer": customer = try words.next("customer number")
            case "last": lastRecharge = try words.integer()
            case "tariff":
                schedule = TariffSchedule(current: try words.value("tariff that is defined above") { tariffs[$0] })
            case "vulnerable": rules.isVulnerable = true
            case "reminds": rules.remindsOfLowBalance = true
            case "protected": rules.protectedPeriods = try protectedPeriods(&words)
            default: throw ScenarioProblem("'\(word)' says nothing about an account")
            }
        }
        let settings = try change.applied(to: Self.defaults())
        for name in names {
            guard let id = AccountID(rawValue: name) else { throw ScenarioProblem("'\(name)' is no account's name") }
            let account = Account(
                id: id, customerNumber: customer ?? "C-\(name)", issuer: "platform", balance: balance,
                lastRechargeNumber: lastRecharge, settings: settings, tariff: schedule)
            accounts.append(ScenarioAccount(account: account, rules: rules))
        }
    }

    /// Price 1, alarms at 10 and 5, no overdraft, a cap of 1000.
    static func defaults() throws -> AccountSettings {
        guard let price = Price(decimal: "1"), let alarm1 = Money(decimal: "10"), let alarm2 = Money(decimal: "5"),
            let cap = Money(decimal: "1000")
        else { throw ScenarioProblem("the defaults are not what they should be") }
        return try AccountSettings(price: price, alarm1: alarm1, alarm2: alarm2, hoardingCap: cap)
    }

    /// `workday 22:00-07:00 holiday 08:00-10:00 whole holiday`
    private func protectedPeriods(_ words: inout ScenarioWords) throws -> ProtectedPeriods {
        var periods: [String: [DailyPeriod]] = [:]
        var whole: Set<DayKind> = []
        while let word = words.first, ["workday", "holiday", "whole"].contains(word) {
            _ = words.take(word)
            if word == "whole" {
                whole.insert(try words.oneOf("kind of day", DayKind.self))
            } else {
                repeat {
                    periods[word, default: []].append(try words.period())
                } while words.first?.first?.isNumber == true
            }
        }
        return try ProtectedPeriods(
            workday: periods["workday"] ?? [], holiday: periods["holiday"] ?? [], wholeDays: whole)
    }
}

extension AccountSettingsChange {
    /// Takes one setting where the next word is one: `price 0.6180`, `alarms 10 5`, `overdraft 5`, ...
    mutating func take(_ words: inout ScenarioWords) throws -> Bool {
        switch words.first {
        case "price":
            _ = words.take("price")
            price = try words.price()
        case "alarms":
            _ = words.take("alarms")
            alarm1 = try words.money()
            alarm2 = try words.money()
        case "hysteresis":
            _ = words.take("hysteresis")
            hysteresis = try words.money()
        case "overdraft":
            _ = words.take("overdraft")
            overdraftLimit = try words.money()
        case "recloses":
            _ = words.take("recloses")
            minimumToReclose = try words.money()
        case "cap":
            _ = words.take("cap")
            hoardingCap = try words.money()
        default: return false
        }
        return true
    }
}
