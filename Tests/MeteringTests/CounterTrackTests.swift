import Metering
import Testing

/// A 60 A single-phase circuit on a meter that counts 0.01 kWh and rolls over at 1,000,000 kWh.
private let rules = CounterRules(modulus: 1_000_000_000, step: 10, ratedPerHour: 13_800)

/// One reading: the value, the second it was taken at, and which boot and clock it belongs to.
struct TrackStep: Sendable {
    let value: Int64
    let second: Int64
    var boot = "b1"
    var trust: ClockTrust = .trusted
    let finding: Finding

    /// A finding in one word.
    enum Finding: Equatable, Sendable {
        case baseline, pending, waiting
        case accepted(Int64), recovered(Int64)
        case quarantined(UnexplainedMove)
        case released(from: Int64, to: Int64)
    }

    var mark: CounterMark {
        // A new boot starts its monotonic clock anew.
        CounterMark(
            value: value,
            at: Timestamp(
                boot: BootID(rawValue: boot),
                monotonic: MonotonicTime(nanoseconds: (boot == "b1" ? second : second - 10_000) * 1_000_000_000),
                wall: WallTime(millisecondsSince1970: second * 1_000), trust: trust))
    }
}

extension TrackStep.Finding {
    init(_ finding: CounterFinding) {
        self =
            switch finding {
            case .baseline: .baseline
            case .accepted(let delta): .accepted(delta)
            case .pending: .pending
            case .quarantined(let move): .quarantined(move)
            case .waiting: .waiting
            case .recovered(let delta): .recovered(delta)
            case .released(let from, let to): .released(from: from.value, to: to.value)
            }
    }
}

@Suite("A counter over its readings")
struct CounterTrackTests {
    struct Story: Sendable, CustomTestStringConvertible {
        let name: String
        let steps: [TrackStep]
        var testDescription: String { name }
    }

    private static func step(_ value: Int64, at second: Int64, _ finding: TrackStep.Finding) -> TrackStep {
        TrackStep(value: value, second: second, finding: finding)
    }

    private static func step(
        _ value: Int64, at second: Int64, boot: String, _ trust: ClockTrust, _ finding: TrackStep.Finding
    ) -> TrackStep {
        TrackStep(value: value, second: second, boot: boot, trust: trust, finding: finding)
    }

    static let stories: [Story] = [
        Story(
            name: "a quiet day",
            steps: [
                step(5_000, at: 0, .baseline), step(5_000, at: 5, .accepted(0)), step(5_010, at: 10, .accepted(10)),
                step(5_030, at: 15, .accepted(20)),
            ]),
        Story(
            name: "a single zero is a passing glitch",
            steps: [
                step(5_000, at: 0, .baseline), step(0, at: 5, .quarantined(.zeroAfterNonZero)),
                step(5_010, at: 10, .recovered(10)), step(5_020, at: 15, .accepted(10)),
            ]),
        Story(
            name: "zeros never agree, however many a starting meter shows",
            steps: [step(81_250_000, at: 0, .baseline), step(0, at: 5, .quarantined(.zeroAfterNonZero))]
                + (2..<40).map { step(0, at: $0 * 5, .waiting) } + [step(81_250_010, at: 200, .recovered(10))]),
        Story(
            name: "garbage that never agrees stays in quarantine, with one event",
            steps: [
                step(5_000, at: 0, .baseline), step(900_000, at: 5, .quarantined(.tooFast)),
                step(700_000, at: 10, .waiting), step(400_000_000, at: 15, .waiting), step(4, at: 20, .waiting),
                step(5_020, at: 25, .recovered(20)),
            ]),
        Story(
            name: "a new value is believed after two further readings that agree",
            steps: [
                step(5_000, at: 0, .baseline), step(900_000, at: 5, .quarantined(.tooFast)),
                step(900_010, at: 10, .waiting), step(900_010, at: 15, .released(from: 5_000, to: 900_010)),
                step(900_020, at: 20, .accepted(10)),
            ]),
        Story(
            name: "a meter reset to a small value",
            steps: [
                step(5_000, at: 0, .baseline), step(10, at: 5, .quarantined(.backwards)),
                step(10, at: 10, .waiting), step(20, at: 15, .released(from: 5_000, to: 20)),
            ]),
        Story(
            name: "a meter reset to zero is believed once it counts",
            steps: [
                step(5_000, at: 0, .baseline), step(0, at: 5, .quarantined(.zeroAfterNonZero)),
                step(0, at: 10, .waiting), step(10, at: 15, .waiting), step(10, at: 20, .released(from: 5_000, to: 10)),
            ]),
        Story(
            name: "a roll-over",
            steps: [step(999_999_990, at: 0, .baseline), step(10, at: 60, .accepted(20))]),
        Story(
            name: "an outage at full load is billed whole",
            steps: [step(0, at: 0, .baseline), step(13_800, at: 3_600, .accepted(13_800))]),
        Story(
            name: "a first reading of zero is a new meter",
            steps: [step(0, at: 0, .baseline), step(10, at: 5, .accepted(10))]),
        Story(
            name: "values that the register cannot show are never a start and never agree",
            steps: [
                step(-5, at: 0, .quarantined(.outOfRange)), step(1_000_000_000, at: 5, .waiting),
                step(1_000_000_000, at: 10, .waiting), step(500, at: 15, .baseline),
                step(-1, at: 20, .quarantined(.outOfRange)), step(-1, at: 25, .waiting), step(-1, at: 30, .waiting),
                step(-1, at: 35, .waiting), step(510, at: 40, .recovered(10)),
            ]),
        Story(
            name: "after a reboot with a clock no one trusts, two further readings must agree",
            steps: [
                step(5_000, at: 0, .baseline), step(9_000, at: 10_005, boot: "b2", .untrusted, .pending),
                step(9_010, at: 10_010, boot: "b2", .untrusted, .pending),
                step(9_010, at: 10_015, boot: "b2", .untrusted, .accepted(4_010)),
            ]),
        Story(
            name: "after a reboot, trust that arrives explains the time",
            steps: [
                step(5_000, at: 0, .baseline), step(9_000, at: 10_005, boot: "b2", .untrusted, .pending),
                step(9_000, at: 10_010, boot: "b2", .trusted, .accepted(4_000)),
            ]),
        Story(
            name: "after a reboot, trust that arrives shows that it was too much",
            steps: [
                step(5_000, at: 0, .baseline), step(900_000, at: 10_005, boot: "b2", .untrusted, .pending),
                step(900_000, at: 10_010, boot: "b2", .trusted, .quarantined(.tooFast)),
                step(900_000, at: 10_015, boot: "b2", .trusted, .released(from: 5_000, to: 900_000)),
            ]),
        Story(
            name: "after a reboot with the clock trusted, the time away counts",
            steps: [
                step(5_000, at: 0, .baseline), step(9_000, at: 10_005, boot: "b2", .holdover, .accepted(4_000)),
            ]),
        Story(
            name: "after a reboot, a small move needs no time",
            steps: [
                step(5_000, at: 0, .baseline), step(5_020, at: 10_005, boot: "b2", .untrusted, .accepted(20)),
            ]),
    ]

    @Test("is followed as the story says", arguments: stories)
    func followed(story: Story) {
        var track = CounterTrack(rules: rules, lastAccepted: nil)
        for (index, step) in story.steps.enumerated() {
            #expect(TrackStep.Finding(track.observe(step.mark)) == step.finding, "reading \(index + 1)")
            if case .quarantined = step.finding { #expect(track.isQuarantined) }
        }
    }

    @Test("what is accepted adds up to what the meter counted, whatever garbage came between")
    func addsUp() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            var track = CounterTrack(rules: rules, lastAccepted: nil)
            var value: Int64 = 999_990_000
            var counted: Int64 = 0
            var billed: Int64 = 0
            _ = track.observe(TrackStep(value: value, second: 0, finding: .baseline).mark)
            for second in 1..<400 as Range<Int64> {
                let used = Int64.random(in: 0...4, using: &generator) * 10
                value = (value + used) % 1_000_000_000
                counted += used
                let shown: Int64 =
                    switch Int.random(in: 0..<20, using: &generator) {
                    case 0: 0
                    case 1: 0xFFFF_FFFF
                    case 2: -1
                    default: value
                    }
                switch track.observe(TrackStep(value: shown, second: second * 20, finding: .waiting).mark) {
                case .accepted(let delta), .recovered(let delta): billed += delta
                case .released: Issue.record("garbage was believed")
                default: break
                }
            }
            switch track.observe(TrackStep(value: value, second: 9_000, finding: .waiting).mark) {
            case .accepted(let delta), .recovered(let delta): billed += delta
            default: Issue.record("the true value was not believed")
            }
            #expect(billed == counted)
        }
    }

    @Test("confidence needs two readings since the start, and a suspicious one takes it away")
    func confidence() {
        func mark(_ value: Int64, _ second: Int64) -> CounterMark {
            TrackStep(value: value, second: second, finding: .baseline).mark
        }
        var track = CounterTrack(rules: rules, lastAccepted: mark(5_000, 0))
        #expect(track.agreeingSinceStart == 0)
        _ = track.observe(mark(5_000, 5))
        #expect(track.agreeingSinceStart == 1)
        _ = track.observe(mark(5_000, 10))
        #expect(track.agreeingSinceStart == CounterTrack.readingsToAgree)
        _ = track.observe(mark(0, 15))
        #expect(track.agreeingSinceStart == 0)
        #expect(track.isQuarantined)
        #expect(track.lastAccepted == mark(5_000, 10))
    }
}
