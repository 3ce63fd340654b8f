import Metering
import Testing

private let periods = PollSchedule.Periods(fast: .seconds(1), normal: .seconds(5), slow: .seconds(60))

private func cost(_ normal: Int, slow: Int, fast: Int = 30) -> PollCost {
    PollCost(
        fast: .milliseconds(fast), normal: .milliseconds(normal), slow: .milliseconds(slow),
        longestRequest: .milliseconds(normal))
}

/// Plays the schedule on a line that takes `costs` and gives the oldest that normal values get.
private func oldestNormalValue(_ costs: [PollCost], fastCount: Int, for length: Duration) throws -> Duration {
    var schedule = PollSchedule(periods: periods)
    var now = MonotonicTime.zero
    var last: [MeterID: MonotonicTime] = [:]
    var meters: [MeterID: PollCost] = [:]
    for (index, cost) in costs.enumerated() {
        let meter = try #require(MeterID(rawValue: "M-\(index)"))
        schedule.add(meter, requestGap: .zero, now: now)
        meters[meter] = cost
    }
    schedule.setFast(Set(schedule.meters.prefix(fastCount)))
    var oldest = Duration.zero
    while now < .zero + length {
        let step = schedule.next(at: now)
        switch step {
        case .idle(let until): now = max(until, now + .milliseconds(1))
        case .probe: break
        case .poll(let meter, let pollClass):
            let cost = try #require(meters[meter])
            let took = pollClass == .fast ? cost.fast : pollClass == .normal ? cost.normal : cost.slow
            now = now + took
            _ = schedule.record(step, answered: true, took: took, turnaround: .milliseconds(8), at: now)
            guard pollClass != .fast else { continue }
            if let before = last.updateValue(now, forKey: meter) { oldest = max(oldest, now - before) }
        }
    }
    return oldest
}

@Suite("How old values get, from the plan")
struct PollFreshnessTests {
    struct Line: Sendable, CustomTestStringConvertible {
        let count: Int
        let cost: PollCost
        let fastCount: Int
        var testDescription: String { "\(count) devices, \(fastCount) fast" }
    }

    @Test(
        "what is stated is never less than what the schedule does, and not much more",
        arguments: [
            Line(count: 1, cost: cost(100, slow: 200), fastCount: 0),
            Line(count: 32, cost: cost(90, slow: 140), fastCount: 0),
            Line(count: 32, cost: cost(90, slow: 140), fastCount: 8),
            Line(count: 100, cost: cost(140, slow: 400), fastCount: 0),
            Line(count: 247, cost: cost(140, slow: 300), fastCount: 0),
            Line(count: 247, cost: cost(140, slow: 300), fastCount: 20),
            Line(count: 247, cost: cost(140, slow: 300), fastCount: 247),
        ])
    func agreesWithSchedule(line: Line) throws {
        let costs = Array(repeating: line.cost, count: line.count)
        let stated = PollFreshness(costs, periods: periods, fastCount: line.fastCount).worstNormalAge
        let seen = try oldestNormalValue(costs, fastCount: line.fastCount, for: .seconds(900))
        #expect(seen <= stated, "\(seen) seen, \(stated) stated")
        #expect(stated <= seen * 1.6 + .seconds(1), "\(seen) seen, \(stated) stated")
    }

    @Test("a full bus of single-phase meters at 9600 stays below three minutes, at 2400 with slow polls it does not")
    func threeMinutes() {
        #expect(PollFreshness(Array(repeating: cost(140, slow: 300), count: 247), periods: periods).keepsNormalAge)
        #expect(!PollFreshness(Array(repeating: cost(560, slow: 1200), count: 247), periods: periods).keepsNormalAge)
    }

    @Test("as many devices fit as can be asked in three minutes")
    func mostDevices() {
        #expect(PollFreshness.mostDevices(cost(100, slow: 200), periods: periods) == 247)
        let most = PollFreshness.mostDevices(cost(1000, slow: 2000), periods: periods)
        #expect((80...90).contains(most), "\(most)")
        #expect(PollFreshness.mostDevices(cost(400_000, slow: 400_000), periods: periods) == 0)
    }

    @Test("an empty bus is fresh, and no class is stated that nobody is in")
    func empty() {
        let freshness = PollFreshness([], periods: periods, fastCount: 3)
        #expect(freshness.worstFastAge == nil)
        #expect(freshness.keepsNormalAge)
        #expect(freshness.loadPerMille == 40)
    }
}
