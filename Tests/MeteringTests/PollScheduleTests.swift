import Metering
import Testing

private func at(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
private func meter(_ number: Int) throws -> MeterID { try #require(MeterID(rawValue: "M-\(number)")) }

@Suite("Which device is asked next")
struct PollScheduleTests {
    private let periods = PollSchedule.Periods(fast: .seconds(1), normal: .seconds(5), slow: .seconds(60))

    /// Runs the schedule for a time on a line where each poll takes `took`, and counts.
    private func run(
        _ schedule: inout PollSchedule, forMilliseconds length: Int64, took: Duration = .milliseconds(100),
        dead: Set<MeterID> = [], deadTook: Duration = .milliseconds(400)
    ) -> (polls: [MeterID: Int], deadTime: Duration) {
        var now = at(0)
        var polls: [MeterID: Int] = [:]
        var deadTime = Duration.zero
        while now < at(length) {
            let step = schedule.next(at: now)
            switch step {
            case .idle(let until):
                #expect(until > now)
                now = until
            case .poll(let meter, _), .probe(let meter):
                let answered = !dead.contains(meter)
                let cost = answered ? took : deadTook
                now = now + cost
                polls[meter, default: 0] += 1
                if !answered { deadTime += cost }
                _ = schedule.record(step, answered: answered, took: cost, at: now)
            }
        }
        return (polls, deadTime)
    }

    @Test("every device is asked once a period, and nothing is asked in between")
    func periodic() throws {
        var schedule = PollSchedule(periods: periods)
        for number in 1...10 { schedule.add(try meter(number), requestGap: .zero, now: at(0)) }
        let (polls, _) = run(&schedule, forMilliseconds: 60_000)
        for number in 1...10 { #expect((11...13).contains(polls[try meter(number)] ?? 0)) }
    }

    @Test("a line with more devices than time serves all of them alike")
    func saturated() throws {
        var schedule = PollSchedule(periods: periods)
        for number in 1...100 { schedule.add(try meter(number), requestGap: .zero, now: at(0)) }
        let (polls, _) = run(&schedule, forMilliseconds: 100_000)
        let counts = polls.values
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 2)
    }

    @Test("a circuit near its limit is asked every second")
    func fast() throws {
        var schedule = PollSchedule(periods: periods)
        for number in 1...3 { schedule.add(try meter(number), requestGap: .zero, now: at(0)) }
        schedule.setFast([try meter(2)])
        let (polls, _) = run(&schedule, forMilliseconds: 60_000)
        #expect((50...61).contains(polls[try meter(2)] ?? 0))
        #expect((polls[try meter(1)] ?? 0) < 15)
    }

    @Test("the pause a model needs between two requests is kept")
    func gap() throws {
        var schedule = PollSchedule(
            periods: .init(fast: .milliseconds(10), normal: .milliseconds(10), slow: .seconds(60)))
        let only = try meter(1)
        schedule.add(only, requestGap: .milliseconds(500), now: at(0))
        let step = schedule.next(at: at(0))
        _ = schedule.record(step, answered: true, took: .milliseconds(20), at: at(20))
        #expect(schedule.next(at: at(30)) == .idle(until: at(520)))
        #expect(schedule.next(at: at(520)) == .poll(only, .normal))
    }

    @Test(
        "however many are dead, they take at most four percent of the line (telegraf 11782, OpenEMS 6)",
        arguments: [1, 8, 60])
    func deadShare(count: Int) throws {
        var schedule = PollSchedule(periods: periods)
        var dead: Set<MeterID> = []
        for number in 1...count { dead.insert(try meter(number)) }
        for number in 1...(count + 10) { schedule.add(try meter(number), requestGap: .zero, now: at(0)) }
        // The first failures, until each is known to be lost, are not counted.
        _ = run(&schedule, forMilliseconds: 120_000, dead: dead)
        var later = schedule
        var now = at(120_000)
        var deadTime = Duration.zero
        while now < at(720_000) {
            let step = later.next(at: now)
            switch step {
            case .idle(let until): now = until
            case .poll(let meter, _), .probe(let meter):
                let isDead = dead.contains(meter)
                let cost: Duration = isDead ? .milliseconds(400) : .milliseconds(100)
                now = now + cost
                if isDead { deadTime += cost }
                _ = later.record(step, answered: !isDead, took: cost, at: now)
            }
        }
        #expect(deadTime <= .seconds(600) * 4 / 100 + PollSchedule.largestLostAllowance + .milliseconds(400))
    }

    @Test("a device is lost after three failures, probed, and back at once when it answers")
    func lostAndFound() throws {
        var schedule = PollSchedule(periods: periods)
        let only = try meter(1)
        schedule.add(only, requestGap: .zero, now: at(0))
        var now = at(0)
        var changes: [PollSchedule.HealthChange] = []
        for attempt in 0...6 {
            var step = schedule.next(at: now)
            while case .idle(let until) = step {
                now = until
                step = schedule.next(at: now)
            }
            switch attempt {
            case 0: #expect(step == .poll(only, .slow))
            case 1...3: #expect(step == .poll(only, .normal))
            default: #expect(step == .probe(only))
            }
            now = now + .milliseconds(10)
            let answered = attempt == 0 || attempt == 6
            if let change = schedule.record(step, answered: answered, took: .milliseconds(10), at: now) {
                changes.append(change)
            }
        }
        #expect(changes == [.lost, .found])
        #expect(schedule.next(at: now) == .poll(only, .slow))
    }

    @Test("the pause before a failing device is asked again doubles to nine seconds")
    func backOff() {
        var health = MeterHealth()
        var pauses: [Duration] = []
        for _ in 0..<7 {
            _ = health.failed(at: at(0))
            if let notBefore = health.notBefore { pauses.append(notBefore - at(0)) }
        }
        #expect(
            pauses == [
                .milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(9), .seconds(9),
            ])
    }
}
