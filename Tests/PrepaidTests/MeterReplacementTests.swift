import Metering
import Prepaid
import Testing

private let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(600))

/// One circuit of an account with 50.00 at 1.0000 a kWh: posted at 1,000 Wh, last read at 1,400 Wh.
private func group(balance: String = "50") throws -> SupplyGroup {
    SupplyGroup(
        account: try AccountFixture.open(balance: balance, settings: AccountFixture.settings(price: "1")),
        circuits: [
            CircuitState(
                circuit: try AccountFixture.circuit("c1"), posted: AccountFixture.mark(1_000),
                lastAccepted: AccountFixture.mark(1_400, 10), memory: BreakerMemory())
        ])
}

@Suite("A declared meter replacement")
struct MeterReplacementTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var circuit = "c1"
        let oldLast: Int64
        var newFirst: Int64 = 0
        var afterSeconds: Int64 = 3_600
        let code: String
        /// Micro-units taken from the balance.
        var billed: Int64 = 0
        var testDescription: String { name }
    }

    static let table: [Row] = [
        Row(name: "an unknown circuit", circuit: "c9", oldLast: 1_400, code: "unknown_circuit"),
        Row(name: "an old meter that ran backwards", oldLast: 1_390, code: "implausible_last_reading"),
        Row(name: "an old meter at zero", oldLast: 0, code: "implausible_last_reading"),
        Row(
            name: "more than the circuit can draw", oldLast: 90_000, newFirst: -1, code: "implausible_last_reading"),
        Row(name: "a new meter below zero", oldLast: 1_500, newFirst: -1, code: "implausible_first_reading"),
        Row(name: "what was used up to the removal is billed", oldLast: 1_900, code: "replaced", billed: 900_000),
        Row(name: "nothing used since", oldLast: 1_400, newFirst: 77, code: "replaced", billed: 400_000),
    ]

    @Test("bills the old meter to its end, and starts the new one at its first reading", arguments: table)
    func answers(row: Row) throws {
        var group = try group()
        let before = group
        let (result, outcome) = group.take(
            replacement: MeterReplacement(
                circuit: try #require(CircuitID(rawValue: row.circuit)), oldLast: row.oldLast, newFirst: row.newFirst,
                meter: try #require(MeterID(rawValue: "M-new")),
                counter: CounterRules(modulus: 100_000_000, step: 1, ratedPerHour: 13_800)),
            now: AccountFixture.at(10 + row.afterSeconds), site: site)
        #expect(result.code == row.code)
        guard case .replaced(let billed) = result else {
            #expect(group == before && outcome == GroupOutcome())
            return
        }
        #expect(billed == row.oldLast - 1_400)
        #expect(group.account?.balance.microunits == 50_000_000 - row.billed)
        #expect(outcome.change.postings.map(\.span?.to) == [row.oldLast])
        let circuit = try AccountFixture.circuit("c1").id
        #expect(outcome.change.marks[circuit]?.value == row.newFirst)
        #expect(group.circuits.first?.circuit.meter.rawValue == "M-new")
        #expect(group.liveBalance == group.account?.balance)
        let next = group.take(
            counter: row.newFirst + 5, activePower: nil, of: circuit, now: AccountFixture.at(4_000), site: site)
        #expect(next.change.events.allSatisfy { $0.code != .counterQuarantined })
        #expect(group.liveBalance?.microunits == 50_000_000 - row.billed - 5_000)
    }

    @Test("after a reboot with an untrusted clock a person's word replaces the missing time")
    func unknownTime() throws {
        var group = try group()
        let now = AccountFixture.at(50, boot: BootID(rawValue: "boot-2"), trust: .untrusted)
        let (result, _) = group.take(
            replacement: MeterReplacement(
                circuit: try AccountFixture.circuit("c1").id, oldLast: 9_000, newFirst: 0,
                meter: try #require(MeterID(rawValue: "M-new")), counter: AccountFixture.counter),
            now: now, site: site)
        #expect(result == .replaced(billed: 7_600))
    }
}

@Suite("A disputed move of a counter")
struct DisputedMoveTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var circuit = "c1"
        var from: Int64 = 1_400
        var to: Int64 = 900_000
        var isDecided = false
        var decision: DisputeDecision = .writeOff
        let code: String
        var billed: Int64 = 0
        var testDescription: String { name }
    }

    static let table: [Row] = [
        Row(name: "of another circuit", circuit: "c9", isDecided: true, code: "unknown_dispute"),
        Row(name: "decided before", isDecided: true, decision: .bill(quantity: 0), code: "already_decided"),
        Row(name: "nothing to bill", decision: .bill(quantity: 0), code: "quantity_out_of_range"),
        Row(name: "more than it moved", decision: .bill(quantity: 898_601), code: "quantity_out_of_range"),
        Row(name: "all of it", decision: .bill(quantity: 898_600), code: "decided", billed: 898_600_000),
        Row(name: "part of it", decision: .bill(quantity: 2_000), code: "decided", billed: 2_000_000),
        Row(
            name: "a meter that was reset tells no quantity", to: 10, decision: .bill(quantity: 3_000), code: "decided",
            billed: 3_000_000),
        Row(name: "more than money holds", to: 10, decision: .bill(quantity: .max), code: "overflow"),
        Row(name: "written off", code: "decided"),
    ]

    @Test("is billed or written off once", arguments: table)
    func answers(row: Row) throws {
        var group = try group()
        let before = group
        let dispute = DisputedMove(
            sequence: 41, circuit: try #require(CircuitID(rawValue: row.circuit)), from: row.from, to: row.to,
            isDecided: row.isDecided)
        let (result, outcome) = group.take(
            decision: row.decision, about: dispute, command: "cmd-1", now: AccountFixture.at(60), site: site)
        #expect(result.code == row.code)
        guard case .decided(let postings) = result, let posting = postings.first else {
            #expect(group == before)
            return
        }
        #expect(posting.concerns == 41 && posting.amount.microunits == row.billed)
        #expect(group.account?.balance.microunits == 50_000_000 - 400_000 - row.billed)
        #expect(outcome.change.postings.last == posting)
    }

    @Test("is read from its record")
    func fromRecord() throws {
        let circuit = try AccountFixture.circuit("c1").id
        let event = Event(.counterReleased, .circuit(circuit), ["from": "5000", "to": "10"])
        #expect(
            DisputedMove(sequence: 9, event: event, isDecided: false)
                == DisputedMove(sequence: 9, circuit: circuit, from: 5_000, to: 10, isDecided: false))
        #expect(DisputedMove(sequence: 9, event: Event(.tamper, .circuit(circuit)), isDecided: false) == nil)
    }
}
