import ArgumentParser
import Glibc
import Metering
import Prepaid

struct EvaluationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluations",
        abstract: "Shows normal readings to one circuit with time-of-use and all protections on; CPU time of one core.")

    @Option(help: "Readings in one run.") var readings = 1_000_000
    @Option(help: "Runs; the median counts.") var runs = 5

    func run() throws {
        var rates: [Double] = []
        for _ in 0..<max(1, runs) {
            var circuit = try EvaluatedCircuit()
            let before = Self.processorSeconds()
            for _ in 0..<readings { circuit.read() }
            rates.append(Double(readings) / (Self.processorSeconds() - before))
            // A run that billed nothing measured nothing.
            guard circuit.postings > 0 else { throw ExitCode.failure }
        }
        rates.sort()
        print("figure evaluations_per_s \(Int(rates[rates.count / 2])) evaluations/s")
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// An account under time-of-use with one circuit: timer, friendly hours, reminder, overload and malignant load
/// all on, read every five seconds.
struct EvaluatedCircuit {
    private var group: SupplyGroup
    private let circuit: CircuitID
    private let site: SiteConditions
    private var seconds: Int64 = 0
    private var counter: Int64 = 1_000_000
    private(set) var postings = 0

    private static let firstWall: Int64 = 1_780_000_000_000

    init() throws {
        guard let circuit = CircuitID(rawValue: "C1"), let account = AccountID(rawValue: "A1"),
            let meter = MeterID(rawValue: "M1"), let bus = BusID(rawValue: "b1"),
            let unit = UnitAddress(bus: bus, unit: 1)
        else { throw ExitCode.failure }
        self.circuit = circuit
        let rules = try Self.rules()
        let state = CircuitState(
            circuit: SiteCircuit(
                id: circuit, account: account, meter: meter, commodity: .electricity,
                counter: CounterRules(modulus: 1_000_000_000, step: 10, ratedPerHour: 13_800),
                breaker: BreakerAddress(device: unit, point: 1)),
            posted: nil, lastAccepted: nil, memory: BreakerMemory(confirmed: .closed), rules: rules)
        // Daylight saving, so that the zone is looked up in earnest.
        let zone = try TimeZoneTable(
            name: "bench", initialOffsetSeconds: 3_600,
            transitions: (0..<40).map { half in
                TimeZoneTable.Transition(
                    at: WallTime(millisecondsSince1970: 1_742_000_000_000 + Int64(half) * 15_724_800_000),
                    offsetSeconds: half % 2 == 0 ? 7_200 : 3_600)
            })
        site = SiteConditions(
            isLedgerUsable: true, staleAfter: .seconds(60), isDirected: true, calendar: .plain, zone: zone)
        let money = { (amount: Int64) in Money(microunits: amount * 1_000_000) }
        let settings = try AccountSettings(
            price: .free, alarm1: money(20), alarm2: money(10), hoardingCap: money(1_000_000))
        group = SupplyGroup(
            account: Account(
                id: account, customerNumber: "C", issuer: "platform", balance: money(1_000_000), settings: settings,
                tariff: TariffSchedule(current: try Self.tariff())),
            circuits: [state], rules: try Self.accountRules(), zone: zone)
    }

    /// One normal reading: a load that changes now and then, far from every limit.
    mutating func read() {
        seconds += 5
        let power: Int64 = 300_000 + (seconds / 600 % 7) * 40_000 + seconds % 3 * 500
        if seconds % 60 == 0 { counter += 10 }
        let now = Timestamp(
            boot: Self.boot, monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
            wall: WallTime(millisecondsSince1970: Self.firstWall + seconds * 1_000), trust: .trusted)
        let outcome = group.take(
            counter: counter, activePower: power, reactivePower: power / 4, of: circuit, now: now, site: site)
        postings += outcome.change.postings.count
    }

    private static let boot = BootID(rawValue: "d7a0c4d2-5a53-4b1f-9b57-6f2f3f9f2a10")

    private static func minute(_ hour: Int) throws -> MinuteOfDay {
        guard let minute = MinuteOfDay(minutes: hour * 60) else { throw ExitCode.failure }
        return minute
    }

    private static func tariff() throws -> Tariff {
        let slots: [(Int, Rate)] = [
            (0, .valley), (6, .flat), (8, .peak), (11, .sharp), (12, .flat), (18, .peak), (22, .valley),
        ]
        let price = { (tenThousandths: Int64) throws in
            guard let price = Price(tenThousandths: tenThousandths) else { throw ExitCode.failure }
            return price
        }
        return try Tariff(
            .timeOfUse(
                TimeOfUse(
                    prices: PerRate(
                        sharp: price(12_000), peak: price(10_000), flat: price(6_000), valley: price(3_000)),
                    timetable: Timetable(everyDay: slots.map { TariffSlot(start: try minute($0.0), rate: $0.1) }))))
    }

    private static func rules() throws -> CircuitRules {
        let table = try TimerTable(
            workday: [
                TimerSwitch(start: minute(6), action: .on),
                TimerSwitch(start: minute(23), action: .nightMode(capMilliwatts: 2_000_000)),
            ],
            holiday: [TimerSwitch(start: minute(8), action: .on)])
        return CircuitRules(
            switching: try SwitchingRules(minimumDwell: .seconds(30)), timer: table,
            overload: try OverloadSettings(limitMilliwatts: 10_000_000),
            malignant: try MalignantLoadSettings(mode: .trip))
    }

    private static func accountRules() throws -> AccountRules {
        let night = DailyPeriod(from: try minute(22), to: try minute(7))
        return AccountRules(
            protectedPeriods: try ProtectedPeriods(workday: [night], holiday: [night]), remindsOfLowBalance: true)
    }
}
