import Metering
import Testing

@testable import Prepaid

@Suite("The outlook of a group")
struct OutlookTests {
    private static let start: Int64 = 80_000

    private static func group() throws -> SupplyGroup {
        func minute(_ hour: Int, _ minute: Int) throws -> MinuteOfDay {
            try #require(MinuteOfDay(minutes: hour * 60 + minute))
        }
        var state = CircuitState(
            circuit: try AccountFixture.circuit("c1"), posted: AccountFixture.mark(0, start),
            lastAccepted: AccountFixture.mark(0, start), memory: BreakerMemory(confirmed: .closed),
            rules: CircuitRules(
                switching: try SwitchingRules(minimumDwell: .seconds(90), travelTime: .seconds(7)),
                timer: try TimerTable(
                    workday: [
                        TimerSwitch(start: minute(7, 10), action: .on), TimerSwitch(start: minute(7, 40), action: .off),
                        TimerSwitch(start: minute(7, 55), action: .on),
                    ],
                    holiday: [TimerSwitch(start: minute(0, 0), action: .on)])))
        _ = state.reconciler.observe(.closed)
        return SupplyGroup(
            account: try AccountFixture.open(balance: "0.5"), circuits: [state],
            rules: AccountRules(
                protectedPeriods: try ProtectedPeriods(
                    workday: [DailyPeriod(from: minute(7, 20), to: minute(7, 30))], holiday: []),
                remindsOfLowBalance: true))
    }

    /// What people would notice of a group.
    private static func face(_ group: SupplyGroup) -> [String] {
        group.circuits.map { "\(String(describing: $0.decision)) \(String(describing: $0.waitsFor))" }
    }

    @Test("until its next change, time changes nothing", arguments: 0..<12 as Range<UInt64>)
    func nothingBefore(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let circuit = try #require(CircuitID(rawValue: "c1"))
        let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(45))
        var group = try Self.group()
        var counter: Int64 = 0
        var changes = 0
        var expected = MonotonicTime.zero
        for second in Self.start..<(Self.start + 5_400) {
            let now = AccountFixture.at(second)
            let before = (Self.face(group), group.circuits.map(\.reconciler.memory))
            let outcome = group.tick(now: now, site: site)
            let isChanged = Self.face(group) != before.0 || !outcome.change.isEmpty || !outcome.orders.isEmpty
            if isChanged {
                changes += 1
                #expect(now.monotonic >= expected, "at \(second) s without notice: \(before.0) to \(Self.face(group))")
            }
            // Most seconds bring a reading; sometimes the meter is silent, and sometimes a write fails.
            if !outcome.orders.isEmpty, Int.random(in: 0..<4, using: &generator) > 0 {
                _ = group.orderEnded(circuit, readBack: outcome.orders[0].position, now: now, site: site)
            } else if !outcome.orders.isEmpty {
                _ = group.orderEnded(circuit, readBack: nil, now: now, site: site)
            }
            if (second / 200) % 5 != 4, Int.random(in: 0..<3, using: &generator) == 0 {
                counter += 10 * Int64.random(in: 0...1, using: &generator)
                let taken = group.take(counter: counter, activePower: nil, of: circuit, now: now, site: site)
                if let order = taken.orders.first {
                    _ = group.orderEnded(circuit, readBack: order.position, now: now, site: site)
                }
            }
            expected = group.outlook(now: now, site: site).nextChange ?? MonotonicTime(nanoseconds: .max)
        }
        #expect(changes > 3, "the trial is no trial")
    }

    @Test("asks for fast readings near the end of the balance, and not after it")
    func urgency() throws {
        let circuit = try #require(CircuitID(rawValue: "c1"))
        let site = SiteConditions(isLedgerUsable: true, staleAfter: .seconds(45))
        func urgency(_ alarm: AlarmLevel) throws -> PollClass? {
            var account = try AccountFixture.open(balance: "20")
            account.alarm = alarm
            let state = CircuitState(
                circuit: try AccountFixture.circuit("c1"), posted: nil, lastAccepted: nil, memory: BreakerMemory())
            let group = SupplyGroup(account: account, circuits: [state])
            return group.outlook(now: AccountFixture.at(0), site: site).urgency[circuit]
        }
        #expect(try urgency(.none) == .normal)
        #expect(try urgency(.first) == .normal)
        #expect(try urgency(.second) == .fast)
        #expect(try urgency(.arrears) == .fast)
        #expect(try urgency(.cut) == .normal)
    }
}
