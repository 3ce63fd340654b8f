import Foundation
import Metering
import Prepaid
import Storage
import Testing
import UplinkProtocol

@testable import Concentrator

extension SiteBench {
    /// Two agreeing readings of every meter, so that the rules may act.
    func settleIn(energy: Int64 = 1000) async {
        for meter in meters {
            await report(meter, energy: energy)
            await report(meter, energy: energy)
        }
    }

    @discardableResult
    func send(
        _ kind: String, _ fields: String, id: String = UUID().uuidString, from origin: CommandOrigin = .platform,
        extra: String = ""
    ) async throws -> CommandRecord {
        let text = "{\"id\":\"\(id)\",\"position\":1,\"kind\":\"\(kind)\",\"\(kind)\":\(fields)\(extra)}"
        let command = try Command(json: try StrictJSON.parse(text))
        return try #require(await site.execute(command, from: origin))
    }

    func account(_ name: String) async throws -> Account {
        try #require(try await site.stored().accounts.first { $0.id.rawValue == name })
    }

    func decision(_ circuit: String) async -> BreakerDecision? {
        await site.status().circuits.first { $0.circuit.rawValue == circuit }?.decision
    }
}

extension SiteService {
    func stored() throws -> StoredSite { try ledger.site() }
    func isSound() throws -> Bool { try ledger.verify().isSound }
    /// As after a start: what was credited is read from the ledger.
    func forgetCredits() throws {
        creditWindow = CreditWindow()
        for (at, credit) in try ledger.recentCredits(now: clock.now()) { creditWindow.note([credit], at: at) }
    }
}

private let money = "\"account\":\"A-1\",\"customer_number\":\"C-1\",\"issuer\":\"office\""

@Suite("What commands do to a site")
struct CommandExecutionTests {
    @Test("no more is credited within a day than the site allows, over a restart too; a refusal takes no number")
    func dailyCredit() async throws {
        var limits = CommandLimits.standard
        limits.dailyCredit = CreditLimits(
            perAccount: Money(microunits: 10_000_000), perSite: Money(microunits: 25_000_000))
        let bench = try await SiteBench(count: 3, policy: CommandPolicy(limits: limits))
        await bench.settleIn()
        func sell(_ unit: Int, _ number: Int, _ amount: String) async throws -> CommandRecord {
            try await bench.send(
                "recharge",
                """
                {"account":"A-\(unit)","customer_number":"C-\(unit)","issuer":"office","number":\(number),\
                "amount":"\(amount)"}
                """)
        }
        #expect(try await sell(1, 1, "6").outcome == "applied")
        let refused = try await sell(1, 2, "4.000001")
        #expect(refused.outcome == "over_daily_limit")
        #expect(refused.detail["account"] == "A-1" && refused.detail["given_microunits"] == "6000000")
        #expect(try await bench.account("A-1").balance == Money(microunits: 7_000_000))
        // Another way to the same end, then as much as there is left.
        #expect(try await bench.send("preset", "{\(money),\"amount\":\"12\"}").outcome == "over_daily_limit")
        #expect(try await sell(1, 2, "4").outcome == "applied")
        #expect(try await sell(2, 1, "10").outcome == "applied")
        // Of the site: 20 of 25 are given.
        let site = try await sell(3, 1, "5.5")
        #expect(site.outcome == "over_daily_limit" && site.detail["account"] == nil)
        #expect(site.detail["limit_microunits"] == "25000000")
        try await bench.site.forgetCredits()
        #expect(try await sell(3, 1, "5.5").outcome == "over_daily_limit")
        #expect(try await sell(3, 1, "5").outcome == "applied")
        // The same again is no credit.
        #expect(try await sell(3, 1, "5").outcome == "already_applied")
        // What is only moved counts where it goes: A-3 was given half of its limit.
        let transfer = """
            {"from":"A-2","from_customer_number":"C-2","to":"A-3","to_customer_number":"C-3","issuer":"office",\
            "amount":"AMOUNT"}
            """
        let much = try await bench.send("transfer", transfer.replacing("AMOUNT", with: "5.1"))
        #expect(much.outcome == "over_daily_limit")
        #expect(try await bench.send("transfer", transfer.replacing("AMOUNT", with: "5")).outcome == "applied")
        #expect(try await bench.site.isSound())
    }

    @Test("refund, reversal, clear, preset, transfer: the balance, the answer, once for ever")
    func moneyMoves() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        #expect(try await bench.send("refund", "{\(money),\"amount\":\"0.40\"}", id: "f").outcome == "applied")
        #expect(try await bench.account("A-1").balance == Money(microunits: 600_000))
        let again = try await bench.send("refund", "{\(money),\"amount\":\"0.40\"}", id: "f")
        #expect(again.detail["balance_microunits"] == "600000")
        #expect(try await bench.account("A-1").balance == Money(microunits: 600_000))
        let much = try await bench.send("refund", "{\(money),\"amount\":\"5\"}")
        #expect((much.state, much.outcome) == (.rejected, "insufficient_balance"))
        let entry = try await bench.site.lastPosting(of: "A-1")
        #expect(try await bench.send("reversal", "{\(money),\"entry\":\(entry)}").outcome == "applied")
        #expect(try await bench.send("reversal", "{\(money),\"entry\":\(entry)}").outcome == "already_reversed")
        let transfer = """
            {"from":"A-1","from_customer_number":"C-1","to":"A-2","to_customer_number":"C-2","issuer":"office",\
            "amount":"0.25"}
            """
        #expect(try await bench.send("transfer", transfer).detail["to_balance_microunits"] == "1250000")
        #expect(try await bench.send("preset", "{\(money),\"amount\":\"7\"}").outcome == "applied")
        #expect(try await bench.send("clear", "{\(money)}").outcome == "applied")
        #expect(try await bench.account("A-1").balance == .zero)
        #expect(try await bench.send("clear", "{\(money.replacing("C-1", with: "C-9"))}").outcome == "wrong_customer")
        #expect(try await bench.site.isSound())
    }

    @Test("an account is closed with its breakers, and opened anew over its circuit for another customer")
    func closeAndOpen() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        #expect(try await bench.send("close_account", "{\(money),\"pays_out\":true}").outcome == "applied")
        #expect(bench.orders().map(\.rule) == [.accountClosed])
        let opening = """
            {"account":"A-1","customer_number":"C-77","issuer":"office","carried_over":"3","last_recharge_number":5,\
            "settings":{"price":"0.5","alarm_1":"2","alarm_2":"1","hoarding_cap":"50"}}
            """
        #expect(try await bench.send("open_account", opening).outcome == "applied")
        let account = try await bench.account("A-1")
        #expect(account.customerNumber == "C-77")
        #expect(account.balance == Money(microunits: 3_000_000))
        #expect(account.lastRechargeNumber == 5)
        #expect(try await bench.send("open_account", opening).outcome == "already_open")
        // A new account over a circuit of a closed one.
        let other = money.replacing("A-1", with: "A-2").replacing("C-1", with: "C-2")
        try await bench.send("close_account", "{\(other),\"pays_out\":true}")
        let taking = opening.replacing("\"A-1\"", with: "\"A-3\"").replacing("}}", with: "},\"circuits\":[\"M-2\"]}")
        #expect(try await bench.send("open_account", taking).outcome == "applied")
        #expect(await bench.site.status().circuits.map(\.account?.rawValue) == ["A-1", "A-3"])
        #expect(try await bench.site.isSound())
    }

    @Test("a tariff bills from the reading at which it came; a later one waits for its moment")
    func tariff() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        try await bench.send("preset", "{\(money),\"amount\":\"1000\"}")
        // 1 Wh at 1000.0000 is 1.00; then 1 Wh at 2.0000 is 0.002.
        await bench.report(bench.meters[0], energy: 1001)
        let cheap = "{\"accounts\":[\"A-1\",\"A-9\"],\"tariff\":{\"price\":\"2\"}}"
        let record = try await bench.send("tariff", cheap)
        #expect(record.outcome == "partly_applied")
        #expect(record.detail == ["A-1": "applied", "A-9": "unknown_account"])
        await bench.report(bench.meters[0], energy: 1002)
        let status = await bench.site.status().circuits[0]
        #expect(status.balance == Money(microunits: 998_998_000))
        let later = "{\"accounts\":[\"A-1\"],\"price\":\"5\",\"from_ms\":4000000000000}"
        #expect(try await bench.send("price", later).outcome == "applied")
        let kept = try await bench.account("A-1").tariff
        #expect(kept?.current == .flat(try #require(Price(decimal: "2"))))
        #expect(kept?.changes.map(\.tariff) == [.flat(try #require(Price(decimal: "5")))])
        let wrong = "{\"accounts\":[\"A-2\"],\"settings\":{\"alarm_2\":\"99\"}}"
        #expect(try await bench.send("account_settings", wrong).detail["A-2"]?.contains("alarm_2 = 99.00") == true)
    }

    @Test("a timer, a calendar and rules are kept, act at once, and are there for the next run")
    func settings() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        let off = """
            {"circuits":["M-1"],"timer":{"workday":[{"start":"00:00","action":"off"}],\
            "holiday":[{"start":"00:00","action":"off"}]}}
            """
        #expect(try await bench.send("timer", off).outcome == "applied")
        #expect(await bench.decision("M-1")?.rule == .timerOff)
        #expect(bench.orders().map(\.position) == [.open])
        #expect(
            try await bench.send("account_rules", "{\"accounts\":[\"A-1\"],\"rules\":{\"is_vulnerable\":true}}").outcome
                == "applied")
        #expect(await bench.decision("M-1")?.rule == .supply)
        #expect(try await bench.send("calendar", "{\"holidays\":[\"2026-10-01\"]}").outcome == "applied")
        let stored = try await bench.site.stored().settings
        #expect(stored.circuitRules.count == 1)
        #expect(stored.accountRules.values.map(\.isVulnerable) == [true])
        #expect(stored.calendar.holidays.count == 1)
        await bench.site.loadAnew()
        #expect(await bench.site.calendar == stored.calendar)
        await bench.settleIn()
        #expect(await bench.decision("M-1") == BreakerDecision(.closed, .supply))
        #expect(try await bench.send("timer", "{\"circuits\":[\"M-1\"],\"timer\":{}}").outcome == "applied")
        #expect(try await bench.site.stored().settings.circuitRules.isEmpty)
    }

    @Test("forced off, guarantee, automatic; what only a person on site may do")
    func modes() async throws {
        let bench = try await SiteBench(count: 3)
        await bench.settleIn()
        let off = "{\"circuits\":[\"M-1\",\"X-9\"],\"mode\":\"forced_off\"}"
        #expect(try await bench.send("breaker_mode", off).detail == ["M-1": "applied", "X-9": "unknown_circuit"])
        #expect(bench.orders().map(\.rule) == [.forcedOff])
        #expect(try await bench.site.stored().circuits[0].memory.mode == .forcedOff)
        let lock = "{\"circuits\":[\"M-2\"],\"locked\":true}"
        #expect(try await bench.send("maintenance_lock", lock).outcome == "on_site_only")
        #expect(try await bench.send("maintenance_lock", lock, from: .onSite).outcome == "applied")
        #expect(await bench.decision("M-2")?.rule == .maintenanceLock)
        #expect(try await bench.send("release_lockout", "{\"circuits\":[\"M-3\"]}").outcome == "not_locked")
        let sale = try await bench.send("recharge", "{\(money),\"number\":1,\"amount\":\"5\"}", from: .onSite)
        #expect(sale.outcome == "not_on_site")
        #expect(try await bench.codes().contains("operator_mode_changed"))
    }

    @Test("a platform cannot force off a house in one go; a person on site can")
    func massForcedOff() async throws {
        let bench = try await SiteBench(count: 40)
        await bench.settleIn()
        func off(_ range: ClosedRange<Int>) -> String {
            "{\"circuits\":[\(range.map { "\"M-\($0)\"" }.joined(separator: ","))],\"mode\":\"forced_off\"}"
        }
        #expect(try await bench.send("breaker_mode", off(1...4)).outcome == "applied")
        let refused = try await bench.send("breaker_mode", off(5...9))
        #expect(refused.outcome == "too_many_forced_off")
        #expect(try await bench.codes().contains("forced_off_refused"))
        #expect(bench.orders().count == 4)
        #expect(try await bench.send("breaker_mode", off(5...40), from: .onSite).outcome == "applied")
        #expect(bench.orders().count == 36)
    }

    @Test("beyond the limits, unsigned, expired, unknown, or of no sense: refused under its id")
    func refusals() async throws {
        let key = try #require(
            CommandKey(bytes: [
                0x03, 0xA1, 0x07, 0xBF, 0xF3, 0xCE, 0x10, 0xBE, 0x1D, 0x70, 0xDD, 0x18, 0xE7, 0x4B, 0xC0, 0x99, 0x67,
                0xE4, 0xD6, 0x30, 0x9B, 0xA5, 0x0D, 0x5F, 0x1D, 0xDC, 0x86, 0x64, 0x12, 0x55, 0x31, 0xB8,
            ]))
        let signing = try await SiteBench(count: 1, policy: CommandPolicy(limits: .standard, key: key))
        let off = "{\"circuits\":[\"M-1\"],\"mode\":\"forced_off\"}"
        #expect(try await signing.send("breaker_mode", off).outcome == "bad_signature")
        #expect(try await signing.send("breaker_mode", off, from: .onSite).outcome == "applied")
        let bench = try await SiteBench(count: 1)
        let much = try await bench.send("recharge", "{\(money),\"number\":1,\"amount\":\"100000.01\"}")
        #expect(much.outcome == "over_limit")
        #expect(much.detail["value"] == "100000.01")
        let late = try await bench.send("breaker_mode", off, extra: ",\"expires_at_ms\":1000")
        #expect((late.state, late.outcome) == (.expired, "expired"))
        #expect(try await bench.send("dance", "{}").outcome == "unsupported")
        #expect(try await bench.send("clear", "{}").detail["field"] == "clear.account")
        #expect(try await bench.send("confirm_cuts", "{}").outcome == "nothing_held")
        #expect(try await bench.send("reload", "{}").outcome == "invalid")
        #expect(try await bench.send("time", "{\"wall_ms\":1}").outcome == "own_clock_trusted")
    }

    @Test("what the ledger refuses for ever is answered, and keeps nothing behind it waiting")
    func refusedByLedger() async throws {
        let bench = try await SiteBench(count: 2)
        await bench.settleIn()
        // A circuit that only memory knows: the ledger has no such row.
        try await bench.site.removeFromLedgerOnly("M-2")
        let record = try await bench.send(
            "breaker_mode", "{\"circuits\":[\"stranger\"],\"mode\":\"forced_off\"}", id: "x")
        #expect((record.state, record.outcome) == (.rejected, "refused_by_ledger"))
        #expect(try await bench.site.command("x") == record)
        #expect(try await bench.send("clear", "{\(money)}").outcome == "applied")
    }
}

extension SiteService {
    func lastPosting(of account: String) throws -> Int64 {
        try ledger.statement(of: try #require(AccountID(rawValue: account)), limit: 1).last?.sequence ?? 0
    }

    func loadAnew() async {
        groups = [:]
        calendar = .plain
        if let site = try? ledger.site() { load(site, lastAccepted: [:]) }
    }

    /// Puts a circuit into the groups under a name that the ledger does not know.
    func removeFromLedgerOnly(_ name: String) throws {
        let circuit = try #require(CircuitID(rawValue: name))
        let key = try #require(groupOfCircuit[circuit])
        let state = try #require(groups[key]?.circuits.first)
        let stranger = try #require(CircuitID(rawValue: "stranger"))
        let moved = SiteCircuit(
            id: stranger, account: nil, meter: state.circuit.meter, commodity: .electricity,
            counter: state.circuit.counter, breaker: state.circuit.breaker)
        groups[key] = SupplyGroup(
            account: nil,
            circuits: [CircuitState(circuit: moved, posted: nil, lastAccepted: nil, memory: BreakerMemory())])
        groupOfCircuit[stranger] = key
    }
}
