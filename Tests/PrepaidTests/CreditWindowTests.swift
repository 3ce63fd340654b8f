import Metering
import Prepaid
import Testing

@Suite("What may be credited within a day")
struct CreditWindowTests {
    private static let limits = CreditLimits(perAccount: Money(microunits: 100), perSite: Money(microunits: 250))

    private func moment(
        hour: Int64, boot: String = "b", trust: ClockTrust = .trusted, up: Int64? = nil
    ) -> Timestamp {
        Timestamp(
            boot: BootID(rawValue: boot), monotonic: .zero + .seconds((up ?? hour) * 3_600),
            wall: WallTime(millisecondsSince1970: hour * 3_600_000), trust: trust)
    }

    private func credit(_ name: String, _ amount: Int64, _ cause: PostingCause = .recharge) throws -> GivenCredit {
        let account = try #require(AccountID(rawValue: name))
        return try #require(
            GivenCredit(
                Posting(
                    account: account, cause: cause, debit: cause == .transfer ? .transfer : .payments,
                    credit: .customer(account), amount: Money(microunits: amount), balanceAfter: .zero,
                    carryTenthsAfter: 0)))
    }

    struct Case: CustomTestStringConvertible, Sendable {
        /// Hour, account, amount; what was given before.
        let given: [(Int64, String, Int64)]
        let asked: [(String, Int64)]
        var cause = PostingCause.recharge
        var hour: Int64 = 100
        /// `account:A-1`, `site`, or nothing.
        let excess: String?
        var testDescription: String { "\(given) then \(asked) at \(hour): \(excess ?? "taken")" }
    }

    @Test(
        "by account and by site",
        arguments: [
            Case(given: [], asked: [("A-1", 100)], excess: nil),
            Case(given: [], asked: [("A-1", 101)], excess: "account:A-1"),
            Case(given: [], asked: [("A-1", 60), ("A-1", 60)], excess: "account:A-1"),
            Case(given: [(99, "A-1", 60)], asked: [("A-1", 40)], excess: nil),
            Case(given: [(99, "A-1", 60)], asked: [("A-1", 41)], excess: "account:A-1"),
            Case(given: [(99, "A-1", 60)], asked: [("A-2", 100)], excess: nil),
            Case(given: [(80, "A-1", 60), (90, "A-1", 40)], asked: [("A-1", 1)], excess: "account:A-1"),
            // A day later it is forgotten, a step after that at the latest.
            Case(given: [(76, "A-1", 100)], asked: [("A-1", 1)], excess: "account:A-1"),
            Case(given: [(75, "A-1", 100)], asked: [("A-1", 100)], excess: nil),
            Case(given: [(99, "A-1", 100), (99, "A-2", 100)], asked: [("A-3", 50)], excess: nil),
            Case(given: [(99, "A-1", 100), (99, "A-2", 100)], asked: [("A-3", 51)], excess: "site"),
            Case(
                given: [(99, "A-1", 100), (99, "A-2", 100)], asked: [("A-3", 90)], cause: .transfer, excess: nil),
            Case(
                given: [(99, "A-1", 100)], asked: [("A-1", 1)], cause: .transfer, excess: "account:A-1"),
            Case(given: [], asked: [("A-1", .max)], excess: "account:A-1"),
            Case(given: [(99, "A-1", .max), (99, "A-1", .max)], asked: [("A-1", .max)], excess: "account:A-1"),
        ])
    func limits(test: Case) throws {
        var window = CreditWindow()
        for (hour, account, amount) in test.given {
            window.note([try credit(account, amount)], at: moment(hour: hour))
        }
        let asked = try test.asked.map { try credit($0.0, $0.1, test.cause) }
        let excess = window.excess(of: asked, limits: Self.limits, now: moment(hour: test.hour))
        #expect(excess.map { $0.account.map { "account:\($0)" } ?? "site" } == test.excess)
    }

    @Test("over a restart with clocks that cannot be compared, an uptime of a day is a day")
    func untrusted() throws {
        var window = CreditWindow()
        window.note([try credit("A-1", 100)], at: moment(hour: 5, trust: .untrusted))
        let more = [try credit("A-1", 1)]
        func excess(up: Int64) -> CreditExcess? {
            window.excess(
                of: more, limits: Self.limits, now: moment(hour: 0, boot: "c", trust: .untrusted, up: up))
        }
        #expect(excess(up: 1) != nil)
        #expect(excess(up: 24) != nil)
        #expect(excess(up: 25) == nil)
    }

    @Test("it does not grow with what is given")
    func bounded() throws {
        var window = CreditWindow()
        let one = [try credit("A-1", 1)]
        for minute in 0..<10_000 as Range<Int64> {
            window.note(
                one,
                at: Timestamp(
                    boot: BootID(rawValue: "b"), monotonic: .zero + .seconds(minute * 60),
                    wall: WallTime(millisecondsSince1970: 0), trust: .untrusted))
        }
        let now = Timestamp(
            boot: BootID(rawValue: "b"), monotonic: .zero + .seconds(10_000 * 60),
            wall: WallTime(millisecondsSince1970: 0), trust: .untrusted)
        let excess = window.excess(of: one, limits: Self.limits, now: now)
        // The last day, and at most an hour more.
        #expect(try #require(excess).given >= Money(microunits: 1_440))
        #expect(try #require(excess).given <= Money(microunits: 1_500))
    }

    @Test("what is taken from a customer is no credit")
    func debits() throws {
        let account = try #require(AccountID(rawValue: "A-1"))
        let posting = Posting(
            account: account, cause: .refund, debit: .customer(account), credit: .payments,
            amount: Money(microunits: 5), balanceAfter: .zero, carryTenthsAfter: 0)
        #expect(GivenCredit(posting) == nil)
    }
}
