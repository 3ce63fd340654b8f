import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import ReferencePlatform

@Suite("Sales and how they reach the gateway")
struct SaleTests {
    private func sell(
        _ platform: TemporaryStore, _ id: String, _ amount: Int64 = 5_000_000, number: Int64? = nil
    ) throws {
        try platform.store.issue(
            (try #require(AccountID(rawValue: "A-1")), "C-1", "office", Money(microunits: amount)), number: number,
            gateway: try #require(GatewayID(rawValue: "G-1")), id: id)
    }

    private func numbers(_ platform: TemporaryStore) throws -> [Int64?] {
        try platform.store.commands(for: try #require(GatewayID(rawValue: "G-1")), after: 0)
            .map { $0.object?["recharge"]?.object?["number"]?.integer }
    }

    @Test("two sales of the same amount, before the gateway has answered the first, are two sales")
    func twoOnTheWay() throws {
        let platform = try TemporaryStore()
        try sell(platform, "r-1")
        try sell(platform, "r-2")
        #expect(try numbers(platform) == [1, 2])
    }

    @Test("the number after a posted recharge; a refused sale's number is free again")
    func afterAnswers() throws {
        let platform = try TemporaryStore()
        var ledger = try GatewayLedger(recharges: 3)
        _ = try platform.store.take(try ledger.batch(1...3), now: noon)
        try sell(platform, "r-4")
        #expect(try numbers(platform) == [4])
        ledger.append(
            .command(CommandRecord(id: "r-4", kind: "recharge", state: .rejected, outcome: "over_hoarding_cap")))
        _ = try platform.store.take(try ledger.batch(4...4), now: noon)
        try sell(platform, "r-4b")
        #expect(try numbers(platform) == [4, 4])
        #expect(try platform.store.commands().map(\.state) == ["rejected", "queued"])
    }

    @Test("the same id is the same sale; with other content it is refused")
    func sameID() throws {
        let platform = try TemporaryStore()
        try sell(platform, "r-1")
        try sell(platform, "r-1")
        #expect(try numbers(platform) == [1])
        #expect(throws: SaleProblem.idTaken("r-1")) { try sell(platform, "r-1", 6_000_000) }
        #expect(throws: SaleProblem.idTaken("r-1")) { try sell(platform, "r-1", number: 2) }
    }

    @Test("a bell that rang between the look and the wait is not slept through", .timeLimit(.minutes(5)))
    func rangBefore() async throws {
        let bell = CommandBell()
        let gateway = try #require(GatewayID(rawValue: "G-1"))
        let heard = bell.rings(for: gateway)
        bell.ring(gateway)
        await bell.wait(for: gateway, after: heard, seconds: 3600)
        #expect(bell.rings(for: gateway) == heard + 1)
    }

    @Test("the bell wakes every waiter of its gateway, and a cancelled one leaves", .timeLimit(.minutes(5)))
    func wakes() async throws {
        let bell = CommandBell()
        let gateway = try #require(GatewayID(rawValue: "G-1"))
        let heard = bell.rings(for: gateway)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { await bell.wait(for: gateway, after: heard, seconds: 3600) } }
            bell.ring(gateway)
            await group.waitForAll()
        }
        let other = Task { await bell.wait(for: gateway, after: heard + 1, seconds: 3600) }
        other.cancel()
        await other.value
    }
}
