import Metering
import Prepaid
import Testing

private func moment(_ milliseconds: Int64) -> Timestamp {
    Timestamp(
        boot: BootID(rawValue: "b"), monotonic: MonotonicTime(nanoseconds: milliseconds * 1_000_000),
        wall: WallTime(millisecondsSince1970: 1_795_000_000_000 + milliseconds), trust: .trusted)
}

@Suite("From a reading to a breaker order")
struct BreakerOrderTests {
    private let circuit: CircuitID
    private let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(60))
    private var group: SupplyGroup

    /// 0.10 of credit at 1.00 a kWh: 100 Wh are left.
    init() throws {
        circuit = try #require(CircuitID(rawValue: "M-1"))
        let account = Account(
            id: try #require(AccountID(rawValue: "A-1")), customerNumber: "C-1", issuer: "office",
            balance: Money(microunits: 100_000),
            settings: try AccountSettings(
                price: try #require(Price(decimal: "1.0000")), alarm1: Money(microunits: 50_000),
                alarm2: Money(microunits: 20_000), hoardingCap: Money(microunits: 1_000_000_000)))
        let bus = try #require(BusID(rawValue: "bus1"))
        let installed = SiteCircuit(
            id: circuit, account: account.id, meter: try #require(MeterID(rawValue: "M-1")), commodity: .electricity,
            counter: CounterRules(modulus: nil, step: 10, ratedPerHour: 1_000_000),
            breaker: BreakerAddress(device: try #require(UnitAddress(bus: bus, unit: 1)), point: 1))
        group = SupplyGroup(
            account: account,
            circuits: [
                CircuitState(
                    circuit: installed, posted: CounterMark(value: 1_000, at: moment(0)), lastAccepted: nil,
                    memory: BreakerMemory(confirmed: .closed))
            ])
    }

    private mutating func read(_ counter: Int64, _ milliseconds: Int64) -> GroupOutcome {
        group.take(counter: counter, activePower: nil, of: circuit, now: moment(milliseconds), site: site)
    }

    @Test("the second reading below the limit opens, and everything used until then is posted with it")
    mutating func cut() throws {
        #expect(read(1_050, 1_000).orders.isEmpty)
        #expect(read(1_110, 2_000).orders.isEmpty)
        let outcome = read(1_120, 3_000)
        let order = try #require(outcome.orders.first)
        #expect(order.position == .open && order.rule == .noCredit)
        #expect(outcome.change.postings.map(\.amount) == [Money(microunits: 120_000)])
        #expect(outcome.change.account?.alarm == .cut)
        #expect(outcome.change.breakers[circuit]?.intended == .open)
        // While it is under way no reading orders it again.
        #expect(read(1_130, 4_000).orders.isEmpty)
        #expect(!order.actsWithoutLedger)
    }

    @Test("an order that waited for more than five seconds is not carried out any more")
    mutating func outdated() throws {
        _ = read(1_110, 1_000)
        let order = try #require(read(1_111, 2_000).orders.first)
        #expect(!order.isOutdated(at: moment(7_000).monotonic))
        #expect(order.isOutdated(at: moment(7_001).monotonic))
    }

    @Test("an order given up while the bus was away does not cut who has paid meanwhile")
    mutating func paidMeanwhile() throws {
        _ = read(1_110, 1_000)
        #expect(read(1_111, 2_000).orders.count == 1)
        let account = try #require(group.account?.id)
        let (result, _) = group.take(
            recharge: Recharge(
                account: account, customerNumber: "C-1", issuer: "office", number: 1,
                amount: Money(microunits: 5_000_000)),
            earlier: nil, command: "c", now: moment(4_000), site: site)
        #expect(result.code == "applied")
        let outcome = group.orderEnded(circuit, readBack: nil, now: moment(9_000), site: site)
        #expect(outcome.orders.isEmpty)
    }
}
