import Metering
import Testing

private let built = WallTime(millisecondsSince1970: 1_780_000_000_000)
private let now = built + .seconds(90 * 86_400)

private func sample(_ uptimeSeconds: Int64, _ wall: WallTime, synchronised: Bool = false) -> ClockSample {
    ClockSample(
        isSynchronised: synchronised, monotonic: MonotonicTime(nanoseconds: uptimeSeconds * 1_000_000_000), wall: wall)
}

private func makeJudge(lastKnown: WallTime? = nil) -> ClockJudge {
    ClockJudge(rules: ClockRules(holdoverLimit: .seconds(3_600), buildDate: built, lastKnownWall: lastKnown))
}

@Suite("Trust in the wall clock")
struct ClockJudgeTests {
    @Test("a box that boots in 1970 is trusted when its time source arrives, with one anchor")
    func bootIn1970() {
        var judge = makeJudge()
        let zero = WallTime(millisecondsSince1970: 0)
        #expect(judge.judge(sample(10, zero + .seconds(10))) == ClockVerdict(trust: .untrusted))
        let arrival = judge.judge(sample(40, now, synchronised: true))
        #expect(arrival.trust == .trusted)
        #expect(arrival.step == now - (zero + .seconds(40)))
        #expect(arrival.anchor == ClockAnchor(monotonicZero: now + .seconds(-40)))
        #expect(arrival.anchor?.wall(at: MonotonicTime(nanoseconds: 10_000_000_000)) == now + .seconds(-30))
        #expect(judge.judge(sample(50, now + .seconds(10), synchronised: true)) == ClockVerdict(trust: .trusted))
    }

    @Test("without its source the clock is held over for as long as the rules say, then no longer trusted")
    func holdover() {
        var judge = makeJudge()
        _ = judge.judge(sample(0, now, synchronised: true))
        #expect(judge.judge(sample(3_600, now + .seconds(3_600))).trust == .holdover)
        #expect(judge.judge(sample(3_601, now + .seconds(3_601))).trust == .untrusted)
        let back = judge.judge(sample(3_700, now + .seconds(3_700), synchronised: true))
        #expect(back.trust == .trusted)
        #expect(back.anchor != nil, "trust arrived again")
    }

    @Test("back from holdover to trusted no anchor is due: trust never left")
    func holdoverBack() {
        var judge = makeJudge()
        _ = judge.judge(sample(0, now, synchronised: true))
        _ = judge.judge(sample(60, now + .seconds(60)))
        #expect(judge.judge(sample(120, now + .seconds(120), synchronised: true)) == ClockVerdict(trust: .trusted))
    }

    @Test("a jump that no source vouches for ends the trust; one made by the source is anchored")
    func steps() {
        var judge = makeJudge()
        _ = judge.judge(sample(0, now, synchronised: true))
        let moved = judge.judge(sample(10, now + .seconds(7_210), synchronised: true))
        #expect(moved.trust == .trusted)
        #expect(moved.step == .seconds(7_200))
        #expect(moved.anchor == ClockAnchor(monotonicZero: now + .seconds(7_200)))
        let unexplained = judge.judge(sample(20, now))
        #expect(unexplained.trust == .untrusted)
        #expect(unexplained.step == .seconds(-7_220))
        #expect(judge.judge(sample(30, now + .seconds(10))).trust == .untrusted)
    }

    @Test("slow correction is no step")
    func slewing() {
        var judge = makeJudge()
        _ = judge.judge(sample(0, now, synchronised: true))
        for minute in 1...60 as ClosedRange<Int64> {
            let wall = now + .milliseconds(minute * 60_030)
            #expect(judge.judge(sample(minute * 60, wall, synchronised: true)) == ClockVerdict(trust: .trusted))
        }
    }

    @Test("a time from outside is taken from the build on, and ten years beyond the last known one")
    func bounds() {
        let decade = Duration.seconds(10 * 365 * 86_400)
        for lastKnown in [nil, now] {
            let last = (lastKnown ?? built) + decade
            for (wall, trust) in [
                (built + .seconds(-1), ClockTrust.untrusted), (built, .trusted), (last, .trusted),
                (last + .seconds(1), .untrusted), (WallTime(millisecondsSince1970: .max), .untrusted),
                (WallTime(millisecondsSince1970: .min), .untrusted),
            ] {
                var judge = makeJudge(lastKnown: lastKnown)
                _ = judge.judge(sample(0, WallTime(millisecondsSince1970: 0)))
                #expect(
                    judge.setByOperator(sample(1, wall)).trust == trust,
                    "\(wall) after \(String(describing: lastKnown))")
            }
        }
    }

    @Test("no time before the build is believed, whoever says so; the last known time has no veto")
    func impossibleTimes() {
        var judge = makeJudge(lastKnown: now + .seconds(10 * 365 * 86_400))
        #expect(judge.judge(sample(0, built + .seconds(-1), synchronised: true)).trust == .untrusted)
        #expect(judge.judge(sample(10, now, synchronised: true)).trust == .trusted)
    }

    @Test("what an operator sets holds until the next jump")
    func setByOperator() {
        var judge = makeJudge()
        _ = judge.judge(sample(0, WallTime(millisecondsSince1970: 0)))
        let set = judge.setByOperator(sample(100, now))
        #expect(set.trust == .trusted)
        #expect(set.anchor == ClockAnchor(monotonicZero: now + .seconds(-100)))
        #expect(judge.judge(sample(90_100, now + .seconds(90_000))).trust == .trusted)
        #expect(judge.judge(sample(90_110, now)).trust == .untrusted)
        #expect(judge.setByOperator(sample(90_120, built + .seconds(-1))).trust == .untrusted)
    }

    @Test("no present moment is earlier than the program, or than the last time that was trusted")
    func earliest() {
        #expect(makeJudge().rules.earliestPresent == built)
        #expect(makeJudge(lastKnown: now).rules.earliestPresent == now)
        #expect(makeJudge(lastKnown: built + .seconds(-5)).rules.earliestPresent == built)
    }
}

@Suite("The battery-backed clock")
struct HardwareClockTests {
    private func trust(
        at uptimeSeconds: Int64, lastKnown: WallTime?, wall: WallTime, hardware: WallTime?
    ) -> ClockTrust {
        var judge = makeJudge(lastKnown: lastKnown)
        return judge.judge(
            ClockSample(
                isSynchronised: false, monotonic: MonotonicTime(nanoseconds: uptimeSeconds * 1_000_000_000), wall: wall,
                hardwareWall: hardware)
        ).trust
    }

    @Test(
        "holds the time over a power cut, where it shows a time that can be",
        arguments: [
            // A night without power.
            (20, now, now + .seconds(8 * 3_600), now + .seconds(8 * 3_600), ClockTrust.holdover),
            // Counts whole seconds.
            (20, now, now + .milliseconds(1_900), now, .holdover),
            // No longer than a source that has gone.
            (3_601, now, now + .seconds(3_601), now + .seconds(3_601), .untrusted),
            // Its battery is empty: the wall clock was put to the last known time since.
            (20, now, now, WallTime(millisecondsSince1970: 0), .untrusted),
            // It runs behind what was known.
            (20, now, now + .seconds(-60), now + .seconds(-60), .untrusted),
            // Half a year: somebody has set it, or nobody knows.
            (20, now, now + .seconds(180 * 86_400), now + .seconds(180 * 86_400), .untrusted),
            // A new box knows nothing to compare it with.
            (20, nil, now, now, .untrusted),
            (20, now, now, nil, .untrusted),
        ] as [(Int64, WallTime?, WallTime, WallTime?, ClockTrust)])
    func afterPowerCut(
        uptimeSeconds: Int64, lastKnown: WallTime?, wall: WallTime, hardware: WallTime?, expected: ClockTrust
    ) {
        #expect(trust(at: uptimeSeconds, lastKnown: lastKnown, wall: wall, hardware: hardware) == expected)
    }

    @Test("a jump that nobody vouches for ends it, also where the battery-backed clock was set along")
    func jump() {
        var judge = makeJudge(lastKnown: now)
        func look(_ uptimeSeconds: Int64, _ wall: WallTime) -> ClockTrust {
            judge.judge(
                ClockSample(
                    isSynchronised: false, monotonic: MonotonicTime(nanoseconds: uptimeSeconds * 1_000_000_000),
                    wall: wall, hardwareWall: wall)
            ).trust
        }
        #expect(look(10, now) == .holdover)
        #expect(look(20, now + .seconds(3_610)) == .untrusted)
        #expect(look(30, now + .seconds(3_620)) == .untrusted)
    }
}
