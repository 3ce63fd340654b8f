import Metering
import Prepaid
import Storage
import UplinkProtocol

/// What the ledger holds after a step, for comparison.
struct LedgerState: Hashable {
    let head: ChainHead
    let site: StoredSite
    let cursor: Int64
    let lastCommand: CommandRecord?

    init(_ store: LedgerStore, lastCommand id: String) throws {
        head = try store.head()
        site = try store.site()
        cursor = try store.cursor(of: "push")
        lastCommand = try store.command(id: id)
    }
}

/// Sells, bills, answers commands, notes breakers, moves cursors: a site's ledger at work, drawn by
/// chance.
struct LedgerWorkload {
    private(set) var store: LedgerStore
    private(set) var commands = 0
    private let path: String
    private var accounts: [Account]
    private var counters: [Int64]
    private var marks: [CounterMark?]
    private var second = 0

    static func open(_ path: String, epoch: String = "e1") throws -> LedgerStore {
        try LedgerStore(path: path, gateway: try SampleSite.gateway(), newEpoch: epoch)
    }

    static func commandID(_ number: Int) -> String { "c-\(number)" }

    init(path: String) throws {
        self.path = path
        store = try Self.open(path)
        accounts = try (0..<SampleSite.accountCount).map(SampleSite.account)
        counters = Array(repeating: 0, count: accounts.count)
        marks = Array(repeating: nil, count: accounts.count)
    }

    var state: LedgerState {
        get throws { try LedgerState(store, lastCommand: Self.commandID(commands)) }
    }

    mutating func install() throws {
        try store.commit(LedgerTransaction(changes: [], installation: try SampleSite.site()), at: moment(second))
    }

    /// One commit, or one orderly end and new start.
    mutating func step(using generator: inout some RandomNumberGenerator) throws {
        second += 1
        let index = Int.random(in: accounts.indices, using: &generator)
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<6: try sell(index, amount: Int64.random(in: 1...50_000_000, using: &generator))
        case 6..<13: try bill(index, wattHours: Int64.random(in: 1...3_000, using: &generator))
        case 13..<16: try noteBreaker(index, position: Bool.random(using: &generator) ? .open : .closed)
        case 16..<19: try store.advanceCursor(of: "push", through: try store.head().sequence)
        default:
            try store.close()
            store = try Self.open(path)
        }
    }

    private mutating func sell(_ index: Int, amount: Int64) throws {
        var account = accounts[index]
        let id = Self.commandID(commands + 1)
        let recharge = Recharge(
            account: account.id, customerNumber: account.customerNumber, issuer: account.issuer,
            number: account.lastRechargeNumber + 1, amount: Money(microunits: amount))
        guard case .applied(let posting) = account.apply(recharge, earlier: nil, command: id, now: moment(second))
        else {
            return
        }
        var change = LedgerChange()
        change.account = account
        change.postings = [posting]
        let record = CommandRecord(id: id, kind: "recharge", state: .applied, outcome: "applied")
        let command = AnsweredCommand(record: record, position: Int64(commands + 1), received: Array("{}".utf8))
        try store.commit(LedgerTransaction(changes: [change], command: command, actor: "platform"), at: moment(second))
        accounts[index] = account
        commands += 1
    }

    private mutating func bill(_ index: Int, wattHours: Int64) throws {
        let value = counters[index] + wattHours
        let to = CounterMark(value: value, at: moment(second))
        let circuit = SiteCircuit(
            id: try SampleSite.circuitID(index), account: accounts[index].id, meter: try SampleSite.meterID(index),
            commodity: .electricity, counter: CounterRules(modulus: nil, step: 1, ratedPerHour: 13_800), breaker: nil)
        let settlement = try accounts[index].settlingConsumption([
            CircuitCounter(
                circuit: circuit, posted: marks[index] ?? CounterMark(value: 0, at: moment(0)), accepted: to)
        ])
        var change = LedgerChange()
        change.account = settlement.account
        change.postings = settlement.postings
        change.marks = settlement.marks
        try store.commit(LedgerTransaction(changes: [change]), at: moment(second))
        (accounts[index], counters[index], marks[index]) = (settlement.account, value, to)
    }

    private func noteBreaker(_ index: Int, position: BreakerPosition) throws {
        let circuit = try SampleSite.circuitID(index)
        var change = LedgerChange()
        change.breakers[circuit] = BreakerMemory(intended: position)
        change.events = [Event(.breakerCommanded, .circuit(circuit), ["position": position.rawValue])]
        try store.commit(LedgerTransaction(changes: [change]), at: moment(second))
    }
}
