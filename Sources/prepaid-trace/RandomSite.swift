import Metering
import Prepaid
import TimeZoneFixtures

/// A site of four accounts with one to three circuits each, on which anything may happen.
struct RandomSite {
    var generator: SplitMix
    let zone: TimeZoneTable
    let calendar: SiteCalendar
    var clock: RandomClock
    var groups: [SupplyGroup] = []
    var meters: [CircuitID: RandomMeter] = [:]
    /// What a start of the daemon finds: the posted counters, and the accepted ones of a while ago.
    var posted: [CircuitID: CounterMark] = [:]
    var accepted: [CircuitID: CounterMark] = [:]
    var ledger = TraceLedger()
    /// All accounts are posted once a day.
    var settleAt: WallTime
    let description: String

    init(seed: UInt64) throws {
        generator = SplitMix(seed: seed)
        zone = try ZoneFixture.table(ZoneFixture.names[Int(seed) % ZoneFixture.names.count])
        let first = CivilDate(daysSince1970: Int(generator.number(19_500...20_500)))
        calendar = try Self.calendar(from: first, &generator)
        clock = RandomClock(start: zone.startOfDay(first) + .seconds(generator.number(0...86_400)))
        settleAt = clock.time + .seconds(86_400)
        var accounts: [String] = []
        for number in 1...4 {
            let account = try Self.account(number, calendar, first, &generator)
            var circuits: [CircuitState] = []
            for place in 1...generator.number(1...3) {
                let circuit = try Self.circuit("C\(number)\(place)", of: account.id, &generator)
                circuits.append(
                    CircuitState(circuit: circuit, posted: nil, lastAccepted: nil, memory: BreakerMemory()))
                meters[circuit.id] = RandomMeter(
                    rules: circuit.counter, register: generator.number(1...90_000), at: clock.time)
            }
            accounts.append(Self.describe(account, circuits.map(\.circuit)))
            groups.append(SupplyGroup(account: account, circuits: circuits))
        }
        description = JSONText.object([
            ("zone", JSONText.string(zone.name)),
            ("holidays", JSONText.array(calendar.holidays.sorted().map { JSONText.string($0) })),
            ("working_days", JSONText.array(calendar.workingDays.sorted().map { JSONText.string($0) })),
            ("accounts", JSONText.array(accounts)),
        ])
    }

    var conditions: SiteConditions {
        SiteConditions(isLedgerUsable: true, staleAfter: .seconds(60), calendar: calendar, zone: zone)
    }

    private static func calendar(from first: CivilDate, _ generator: inout SplitMix) throws -> SiteCalendar {
        var holidays: Set<CivilDate> = []
        var workingDays: Set<CivilDate> = []
        for _ in 0..<30 {
            holidays.insert(first.adding(days: Int(generator.number(0...400))))
            workingDays.insert(first.adding(days: Int(generator.number(0...400))))
        }
        return try SiteCalendar(holidays: holidays, workingDays: workingDays.subtracting(holidays))
    }

    private static func account(
        _ number: Int, _ calendar: SiteCalendar, _ day: CivilDate, _ generator: inout SplitMix
    ) throws -> Account {
        guard let id = AccountID(rawValue: "A\(number)") else { throw TraceProblem() }
        let hundred = Money(microunits: 100_000_000)
        let settings = try AccountSettings(
            price: RandomTariff.price(&generator), alarm1: hundred, alarm2: .zero,
            hoardingCap: Money(microunits: 2_000_000_000))
        // One has the flat price of its settings, the others a tariff.
        let tariff = try RandomTariff.tariff(&generator, calendar: calendar, near: day)
        return Account(
            id: id, customerNumber: "N\(number)", issuer: "platform",
            balance: Money(microunits: generator.number(-5_000_000...900_000_000)),
            carryTenths: generator.number(0...9), lastRechargeNumber: generator.number(0...20), settings: settings,
            tariff: number == 1 ? nil : TariffSchedule(current: tariff))
    }

    private static func circuit(
        _ name: String, of account: AccountID, _ generator: inout SplitMix
    ) throws -> SiteCircuit {
        guard let id = CircuitID(rawValue: name), let meter = MeterID(rawValue: "M\(name)") else {
            throw TraceProblem()
        }
        return SiteCircuit(
            id: id, account: account, meter: meter, commodity: .electricity, counter: counter(&generator), breaker: nil)
    }

    static func counter(_ generator: inout SplitMix) -> CounterRules {
        let step: Int64 = generator.once(in: 2) ? 10 : 1
        // At its rated power no circuit goes round this in a day, after which at the latest it is posted.
        let modulus: Int64? = generator.once(in: 3) ? nil : 1_000_000
        return CounterRules(modulus: modulus, step: step, ratedPerHour: generator.number(1_000...20_000))
    }

    private static func describe(_ account: Account, _ circuits: [SiteCircuit]) -> String {
        JSONText.object([
            ("id", JSONText.string(account.id)), ("customer", JSONText.string(account.customerNumber)),
            ("balance", "\(account.balance.microunits)"), ("carry", "\(account.carryTenths)"),
            ("last_recharge", "\(account.lastRechargeNumber)"),
            ("price", "\(account.settings.price.tenThousandths)"),
            ("cap", "\(account.settings.hoardingCap.microunits)"),
            ("tariff", account.tariff?.current.json ?? "null"),
            (
                "circuits",
                JSONText.array(circuits.map { "[\(JSONText.string($0.id)),\($0.counter.json)]" })
            ),
        ])
    }
}

extension CounterRules {
    /// `[modulus, step, rated]`
    var json: String { "[\(JSONText.optional(modulus)),\(step),\(ratedPerHour)]" }
}
