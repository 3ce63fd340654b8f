import Metering
import Prepaid
import Testing

@Suite("Consumption against the balance")
struct SettlementTests {
    private static func counter(
        _ name: String, from: Int64?, to: Int64?, commodity: Commodity = .electricity
    ) throws -> CircuitCounter {
        CircuitCounter(
            circuit: try AccountFixture.circuit(name, commodity: commodity),
            posted: from.map { AccountFixture.mark($0) },
            accepted: to.map { AccountFixture.mark($0, 60) })
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let price: String
        let from: Int64?
        let to: Int64?
        var carry: Int64 = 0
        /// Micro-units.
        let debit: Int64
        var carryAfter: Int64 = 0
        var testDescription: String { name }
    }

    static let table: [Row] = [
        Row(name: "1 kWh", price: "0.6180", from: 0, to: 1_000, debit: 618_000),
        Row(name: "one register step of 0.01 kWh", price: "0.6180", from: 500, to: 510, debit: 6_180),
        Row(name: "1 Wh leaves a carry", price: "0.6183", from: 0, to: 1, debit: 618, carryAfter: 3),
        Row(name: "a carry that makes a micro-unit", price: "0.0007", from: 0, to: 1, carry: 3, debit: 1),
        Row(name: "a carry that stays a carry", price: "0.0001", from: 0, to: 5, carry: 4, debit: 0, carryAfter: 9),
        Row(name: "nothing used", price: "0.6180", from: 500, to: 500, carry: 4, debit: 0, carryAfter: 4),
        Row(name: "free of charge", price: "0", from: 0, to: 999_999, debit: 0),
        Row(name: "over a roll-over", price: "1", from: 999_999_990, to: 20, debit: 30_000),
        Row(name: "a roll-over onto zero", price: "1", from: 999_999_990, to: 0, debit: 10_000),
        Row(name: "never posted", price: "1", from: nil, to: 500, debit: 0),
        Row(name: "no accepted reading", price: "1", from: 500, to: nil, debit: 0),
    ]

    @Test("costs what the table says, live and posted", arguments: table)
    func costs(row: Row) throws {
        let account = try AccountFixture.open(
            balance: "1", carryTenths: row.carry, settings: AccountFixture.settings(price: row.price))
        let counters = [try Self.counter("c1", from: row.from, to: row.to)]
        let live = try account.liveBalance(counters)
        #expect(live.balance.microunits == 1_000_000 - row.debit)
        #expect(live.carryTenths == row.carryAfter)
        let settled = try account.settlingConsumption(counters)
        #expect(settled.account.balance == live.balance)
        #expect(settled.account.carryTenths == live.carryTenths)
        #expect(settled.postings.map(\.amount.microunits).reduce(0, +) == row.debit)
    }

    @Test("a posting is a double entry that names the stretch of the counter")
    func posting() throws {
        let account = try AccountFixture.open(balance: "10", settings: AccountFixture.settings(price: "2"))
        let settled = try account.settlingConsumption([
            Self.counter("c1", from: 100, to: 350), Self.counter("w1", from: 5, to: 6, commodity: .water),
            Self.counter("c2", from: 7, to: 7),
        ])
        let circuit = try AccountFixture.circuit("c1").id
        #expect(settled.postings.count == 2)
        #expect(
            settled.postings.first
                == Posting(
                    account: account.id, cause: .consumption, debit: .customer(account.id),
                    credit: .consumption(.electricity), amount: Money(microunits: 500_000),
                    balanceAfter: Money(microunits: 9_500_000), carryTenthsAfter: 0,
                    span: CounterSpan(
                        circuit: circuit, from: 100, to: 350, quantity: 250, price: account.settings.price)))
        #expect(settled.postings.last?.credit == .consumption(.water))
        #expect(settled.marks[circuit] == AccountFixture.mark(350, 60))
        #expect(settled.marks.count == 2, "an unused circuit keeps its mark")
    }

    @Test("however often it is settled, over several circuits, nothing is gained or lost")
    func partition() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let price = try #require(Price(tenThousandths: .random(in: 0...20_000, using: &generator)))
            let settings = try AccountSettings(price: price, alarm1: .zero, alarm2: .zero, hoardingCap: .oneMicrounit)
            let start = try AccountFixture.open(balance: "100", settings: settings)
            var often = start
            var used: [String: Int64] = ["c1": 0, "c2": 0, "c3": 0]
            var posted = used
            for _ in 0..<30 {
                for name in used.keys where Bool.random(using: &generator) {
                    used[name, default: 0] += .random(in: 0...300, using: &generator)
                }
                guard Bool.random(using: &generator) else { continue }
                let counters = try used.keys.sorted().map {
                    try Self.counter($0, from: posted[$0] ?? 0, to: used[$0] ?? 0)
                }
                let live = try often.liveBalance(counters)
                often = try often.settlingConsumption(counters).account
                #expect(often.balance == live.balance && often.carryTenths == live.carryTenths)
                posted = used
            }
            let rest = try used.keys.sorted().map { try Self.counter($0, from: posted[$0] ?? 0, to: used[$0] ?? 0) }
            often = try often.settlingConsumption(rest).account
            let once = try start.settlingConsumption(
                used.keys.sorted(by: >).map { try Self.counter($0, from: 0, to: used[$0] ?? 0) }
            ).account
            #expect(often == once)
        }
    }

    @Test("counters that cannot follow one another are not billed, and nothing else is either")
    func outOfOrder() throws {
        let account = try AccountFixture.open(balance: "10")
        let noRollOver = CounterRules(modulus: nil, step: 10, ratedPerHour: 13_800)
        let circuit = try AccountFixture.circuit("c2")
        let backwards = CircuitCounter(
            circuit: SiteCircuit(
                id: circuit.id, account: circuit.account, meter: circuit.meter, commodity: .electricity,
                counter: noRollOver, breaker: nil),
            posted: AccountFixture.mark(500), accepted: AccountFixture.mark(400))
        let counters = [try Self.counter("c1", from: 0, to: 1_000), backwards]
        #expect(throws: SettlementFault.counterOutOfOrder(circuit.id)) { try account.liveBalance(counters) }
        #expect(throws: SettlementFault.counterOutOfOrder(circuit.id)) { try account.settlingConsumption(counters) }
    }

    @Test("what does not fit is a fault, never a trap")
    func overflow() throws {
        let dearest = try AccountFixture.settings(price: "100000")
        let account = try AccountFixture.open(balance: "-9000000000000", settings: dearest)
        let circuit = try AccountFixture.circuit("c1").id
        let counters = [try Self.counter("c1", from: 0, to: 999_999_999)]
        _ = try account.liveBalance(counters)
        var deep = account
        deep.balance = Money(microunits: .min + 10)
        #expect(throws: SettlementFault.overflow(circuit)) { try deep.liveBalance(counters) }
        let endless = CircuitCounter(
            circuit: SiteCircuit(
                id: circuit, account: nil, meter: try AccountFixture.circuit("c1").meter, commodity: .electricity,
                counter: CounterRules(modulus: nil, step: 1, ratedPerHour: 1), breaker: nil),
            posted: AccountFixture.mark(0), accepted: AccountFixture.mark(.max))
        #expect(throws: SettlementFault.overflow(circuit)) { try account.settlingConsumption([endless]) }
    }
}
