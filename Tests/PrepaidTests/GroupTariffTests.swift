import Metering
import Prepaid
import Testing

/// 2026-03-02, a Monday, at midnight UTC.
private let midnight: Int64 = 1_772_409_600

/// A moment of that day, `HH:MM:SS` as seconds.
private func at(
    _ hour: Int64, _ minute: Int64 = 0, _ second: Int64 = 0, trust: ClockTrust = .trusted
) -> Timestamp {
    let seconds = hour * 3_600 + minute * 60 + second
    return Timestamp(
        boot: AccountFixture.boot, monotonic: MonotonicTime(nanoseconds: (100_000 + seconds) * 1_000_000_000),
        wall: WallTime(millisecondsSince1970: (midnight + seconds) * 1_000), trust: trust)
}

private let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(86_400))

@Suite("An account under a tariff")
struct GroupTariffTests {
    private func group(_ tariff: Tariff, circuits: [String] = ["c1"]) throws -> SupplyGroup {
        var account = try AccountFixture.open(balance: "1000", settings: AccountFixture.settings(cap: "100000"))
        account.tariff = TariffSchedule(current: tariff)
        return SupplyGroup(
            account: account,
            circuits: try circuits.map {
                CircuitState(
                    circuit: try AccountFixture.circuit($0), posted: nil, lastAccepted: nil, memory: BreakerMemory())
            })
    }

    private func read(
        _ group: inout SupplyGroup, _ value: Int64, at now: Timestamp, circuit: String = "c1"
    ) throws -> [Posting] {
        let id = try #require(CircuitID(rawValue: circuit))
        return group.take(counter: value, activePower: nil, of: id, now: now, site: site).change.postings
    }

    /// Valley 22:00-06:00 at 0.3, flat 0.6 until 08:00, peak 1.0 until 11:00.
    @Test("the first reading after a boundary posts, each rate by itself, and live equals posted")
    func boundary() throws {
        var group = try group(Tariff(.timeOfUse(TariffFixture.city())))
        _ = try read(&group, 0, at: at(7))
        #expect(try read(&group, 1_000, at: at(7, 30)).isEmpty)
        #expect(group.liveBalance == (try AccountFixture.money("999.4")))
        #expect(try read(&group, 2_000, at: at(7, 59, 30)).isEmpty)
        let postings = try read(&group, 2_060, at: at(8, 0, 30))
        #expect(postings.map(\.span?.rate) == [.flat, .peak])
        #expect(postings.map(\.span?.quantity) == [2_030, 30])
        #expect(postings.map(\.isEstimated) == [false, false])
        #expect(group.account?.balance == (try AccountFixture.money("998.752")))
        #expect(group.liveBalance == group.account?.balance)
        #expect(try read(&group, 3_060, at: at(9)).isEmpty)
        #expect(group.liveBalance == (try AccountFixture.money("997.752")))
    }

    @Test("without use a boundary is still noted, so that later use is priced in its own slot")
    func idleBoundary() throws {
        var group = try group(Tariff(.timeOfUse(TariffFixture.city())))
        _ = try read(&group, 500, at: at(5))
        #expect(try read(&group, 500, at: at(6, 30)).isEmpty)
        #expect(group.circuits.first?.posted?.at == at(6, 30))
        _ = try read(&group, 1_500, at: at(7))
        #expect(group.liveBalance == (try AccountFixture.money("999.4")))
    }

    @Test("readings far from a boundary are split by time and marked")
    func estimated() throws {
        var group = try group(Tariff(.timeOfUse(TariffFixture.city())))
        _ = try read(&group, 0, at: at(7))
        let postings = try read(&group, 3_000, at: at(8, 30))
        #expect(postings.map(\.span?.quantity) == [2_000, 1_000])
        #expect(postings.map(\.isEstimated) == [true, true])
    }

    @Test("a clock that is not trusted takes the fallback rate, marked, and trust re-prices nothing")
    func untrusted() throws {
        var group = try group(Tariff(.timeOfUse(TariffFixture.city())))
        _ = try read(&group, 0, at: at(9))
        _ = try read(&group, 1_000, at: at(9, 5))
        let first = try read(&group, 1_100, at: at(9, 6, trust: .untrusted))
        #expect(first.map(\.span?.quantity) == [1_000, 100])
        #expect(first.map(\.isEstimated) == [false, true])
        _ = try read(&group, 2_100, at: at(9, 10, trust: .untrusted))
        let second = try read(&group, 2_200, at: at(9, 11))
        #expect(second.map(\.span?.quantity) == [1_000, 100])
        #expect(second.map(\.isEstimated) == [true, false])
    }

    @Test("steps are used up by all circuits together, split exactly at the threshold")
    func steps() throws {
        let steps = try StepPrices(
            thresholds: [10_000], prices: [TariffFixture.price("1"), TariffFixture.price("2")], period: .month(day: 1))
        var group = try group(.step(steps), circuits: ["c1", "c2"])
        _ = try read(&group, 0, at: at(1), circuit: "c1")
        _ = try read(&group, 0, at: at(1), circuit: "c2")
        _ = try read(&group, 7_000, at: at(2), circuit: "c1")
        _ = try read(&group, 5_000, at: at(2), circuit: "c2")
        #expect(group.liveBalance == (try AccountFixture.money("986")))
        let settled = group.settleNow(zone: .utc)
        #expect(settled.change.postings.map(\.span?.step) == [1, 1, 2])
        #expect(settled.change.postings.map(\.span?.quantity) == [7_000, 3_000, 2_000])
        #expect(group.account?.usage.current?.quantity == 12_000)
        #expect(group.account?.balance == (try AccountFixture.money("986")))
    }

    @Test("a scheduled price takes effect at the first reading after it, unsplit")
    func scheduled() throws {
        var account = try AccountFixture.open(balance: "1000", settings: AccountFixture.settings(cap: "100000"))
        account.tariff = try TariffSchedule(
            current: .flat(TariffFixture.price("1")),
            changes: [.init(at: at(8).wall, tariff: .flat(TariffFixture.price("3")))])
        var group = SupplyGroup(
            account: account,
            circuits: [
                CircuitState(
                    circuit: try AccountFixture.circuit("c1"), posted: nil, lastAccepted: nil, memory: BreakerMemory())
            ])
        _ = try read(&group, 0, at: at(7))
        _ = try read(&group, 500, at: at(7, 59, 59))
        let postings = try read(&group, 1_000, at: at(8, 10))
        #expect(postings.map(\.amount.microunits) == [1_000_000])
        _ = try read(&group, 2_000, at: at(9))
        #expect(group.liveBalance == (try AccountFixture.money("996")))
        #expect(group.account?.tariff?.changes.isEmpty == true)
    }

    @Test("however often it is read and settled within the slots, the sum is the same")
    func partition() throws {
        var generator = SeededGenerator(seed: 11)
        let tariff = try Tariff(.timeOfUse(TariffFixture.city()))
        for _ in 0..<20 {
            var often = try group(tariff)
            var seldom = try group(tariff)
            _ = try read(&often, 0, at: at(6, 1))
            _ = try read(&seldom, 0, at: at(6, 1))
            var value: Int64 = 0
            for second in stride(from: Int64(6 * 3_600 + 120), to: 23 * 3_600, by: 60) {
                value += Int64.random(in: 0...200, using: &generator)
                let now = at(0, 0, second)
                let isNearBoundary = second % 3_600 < 120 || second % 3_600 >= 3_480
                if isNearBoundary || Bool.random(using: &generator) {
                    _ = try read(&often, value, at: now)
                    if Int.random(in: 0..<10, using: &generator) == 0 { _ = often.settleNow(zone: .utc) }
                }
                if isNearBoundary { _ = try read(&seldom, value, at: now) }
            }
            #expect(often.liveBalance == seldom.liveBalance)
        }
    }
}
