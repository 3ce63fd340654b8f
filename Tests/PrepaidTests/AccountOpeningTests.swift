import Metering
import Prepaid
import Testing

@Suite("Opening an account")
struct AccountOpeningTests {
    /// What is known of an account of that name.
    enum Earlier: Sendable {
        case none, open
        case closed(balance: String, lastRecharge: Int64)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var earlier: Earlier = .none
        var customer = "C-9"
        var carriedOver = "0"
        var lastRecharge: Int64 = 0
        var alarm1: String?
        let code: String
        var testDescription: String { name }
    }

    /// In the order of the checks. The defaults have a hoarding cap of 1,000.00.
    static let table: [Row] = [
        Row(name: "over an open one", earlier: .open, customer: "", code: "already_open"),
        Row(
            name: "over a closed one that holds credit", earlier: .closed(balance: "0.000001", lastRecharge: 3),
            customer: "", code: "balance_left"),
        Row(
            name: "over a closed one that owes", earlier: .closed(balance: "-5", lastRecharge: 3), code: "balance_left"),
        Row(name: "without a customer number", customer: "", lastRecharge: -1, code: "bad_value"),
        Row(name: "a customer number too long", customer: String(repeating: "9", count: 65), code: "bad_value"),
        Row(name: "a negative recharge number", lastRecharge: -1, alarm1: "5000", code: "bad_value"),
        Row(
            name: "recharge numbers that go back", earlier: .closed(balance: "0", lastRecharge: 3), lastRecharge: 2,
            alarm1: "5000", code: "recharge_number_used"),
        Row(name: "an alarm above the cap", carriedOver: "1000.000001", alarm1: "5000", code: "invalid"),
        Row(name: "a balance above the cap", carriedOver: "1000.000001", code: "over_hoarding_cap"),
        Row(name: "a debt that is no debt", carriedOver: "-1000000000000.000001", code: "overflow"),
        Row(name: "new", code: "opened"),
        Row(name: "new, with an old meter's balance", carriedOver: "87.65", lastRecharge: 12, code: "opened"),
        Row(name: "new, with an old meter's debt", carriedOver: "-3.2", code: "opened"),
        Row(name: "over a settled one", earlier: .closed(balance: "0", lastRecharge: 3), code: "opened"),
        Row(
            name: "over a settled one, numbers go on", earlier: .closed(balance: "0", lastRecharge: 3), lastRecharge: 9,
            code: "opened"),
    ]

    private static func earlier(_ earlier: Earlier) throws -> Account? {
        switch earlier {
        case .none: return nil
        case .open: return try AccountFixture.open(balance: "5")
        case .closed(let balance, let lastRecharge):
            var account = try AccountFixture.open(balance: balance, carryTenths: 4, lastRecharge: lastRecharge)
            account.state = .closed
            return account
        }
    }

    @Test("is answered by the first rule that applies", arguments: table)
    func answers(row: Row) throws {
        var change = AccountSettingsChange()
        change.alarm1 = try row.alarm1.map { try AccountFixture.money($0) }
        let earlier = try Self.earlier(row.earlier)
        let carried = try AccountFixture.money(row.carriedOver)
        let opening = AccountOpening(
            account: try #require(AccountID(rawValue: AccountFixture.account)), customerNumber: row.customer,
            issuer: "platform", carriedOver: carried, lastRechargeNumber: row.lastRecharge, settings: change)
        let result = Account.opening(opening, over: earlier, defaults: try AccountFixture.settings(), command: "cmd-1")
        #expect(result.code == row.code)
        guard case .opened(let account, let posting) = result else { return }
        #expect(account.state == .open && account.balance == carried && account.customerNumber == row.customer)
        #expect(account.lastRechargeNumber == max(row.lastRecharge, earlier?.lastRechargeNumber ?? 0))
        #expect(account.carryTenths == earlier?.carryTenths ?? 0, "a carry is never dropped")
        #expect(posting.amount.microunits == abs(carried.microunits) && posting.balanceAfter == carried)
        let isDebt = carried < .zero
        #expect(posting.debit == (isDebt ? .customer(account.id) : .opening))
        #expect(posting.credit == (isDebt ? .opening : .customer(account.id)))
    }

    @Test("what circuits counted without an account is named, and nobody's debt")
    func unbilledUse() throws {
        let circuit = try AccountFixture.circuit("c1")
        var closed = try AccountFixture.open(balance: "0")
        closed.state = .closed
        var group = SupplyGroup(
            account: closed,
            circuits: [
                CircuitState(
                    circuit: circuit, posted: AccountFixture.mark(1_000), lastAccepted: AccountFixture.mark(1_500),
                    memory: BreakerMemory())
            ])
        let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(60))
        let (result, outcome) = group.take(
            opening: AccountOpening(account: closed.id, customerNumber: "C-9", issuer: "platform"),
            defaults: try AccountFixture.settings(), command: "cmd-1", now: AccountFixture.at(100), site: site)
        #expect(result.code == "opened")
        #expect(outcome.change.events.first?.detail["unbilled_c1"] == "500")
        #expect(outcome.change.marks[circuit.id]?.value == 1_500)
        #expect(group.liveBalance == .zero)
    }
}
