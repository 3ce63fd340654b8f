import Metering
import Prepaid
import Testing

@Suite("The answer to an order on an account")
struct AccountOrderTests {
    enum Operation: Sendable {
        case refund(String), clear, preset(String), close(paysOut: Bool), reversal, price(String), alarm2(String)
    }

    /// The entry that a reversal names, as the row wants it.
    struct Entry: Sendable {
        var account = AccountFixture.account
        var cause: PostingCause = .recharge
        /// Whether it raised the balance.
        var isCredit = true
        var amount = "20"
        var isReversed = false
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let operation: Operation
        var state: Account.State = .open
        var issuer = AccountFixture.issuer
        var customer = AccountFixture.customer
        var balance = "50"
        var expiresAfter: Int64?
        var trust: ClockTrust = .trusted
        var entry: Entry?
        let code: String
        /// Nil where nothing may change.
        var balanceAfter: String?
        var testDescription: String { name }
    }

    /// In the order of the checks. The account has a hoarding cap of 100.00, alarms at 10 and 5.
    static let table: [Row] = [
        Row(
            name: "a closed account is not closed again", operation: .close(paysOut: true), state: .closed, issuer: "x",
            code: "account_closed"),
        Row(name: "a closed account takes no preset", operation: .preset("1"), state: .closed, code: "account_closed"),
        Row(name: "a closed account keeps its price", operation: .price("1"), state: .closed, code: "account_closed"),
        Row(name: "another issuer", operation: .clear, issuer: "kiosk", customer: "C-1", code: "wrong_issuer"),
        Row(name: "another customer", operation: .refund("0"), customer: "C-1", code: "wrong_customer"),
        Row(name: "a refund of nothing", operation: .refund("0"), expiresAfter: -1, code: "amount_not_positive"),
        Row(name: "a negative preset", operation: .preset("-0.000001"), code: "amount_not_positive"),
        Row(name: "an entry that is not there", operation: .reversal, expiresAfter: -1, code: "unknown_entry"),
        Row(
            name: "an entry of another account", operation: .reversal,
            entry: Entry(account: "A-999", cause: .reversal, isReversed: true), code: "wrong_entry"),
        Row(
            name: "a reversal of a reversal", operation: .reversal, entry: Entry(cause: .reversal, isReversed: true),
            code: "not_reversible"),
        Row(
            name: "one side of a transfer", operation: .reversal, entry: Entry(cause: .transfer), code: "not_reversible"
        ),
        Row(name: "a write-off", operation: .reversal, entry: Entry(cause: .writeOff), code: "not_reversible"),
        Row(
            name: "a second reversal", operation: .reversal, expiresAfter: -1, entry: Entry(isReversed: true),
            code: "already_reversed"),
        Row(name: "alarm 2 above alarm 1", operation: .alarm2("10.000001"), expiresAfter: -1, code: "invalid"),
        Row(name: "expired", operation: .refund("90"), expiresAfter: -1, code: "expired"),
        Row(
            name: "expired by a clock no one trusts", operation: .refund("10"), expiresAfter: -1, trust: .untrusted,
            code: "applied", balanceAfter: "40"),
        Row(
            name: "a reversal that does not fit", operation: .reversal, balance: "-9223372036854.775807",
            entry: Entry(), code: "overflow"),
        Row(name: "more than there is", operation: .refund("50.000001"), code: "insufficient_balance"),
        Row(name: "a refund of a debt", operation: .refund("0.000001"), balance: "-5", code: "insufficient_balance"),
        Row(name: "a preset above the cap", operation: .preset("100.000001"), code: "over_hoarding_cap"),
        Row(name: "a refund", operation: .refund("12.5"), code: "applied", balanceAfter: "37.5"),
        Row(name: "a refund of all", operation: .refund("50"), code: "applied", balanceAfter: "0"),
        Row(
            name: "a refund from a closed account", operation: .refund("50"), state: .closed, code: "applied",
            balanceAfter: "0"),
        Row(name: "a preset", operation: .preset("100"), code: "applied", balanceAfter: "100"),
        Row(name: "a preset of nothing", operation: .preset("0"), code: "applied", balanceAfter: "0"),
        Row(name: "a credit cleared", operation: .clear, code: "applied", balanceAfter: "0"),
        Row(name: "a debt cleared", operation: .clear, balance: "-7", code: "applied", balanceAfter: "0"),
        Row(name: "nothing cleared", operation: .clear, balance: "0", code: "applied", balanceAfter: "0"),
        Row(
            name: "a debt cleared on a closed account", operation: .clear, state: .closed, balance: "-7",
            code: "applied", balanceAfter: "0"),
        Row(name: "a recharge undone", operation: .reversal, entry: Entry(), code: "applied", balanceAfter: "30"),
        Row(
            name: "a recharge undone that was spent", operation: .reversal, balance: "5", entry: Entry(),
            code: "applied", balanceAfter: "-15"),
        Row(
            name: "a refund undone, above the cap", operation: .reversal, balance: "95",
            entry: Entry(cause: .refund, isCredit: false), code: "applied", balanceAfter: "115"),
        Row(
            name: "a consumption undone", operation: .reversal, entry: Entry(cause: .consumption, isCredit: false),
            code: "applied", balanceAfter: "70"),
        Row(
            name: "an opening undone", operation: .reversal, entry: Entry(cause: .opening), code: "applied",
            balanceAfter: "30"),
        Row(name: "closed, the rest kept", operation: .close(paysOut: false), code: "applied", balanceAfter: "50"),
        Row(name: "closed, the rest paid out", operation: .close(paysOut: true), code: "applied", balanceAfter: "0"),
        Row(
            name: "closed with a debt", operation: .close(paysOut: true), balance: "-3", code: "applied",
            balanceAfter: "-3"),
        Row(name: "another price", operation: .price("0.9"), code: "applied", balanceAfter: "50"),
    ]

    private static func operation(_ operation: Operation) throws -> AccountOperation {
        var change = AccountSettingsChange()
        switch operation {
        case .refund(let amount): return .refund(try AccountFixture.money(amount))
        case .clear: return .clear
        case .preset(let amount): return .preset(try AccountFixture.money(amount))
        case .close(let paysOut): return .close(paysOut: paysOut)
        case .reversal: return .reversal(sequence: 77)
        case .price(let price): change.price = try TariffFixture.price(price)
        case .alarm2(let amount): change.alarm2 = try AccountFixture.money(amount)
        }
        return .changeSettings(change)
    }

    private static func ledgerEntry(_ entry: Entry) throws -> LedgerEntry {
        let account = try #require(AccountID(rawValue: entry.account))
        let other: Book = entry.cause == .consumption ? .consumption(.electricity) : .payments
        return LedgerEntry(
            sequence: 77,
            posting: Posting(
                account: account, cause: entry.cause, debit: entry.isCredit ? other : .customer(account),
                credit: entry.isCredit ? .customer(account) : other, amount: try AccountFixture.money(entry.amount),
                balanceAfter: .zero, carryTenthsAfter: 3, rechargeNumber: 4),
            isReversed: entry.isReversed)
    }

    @Test("is the first that applies; a refusal changes nothing", arguments: table)
    func answers(row: Row) throws {
        var account = try AccountFixture.open(
            balance: row.balance, carryTenths: 7, lastRecharge: 4, settings: AccountFixture.settings(cap: "100"))
        account.state = row.state
        let before = account
        let now = AccountFixture.at(1_000, trust: row.trust)
        let order = AccountOrder(
            account: account.id, customerNumber: row.customer, issuer: row.issuer,
            operation: try Self.operation(row.operation),
            expiresAt: row.expiresAfter.map { now.wall + .milliseconds($0) })
        let result = account.apply(order, entry: try row.entry.map(Self.ledgerEntry), command: "cmd-1", now: now)
        #expect(result.code == row.code)
        guard case .applied(let postings) = result, let balanceAfter = row.balanceAfter else {
            #expect(account == before)
            return
        }
        #expect(account.balance == (try AccountFixture.money(balanceAfter)))
        #expect(account.carryTenths == 7 && account.lastRechargeNumber == 4)
        var balance = before.balance
        for posting in postings {
            #expect(posting.amount >= .zero && posting.debit != posting.credit)
            #expect((posting.debit == .customer(account.id)) != (posting.credit == .customer(account.id)))
            let change = posting.credit == .customer(account.id) ? posting.amount : try #require(posting.amount.negated)
            balance = try #require(balance.adding(change))
            #expect(posting.balanceAfter == balance && posting.command == "cmd-1" && posting.rechargeNumber == nil)
        }
        #expect(balance == account.balance)
        if case .reversal = row.operation { #expect(postings.first?.concerns == 77) }
        if case .close = row.operation { #expect(account.state == .closed) }
    }

    @Test("every answer that the account gives has a row")
    func complete() {
        #expect(
            Set(Self.table.map(\.code))
                == [
                    "account_closed", "wrong_issuer", "wrong_customer", "amount_not_positive", "unknown_entry",
                    "wrong_entry", "not_reversible", "already_reversed", "invalid", "expired", "overflow",
                    "insufficient_balance", "over_hoarding_cap", "applied",
                ])
    }
}

@Suite("A transfer")
struct TransferTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var to = "A-102"
        var receiver: Account.State = .open
        var giver: Account.State = .open
        var issuer = AccountFixture.issuer
        var fromCustomer = AccountFixture.customer
        var toCustomer = "C-2"
        var amount = "20"
        var received = "0"
        var expiresAfter: Int64?
        let code: String
        var testDescription: String { name }
    }

    /// In the order of the checks. The giver has 50.00; the receiver's cap is 100.00.
    static let table: [Row] = [
        Row(name: "to itself", to: "A-101", receiver: .closed, code: "same_account"),
        Row(name: "to a closed account", receiver: .closed, issuer: "kiosk", code: "account_closed"),
        Row(name: "another issuer", issuer: "kiosk", fromCustomer: "C-1", code: "wrong_issuer"),
        Row(name: "another giver", fromCustomer: "C-1", toCustomer: "C-1", code: "wrong_customer"),
        Row(name: "another receiver", toCustomer: "C-1", amount: "0", code: "wrong_customer"),
        Row(name: "nothing", amount: "0", expiresAfter: -1, code: "amount_not_positive"),
        Row(name: "expired", amount: "60", expiresAfter: -1, code: "expired"),
        Row(name: "more than there is", amount: "50.000001", received: "99", code: "insufficient_balance"),
        Row(name: "more than fits", received: "9223372036854", code: "overflow"),
        Row(name: "above the cap", received: "80.000001", code: "over_hoarding_cap"),
        Row(name: "up to the cap", received: "80", code: "applied"),
        Row(name: "all of it", amount: "50", code: "applied"),
        Row(name: "from a closed account", giver: .closed, code: "applied"),
        Row(name: "into a debt", received: "-30", code: "applied"),
    ]

    @Test("changes both accounts or neither", arguments: table)
    func answers(row: Row) throws {
        let settings = try AccountFixture.settings(cap: "100")
        var giver = try AccountFixture.open(balance: "50", settings: settings)
        giver.state = row.giver
        var receiver = Account(
            id: try #require(AccountID(rawValue: row.to)), customerNumber: "C-2", issuer: AccountFixture.issuer,
            state: row.receiver, balance: try AccountFixture.money(row.received), settings: settings)
        let before = (giver, receiver)
        let now = AccountFixture.at(0)
        let amount = try AccountFixture.money(row.amount)
        let transfer = AccountTransfer(
            from: giver.id, fromCustomer: row.fromCustomer, to: receiver.id, toCustomer: row.toCustomer,
            issuer: row.issuer, amount: amount, expiresAt: row.expiresAfter.map { now.wall + .milliseconds($0) })
        let result = transfer.apply(from: &giver, to: &receiver, command: "cmd-1", now: now)
        #expect(result.code == row.code)
        guard case .applied(let giving, let receiving) = result else {
            #expect(giver == before.0 && receiver == before.1)
            return
        }
        #expect(giver.balance == before.0.balance.subtracting(amount))
        #expect(receiver.balance == before.1.balance.adding(amount))
        #expect(giving.credit == .transfer && receiving.debit == .transfer, "the transfer book is empty afterwards")
        #expect(giving.amount == receiving.amount)
        #expect(giving.balanceAfter == giver.balance && receiving.balanceAfter == receiver.balance)
    }
}
