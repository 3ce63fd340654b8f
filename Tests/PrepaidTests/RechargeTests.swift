import Metering
import Prepaid
import Testing

@Suite("The answer to a recharge")
struct RechargeTests {
    /// One recharge against an account with 50.00, recharge number 3 and a hoarding cap of 100.00. A row
    /// breaks the rules it names, so that the answer shows which of them is looked at first.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var state: Account.State = .open
        var lastNumber: Int64 = 3
        var issuer = AccountFixture.issuer
        var customer = AccountFixture.customer
        var number: Int64 = 4
        var amount = "20"
        var balance = "50"
        var expiresAfter: Int64?
        var trust: ClockTrust = .trusted
        /// What the same number sold before, if it did.
        var earlierAmount: String?
        let code: String
        var testDescription: String { name }
    }

    /// In the order of the checks.
    static let table: [Row] = [
        Row(
            name: "a repeat gets its first answer, on a closed account too", state: .closed, number: 3,
            earlierAmount: "20", code: "already_applied"),
        Row(
            name: "a repeat is known even after it expired", number: 3, expiresAfter: -1, earlierAmount: "20",
            code: "already_applied"),
        Row(
            name: "a repeat of a much older number", number: 1, earlierAmount: "20", code: "already_applied"),
        Row(
            name: "the same number with another amount", number: 3, earlierAmount: "20.000001", code: "conflict"),
        Row(
            name: "the same number for another customer", customer: "C-1", number: 3, earlierAmount: "20",
            code: "conflict"),
        Row(
            name: "the same number from another issuer", issuer: "kiosk", number: 3, earlierAmount: "20",
            code: "conflict"),
        Row(name: "a number from before this ledger began", number: 2, code: "conflict"),
        Row(name: "number zero", number: 0, code: "conflict"),
        Row(name: "a negative number", number: -5, code: "conflict"),
        Row(name: "a closed account, whatever else is wrong", state: .closed, issuer: "kiosk", code: "account_closed"),
        Row(name: "another issuer, whatever else is wrong", issuer: "kiosk", customer: "C-1", code: "wrong_issuer"),
        Row(name: "another customer, whatever else is wrong", customer: "C-1", amount: "0", code: "wrong_customer"),
        Row(name: "zero, whatever the number", number: 9, amount: "0", code: "amount_not_positive"),
        Row(name: "negative", amount: "-0.000001", code: "amount_not_positive"),
        Row(name: "no number is left", lastNumber: .max, number: .max, code: "conflict"),
        Row(name: "a number left out, whatever the expiry", number: 5, expiresAfter: -1, code: "gap"),
        Row(name: "expired, whatever the amount", amount: "90", expiresAfter: -1, code: "expired"),
        Row(name: "at the very moment of expiry", expiresAfter: 0, code: "applied"),
        Row(name: "expired by a clock no one trusts", expiresAfter: -1, trust: .untrusted, code: "applied"),
        Row(name: "expired by a clock in holdover", expiresAfter: -1, trust: .holdover, code: "applied"),
        Row(
            name: "more than a balance can hold", amount: "9223372036854.775807", balance: "50", code: "overflow"),
        Row(name: "one micro-unit above the hoarding cap", amount: "50.000001", code: "over_hoarding_cap"),
        Row(name: "exactly the hoarding cap", amount: "50", code: "applied"),
        Row(name: "the smallest sale", amount: "0.000001", code: "applied"),
        Row(name: "into a deep debt", balance: "-900", code: "applied"),
    ]

    @Test("is the first that applies; a refusal changes nothing and consumes no number", arguments: table)
    func answers(row: Row) throws {
        var account = try AccountFixture.open(
            balance: row.balance, carryTenths: 7, lastRecharge: row.lastNumber,
            settings: AccountFixture.settings(cap: "100"))
        account.state = row.state
        let before = account
        let now = AccountFixture.at(1_000, trust: row.trust)
        let recharge = Recharge(
            account: account.id, customerNumber: row.customer, issuer: row.issuer, number: row.number,
            amount: try AccountFixture.money(row.amount),
            expiresAt: row.expiresAfter.map { now.wall + .milliseconds($0) })
        let earlier = try row.earlierAmount.map { amount in
            AppliedRecharge(
                recharge: Recharge(
                    account: account.id, customerNumber: AccountFixture.customer, issuer: AccountFixture.issuer,
                    number: row.number, amount: try AccountFixture.money(amount)),
                balanceAfter: Money(microunits: 777))
        }
        let result = account.apply(recharge, earlier: earlier, command: "cmd-1", now: now)
        #expect(result.code == row.code)
        guard case .applied(let posting) = result else {
            #expect(account == before)
            return
        }
        let after = try #require(before.balance.adding(recharge.amount))
        #expect(account.balance == after)
        #expect(account.lastRechargeNumber == row.number)
        #expect(
            posting
                == Posting(
                    account: account.id, cause: .recharge, debit: .payments, credit: .customer(account.id),
                    amount: recharge.amount, balanceAfter: after, carryTenthsAfter: 7, rechargeNumber: row.number,
                    command: "cmd-1"))
    }

    @Test("every answer there is has a row")
    func complete() {
        let codes = Set(Self.table.map(\.code))
        #expect(
            codes
                == [
                    "already_applied", "conflict", "account_closed", "wrong_issuer", "wrong_customer",
                    "amount_not_positive", "gap", "expired", "overflow", "over_hoarding_cap", "applied",
                ])
    }

    @Test("names the number that was expected, the cap, the first balance")
    func facts() throws {
        var account = try AccountFixture.open(balance: "50", lastRecharge: 3, settings: AccountFixture.settings())
        func recharge(_ number: Int64, _ amount: String) throws -> Recharge {
            Recharge(
                account: account.id, customerNumber: AccountFixture.customer, issuer: AccountFixture.issuer,
                number: number, amount: try AccountFixture.money(amount))
        }
        let now = AccountFixture.at(0)
        #expect(account.apply(try recharge(6, "1"), earlier: nil, command: "c", now: now) == .gap(expected: 4))
        #expect(
            account.apply(try recharge(4, "1000"), earlier: nil, command: "c", now: now)
                == .overHoardingCap(cap: try AccountFixture.money("1000")))
        let first = AppliedRecharge(recharge: try recharge(3, "9"), balanceAfter: Money(microunits: 12))
        #expect(
            account.apply(try recharge(3, "9"), earlier: first, command: "c", now: now)
                == .alreadyApplied(balanceAfter: Money(microunits: 12)))
    }
}
