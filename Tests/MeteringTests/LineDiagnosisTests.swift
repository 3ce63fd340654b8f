import Metering
import Testing

@Suite("What is wrong with a line")
struct LineDiagnosisTests {
    private func at(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    /// The findings of one symptom that comes again every `seconds`.
    private func findings(_ notes: [LineNote], isBroken: Bool = false, every seconds: Int64, times: Int64)
        -> [LineFinding]
    {
        var diagnosis = LineDiagnosis()
        return (0..<times).flatMap { diagnosis.take(notes, asked: 7, isBroken: isBroken, at: at($0 * seconds)) }
    }

    struct Row: Sendable {
        let notes: [LineNote]
        var isBroken = false
        let finding: LineFinding?
    }

    @Test(
        "each symptom, again and again, is named once",
        arguments: [
            Row(notes: [], finding: nil),
            Row(notes: [.localEcho], finding: nil),
            Row(notes: [.lateAnswer(unit: 3, after: .seconds(1))], finding: .slowUnit(3)),
            Row(notes: [.secondAnswer(unit: 3)], finding: .sharedAddress(3)),
            Row(notes: [.foreignFrame(unit: 200)], finding: .unaskedUnit(200)),
            Row(notes: [.noise(bytes: 4)], finding: .spoiledUnit(7)),
            Row(notes: [.noise(bytes: 4)], isBroken: true, finding: .spoiledUnit(7)),
            Row(notes: [], isBroken: true, finding: .spoiledUnit(7)),
        ])
    func named(row: Row) {
        let found = findings(row.notes, isBroken: row.isBroken, every: 5, times: 500)
        #expect(found == [row.finding].compactMap(\.self))
    }

    @Test("four are none, five are one")
    func threshold() {
        #expect(findings([.secondAnswer(unit: 3)], every: 5, times: 4).isEmpty)
        #expect(findings([.secondAnswer(unit: 3)], every: 5, times: 5).count == 1)
    }

    @Test("a poor cable's broken frame now and then is no finding")
    func rare() { #expect(findings([], isBroken: true, every: 61, times: 1000).isEmpty) }

    @Test("what was gone for ten minutes is named again")
    func again() {
        var diagnosis = LineDiagnosis()
        var found: [Int64] = []
        for second in Array(0..<60) + Array(400..<460) as [Int64]
        where !diagnosis.take([.noise(bytes: 1)], asked: 1, isBroken: false, at: at(second)).isEmpty {
            found.append(second)
        }
        #expect(found.count == 1)
        for second in 1100..<1110 as Range<Int64>
        where !diagnosis.take([.noise(bytes: 1)], asked: 1, isBroken: false, at: at(second)).isEmpty {
            found.append(second)
        }
        #expect(found.count == 2)
    }

    @Test("every finding says what to do")
    func remedy() {
        for finding in [LineFinding.slowUnit(1), .sharedAddress(1), .unaskedUnit(1), .spoiledUnit(1)] {
            #expect(finding.description.contains("unit 1 ") && finding.description.contains(": "))
        }
    }
}
