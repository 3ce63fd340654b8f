import Metering
import Prepaid
import Testing

@Suite("A start after a crash")
struct RestartTests {
    /// The ledger kept the release of a disputed move; the accepted mark after it was lost.
    @Test("an accepted mark from before a disputed move is not consumption", arguments: [(5, 900_000), (900_000, 5)])
    func staleMark(posted: Int64, stale: Int64) throws {
        let state = CircuitState(
            circuit: try AccountFixture.circuit("c1"), posted: AccountFixture.mark(posted, 60),
            lastAccepted: AccountFixture.mark(stale, 30), memory: BreakerMemory())
        let group = SupplyGroup(account: try AccountFixture.open(balance: "10"), circuits: [state])
        #expect(state.track.lastAccepted?.value == posted)
        #expect(group.liveBalance == group.account?.balance)
    }

    @Test("an accepted mark after the posted one is where billing goes on")
    func newerMark() throws {
        let state = CircuitState(
            circuit: try AccountFixture.circuit("c1"), posted: AccountFixture.mark(1_000, 60),
            lastAccepted: AccountFixture.mark(1_040, 90), memory: BreakerMemory())
        #expect(state.track.lastAccepted?.value == 1_040)
    }
}

@Suite("A ledger that keeps nothing")
struct UnkeptOrderTests {
    private static let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(60))

    private static func group() throws -> (SupplyGroup, CircuitID) {
        let circuit = try AccountFixture.circuit("c1")
        let state = CircuitState(
            circuit: circuit, posted: nil, lastAccepted: nil,
            memory: BreakerMemory(mode: .forcedOff, confirmed: .closed))
        return (SupplyGroup(account: nil, circuits: [state]), circuit.id)
    }

    @Test("an opening sent without it is not sent at every tick, and its end frees the breaker")
    func sentOnce() throws {
        var (kept, circuit) = try Self.group()
        var orders = 0
        for second in 0..<10 {
            var trial = kept
            let outcome = trial.tick(now: AccountFixture.mark(0, Int64(second)).at, site: Self.site)
            orders += outcome.orders.count
            kept.keepOrders(outcome.orders, ended: nil, of: trial)
        }
        #expect(orders == 1)
        var trial = kept
        _ = trial.orderEnded(circuit, readBack: .open, now: AccountFixture.mark(0, 11).at, site: Self.site)
        kept.keepOrders([], ended: circuit, of: trial)
        #expect(!kept.circuits[0].reconciler.isWriting)
    }
}
