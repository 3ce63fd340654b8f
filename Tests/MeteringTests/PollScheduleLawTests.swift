import Metering
import Testing

private func at(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
private func meter(_ number: Int) throws -> MeterID { try #require(MeterID(rawValue: "M-\(number)")) }

/// A bus without wires: what is dead waits out its time-out, what lives answers after its turnaround.
private struct PaperBus {
    var schedule: PollSchedule
    var now = at(0)
    var dead: Set<MeterID> = []
    /// The same for all.
    var turnaround: Duration = .milliseconds(8)
    /// Request, answer and silence of one poll.
    var wire: Duration = .milliseconds(50)
    var polls: [MeterID: [MonotonicTime]] = [:]
    var fastPolls: [MeterID: [MonotonicTime]] = [:]
    var deadTime: Duration = .zero
    var longestStall: Duration = .zero
    var found: [MeterID: MonotonicTime] = [:]

    init(_ schedule: PollSchedule) { self.schedule = schedule }

    mutating func run(until end: MonotonicTime) {
        while now < end {
            let step = schedule.next(at: now)
            switch step {
            case .idle(let until): now = min(max(until, now + .nanoseconds(1)), end)
            case .poll(let meter, _), .probe(let meter): ask(meter, step)
            }
        }
    }

    private mutating func ask(_ meter: MeterID, _ step: PollSchedule.Step) {
        let timeout = schedule.timeout(for: step)
        let answers = !dead.contains(meter) && turnaround <= timeout
        let cost = answers ? wire + turnaround : .milliseconds(9) + timeout
        now = now + cost
        if answers {
            polls[meter, default: []].append(now)
            if case .poll(_, .fast) = step { fastPolls[meter, default: []].append(now) }
        } else {
            deadTime += cost
            longestStall = max(longestStall, cost)
        }
        let change = schedule.record(
            step, answered: answers, took: cost, turnaround: answers ? turnaround : nil, at: now)
        if change == .found { found[meter] = now }
    }

    mutating func forgetCounts() {
        polls = [:]
        fastPolls = [:]
        deadTime = .zero
        longestStall = .zero
        found = [:]
    }

    /// The longest time between two answers of a meter.
    func longestAge(of meter: MeterID) -> Duration {
        let times = polls[meter] ?? []
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .seconds(1_000_000)
    }
}

@Suite("What the schedule owes to each device")
struct PollScheduleLawTests {
    /// A bus of `count` devices with more to do than there is time, where `normal` is short.
    private func bus(_ count: Int, fast: Duration = .seconds(1), normal: Duration = .seconds(1)) throws -> PaperBus {
        var schedule = PollSchedule(periods: .init(fast: fast, normal: normal, slow: .seconds(300)))
        for number in 1...count { schedule.add(try meter(number), requestGap: .zero, now: at(0)) }
        return PaperBus(schedule)
    }

    @Test("on a full line the fast class keeps its second, and nobody starves")
    func fastFirst() throws {
        var bus = try bus(100)
        bus.schedule.setFast([try meter(7), try meter(8)])
        bus.run(until: at(10_000))
        bus.forgetCounts()
        bus.run(until: at(120_000))
        for number in [7, 8] { #expect(bus.longestAge(of: try meter(number)) <= .milliseconds(1300)) }
        // 100 devices at 58 ms, beside two fast ones a second.
        for number in 1...100 { #expect(bus.longestAge(of: try meter(number)) <= .milliseconds(7000)) }
    }

    @Test("a fast class that fills the line by itself leaves every second turn to the others")
    func starvationGuard() throws {
        var bus = try bus(40, fast: .milliseconds(100))
        bus.schedule.setFast(Set(try (1...30).map(meter)))
        bus.run(until: at(60_000))
        for number in 31...40 { #expect((bus.polls[try meter(number)] ?? []).count >= 10) }
    }

    @Test("the living lose at most five percent to eight dead of 32, and a dead one is back in ten seconds")
    func eightDead() throws {
        var bus = try bus(32)
        bus.run(until: at(60_000))
        let quiet = bus.polls.values.reduce(0) { $0 + $1.count }
        bus.forgetCounts()
        bus.dead = Set(try (1...8).map(meter))
        bus.run(until: at(120_000))
        #expect(bus.longestStall <= .milliseconds(150))
        bus.forgetCounts()
        bus.run(until: at(180_000))
        #expect(bus.deadTime <= .seconds(60) * 4 / 100 + .milliseconds(300))
        let living = bus.polls.values.reduce(0) { $0 + $1.count }
        #expect(Double(living) >= Double(quiet) / 1.05)
        bus.forgetCounts()
        let returned = bus.now
        bus.dead = []
        bus.run(until: at(200_000))
        for number in 1...8 { #expect(try #require(bus.found[try meter(number)]) - returned <= .seconds(10)) }
    }

    @Test("whenever they return, eight dead ones are back in ten seconds: probes that wait longer have a share too")
    func returnAtAnyTime() throws {
        var dead = try bus(32)
        dead.run(until: at(30_000))
        dead.dead = Set(try (1...8).map(meter))
        for minute in 1...30 {
            dead.run(until: at(Int64(minute) * 61_000))
            var bus = dead
            bus.forgetCounts()
            bus.dead = []
            bus.run(until: dead.now + .seconds(12))
            for number in 1...8 {
                let answered = try #require(bus.polls[try meter(number)]?.first, "minute \(minute)")
                #expect(answered - dead.now <= .seconds(10), "minute \(minute)")
            }
        }
    }

    @Test("a device that dies stalls the others for at most 0.15 s")
    func firstStall() throws {
        var bus = try bus(32)
        bus.run(until: at(30_000))
        bus.forgetCounts()
        bus.dead = [try meter(5)]
        bus.run(until: at(90_000))
        #expect(bus.deadTime > .zero)
        #expect(bus.longestStall <= .milliseconds(150))
    }

    @Test("a device that became much slower is found again (mbmd 258)", arguments: [100, 300, 600, 950])
    func slower(milliseconds: Int) throws {
        var bus = try bus(4, normal: .seconds(5))
        bus.run(until: at(30_000))
        bus.turnaround = .milliseconds(milliseconds)
        bus.run(until: at(600_000))
        bus.forgetCounts()
        bus.run(until: at(700_000))
        for number in 1...4 { #expect(bus.longestAge(of: try meter(number)) <= .seconds(12)) }
    }

    @Test("a device that is heard too late is asked at once, with more patience")
    func heardLate() throws {
        var bus = try bus(3)
        bus.run(until: at(10_000))
        let slow = try meter(2)
        bus.dead = [slow]
        bus.run(until: at(60_000))
        bus.schedule.heardLate(slow, after: .milliseconds(400))
        #expect(bus.schedule.next(at: bus.now) == .probe(slow))
        #expect(bus.schedule.timeout(for: .probe(slow)) > .milliseconds(400))
    }

    @Test("when a whole bus comes back, its first answer brings all back within four seconds")
    func wholeBus() throws {
        var bus = try bus(32, normal: .seconds(5))
        bus.run(until: at(30_000))
        bus.dead = Set(bus.schedule.meters)
        bus.run(until: at(300_000))
        bus.forgetCounts()
        bus.dead = []
        bus.run(until: at(320_000))
        let first = try #require(bus.found.values.min())
        let last = try #require(bus.found.values.max())
        #expect(bus.found.count == 32)
        #expect(last - first <= .seconds(4))
        bus.dead = Set(bus.schedule.meters)
        bus.run(until: at(400_000))
        bus.dead = []
        bus.forgetCounts()
        bus.schedule.busReturned()
        bus.run(until: bus.now + .seconds(4))
        #expect(bus.found.count == 32)
    }

    @Test("a tariff boundary lies between two readings that are close to it")
    func boundary() throws {
        var bus = try bus(20, normal: .seconds(300))
        bus.run(until: at(60_000))
        let boundary = at(250_000)
        bus.schedule.readClose(to: boundary, .normal)
        bus.run(until: at(400_000))
        for number in 1...20 {
            let times = try #require(bus.polls[try meter(number)])
            let before = try #require(times.last { $0 < boundary })
            let after = try #require(times.first { $0 >= boundary })
            #expect(boundary - before <= .seconds(61))
            #expect(after - boundary <= .seconds(3))
        }
    }

    @Test("whatever happens, the dead stay within their share and every living device is asked", arguments: 1...10)
    func anyWorld(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let count = Int.random(in: 2...120, using: &generator)
        var bus = try bus(count, normal: .seconds(Int.random(in: 1...20, using: &generator)))
        bus.turnaround = .milliseconds(Int.random(in: 1...30, using: &generator))
        bus.wire = .milliseconds(Int.random(in: 10...120, using: &generator))
        bus.schedule.setFast(
            Set(try (1...count).filter { _ in Int.random(in: 0..<10, using: &generator) == 0 }.map(meter)))
        for _ in 0..<3 {
            let dead = try (1...count).filter { _ in Int.random(in: 0..<3, using: &generator) == 0 }.map(meter)
            bus.dead = Set(dead.dropFirst(dead.count == count ? 1 : 0))
            // Long enough for each to be lost or found.
            bus.run(until: bus.now + .seconds(180))
            bus.forgetCounts()
            bus.run(until: bus.now + .seconds(120))
            let share = Duration.seconds(120) * 4 / 100 + AnswerTimes.first + .seconds(1)
            #expect(bus.deadTime <= share)
            let living = bus.schedule.meters.filter { !bus.dead.contains($0) }
            for meter in living { #expect(bus.schedule.health(of: meter)?.failures == 0) }
            for meter in living { #expect(bus.longestAge(of: meter) <= .seconds(60), "\(meter)") }
        }
    }
}

@Suite("How long an answer is waited for")
struct AnswerTimesTests {
    @Test("by what is known of the device, and how often it failed")
    func table() {
        // (turnaround ms or none, failures, poll ms, probe ms)
        let rows: [(Int?, Int, Int, Int)] = [
            (nil, 0, 300, 80), (nil, 2, 300, 80), (5, 0, 30, 8), (5, 1, 60, 8), (5, 2, 60, 8),
            (100, 0, 210, 125), (100, 2, 210, 125), (600, 0, 1000, 750), (900, 0, 1000, 1000),
        ]
        for (turnaround, failures, poll, probe) in rows {
            var times = AnswerTimes(longest: .seconds(1))
            if let turnaround { times.answered(after: .milliseconds(turnaround)) }
            #expect(times.timeout(failures: failures) == .milliseconds(poll))
            #expect(times.probeTimeout == .milliseconds(probe))
        }
    }

    @Test("a slow answer counts at once and is forgotten slowly")
    func decay() throws {
        var times = AnswerTimes(longest: .seconds(1))
        times.answered(after: .milliseconds(300))
        for _ in 0..<20 { times.answered(after: .milliseconds(10)) }
        #expect(try #require(times.worst) > .milliseconds(200))
        for _ in 0..<500 { times.answered(after: .milliseconds(10)) }
        #expect(try #require(times.worst) < .milliseconds(11))
    }

    @Test("some probes of a lost device wait as long as the model may take")
    func patience() {
        var times = AnswerTimes(longest: .seconds(1))
        times.answered(after: .milliseconds(8))
        let long = (0...200).filter { times.patientProbeTimeout(probesInVain: $0) == .seconds(1) }
        #expect(long == [32, 64, 128, 192])
        #expect(times.patientProbeTimeout(probesInVain: 8) == .milliseconds(44))
        #expect(times.patientProbeTimeout(probesInVain: 9) == nil)
    }
}

/// SplitMix64.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
