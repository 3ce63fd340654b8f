import Commissioning
import MeterProfiles
import Testing

private let usual = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
private let other = SerialFormat(baud: 2400, parity: .even, stopBits: 1)

private func evidence(_ change: (inout WiringEvidence, inout WiringEvidence.Trial) -> Void) -> WiringEvidence {
    var evidence = WiringEvidence()
    evidence.listened = .seconds(1)
    var first = WiringEvidence.Trial(serial: usual)
    first.asked = 3
    change(&evidence, &first)
    var second = WiringEvidence.Trial(serial: other)
    second.asked = 3
    second.echoed = first.echoed
    evidence.trials = [first, second]
    return evidence
}

@Suite("What the wiring of a line is like")
struct WiringTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let evidence: WiringEvidence
        let verdict: WiringVerdict
        var echoes = false
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "nothing", evidence: evidence { _, _ in }, verdict: .silent),
        Case(name: "nothing was tried", evidence: WiringEvidence(), verdict: .silent),
        Case(
            name: "a plug went in",
            evidence: evidence { idle, _ in (idle.idleBreakBytes, idle.idleGarbageBytes) = (1, 1) },
            verdict: .silent),
        Case(
            name: "answers",
            evidence: evidence { _, trial in (trial.answered, trial.units) = (2, [1, 3]) },
            verdict: .answers(usual, units: [1, 3])),
        Case(
            name: "answers through noise: still good enough to look",
            evidence: evidence { idle, trial in
                idle.idleGarbageBytes = 40
                (trial.answered, trial.units) = (1, [1])
            }, verdict: .answers(usual, units: [1])),
        Case(
            name: "only echo", evidence: evidence { _, trial in trial.echoed = 3 }, verdict: .silent, echoes: true),
        Case(
            name: "echo and answers",
            evidence: evidence { _, trial in (trial.echoed, trial.answered, trial.units) = (3, 1, [7]) },
            verdict: .answers(usual, units: [7]), echoes: true),
        Case(
            name: "breaks at rest", evidence: evidence { idle, _ in idle.idleBreakBytes = 20 },
            verdict: .probablySwapped),
        Case(
            name: "a break after each question, and a bit of dirt",
            evidence: evidence { idle, trial in
                idle.idleGarbageBytes = 1
                trial.breakBytes = 6
            }, verdict: .probablySwapped),
        Case(
            name: "noise with zeros in it",
            evidence: evidence { idle, _ in (idle.idleBreakBytes, idle.idleGarbageBytes) = (5, 60) },
            verdict: .noisy),
        Case(
            name: "garbage only after questions", evidence: evidence { _, trial in trial.garbageBytes = 24 },
            verdict: .garbled),
        Case(
            name: "somebody asks",
            evidence: evidence { idle, trial in
                idle.idleFrames = 2
                (trial.answered, trial.units) = (1, [1])
            }, verdict: .anotherMaster),
        Case(
            name: "somebody answers somebody else", evidence: evidence { _, trial in trial.foreign = 1 },
            verdict: .anotherMaster),
    ]

    @Test("each evidence has its verdict", arguments: cases)
    func table(_ row: Case) {
        let diagnosis = WiringDiagnosis(row.evidence)
        #expect(diagnosis.verdict == row.verdict, "\(diagnosis.words)")
        #expect(diagnosis.echoes == row.echoes)
        #expect(diagnosis.verdict.isUsable == diagnosis.remedies.isEmpty)
        // A phone's screen has 80 columns at most.
        #expect(
            (diagnosis.remedies + [diagnosis.words]).allSatisfy { $0.utf8.count <= 110 && $0.allSatisfy(\.isASCII) })
    }
}
