import Metering
import Prepaid
import Storage

/// Rooms with a meter each, read close to every hour as the poll does; seven rate changes a day. Balances begin at nothing and
/// fall: nobody is cut, as no circuit has a breaker.
struct GrowingSite {
    let gateway: GatewayID
    let installation: StoredSite
    private var groups: [(circuit: CircuitID, group: SupplyGroup)] = []
    private var seconds: Int64 = 0
    private var round: Int64 = 0
    private let conditions = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(600))

    struct BadName: Error {}

    init(accounts count: Int) throws {
        guard let gateway = GatewayID(rawValue: "growth") else { throw BadName() }
        self.gateway = gateway
        var meters: [SiteMeter] = []
        var accounts: [Account] = []
        var circuits: [StoredCircuit] = []
        let schedule = TariffSchedule(current: try Self.tariff())
        for number in 0..<count {
            let name = "A-\(1_000 + number)"
            guard let account = AccountID(rawValue: name), let circuit = CircuitID(rawValue: name),
                let meter = MeterID(rawValue: name), let bus = BusID(rawValue: "b\(number / 128 + 1)"),
                let address = UnitAddress(bus: bus, unit: UInt8(number % 128 + 1))
            else { throw BadName() }
            let settings = try AccountSettings(
                price: .free, alarm1: .oneMicrounit, alarm2: .zero, hoardingCap: Money(microunits: 1_000_000_000))
            let opened = Account(
                id: account, customerNumber: "C\(number)", issuer: "platform", settings: settings,
                tariff: schedule)
            meters.append(SiteMeter(id: meter, address: address, profile: "eastron-sdm120"))
            accounts.append(opened)
            circuits.append(
                StoredCircuit(id: circuit, account: account, meter: meter, ratedPerHour: 13_800, breaker: nil))
            let state = CircuitState(
                circuit: SiteCircuit(
                    id: circuit, account: account, meter: meter, commodity: .electricity,
                    counter: CounterRules(modulus: nil, step: 10, ratedPerHour: 13_800), breaker: nil),
                posted: nil, lastAccepted: nil, memory: BreakerMemory())
            groups.append((circuit, SupplyGroup(account: opened, circuits: [state])))
        }
        installation = StoredSite(meters: meters, accounts: accounts, circuits: circuits)
    }

    var now: Timestamp {
        Timestamp(
            boot: BootID(rawValue: "growth"), monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
            wall: WallTime(millisecondsSince1970: 1_780_272_000_000 + seconds * 1_000), trust: .trusted)
    }

    /// Reads every meter once; returns what is to be committed.
    mutating func readAll() -> [LedgerChange] {
        // 15 s after the hour, at half past, 15 s before the next hour.
        seconds = round / 3 * 3_600 + [15, 1_800, 3_585][Int(round % 3)]
        round += 1
        let now = now
        var changes: [LedgerChange] = []
        for index in groups.indices {
            // A few hundred watts, a little different in every room.
            let used = 20_000_000 + Int64(index) * 12_345 + seconds * (240 + Int64(index % 9) * 60) / 3_600
            let counter = used - used % 10
            let outcome = groups[index].group.take(
                counter: counter, activePower: nil, of: groups[index].circuit, now: now, site: conditions)
            if !outcome.change.isEmpty { changes.append(outcome.change) }
        }
        return changes
    }

    private static func tariff() throws -> Tariff {
        func price(_ tenThousandths: Int64) throws -> Price {
            guard let price = Price(tenThousandths: tenThousandths) else { throw BadName() }
            return price
        }
        let slots: [(Int, Rate)] = [
            (0, .valley), (6, .flat), (8, .peak), (11, .sharp), (12, .flat), (18, .peak), (22, .valley),
        ]
        return try Tariff(
            .timeOfUse(
                TimeOfUse(
                    prices: PerRate(
                        sharp: price(12_000), peak: price(10_000), flat: price(6_000), valley: price(3_000)),
                    timetable: Timetable(
                        everyDay: slots.map { hour, rate in
                            guard let start = MinuteOfDay(minutes: hour * 60) else { throw BadName() }
                            return TariffSlot(start: start, rate: rate)
                        }))))
    }
}
