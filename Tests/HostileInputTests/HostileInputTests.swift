import Foundation
import ReaderChecks
import Testing

@Suite("Bytes from outside, by the thousand", .timeLimit(.minutes(5)))
struct HostileInputTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test(
        "readers refuse or take what is wrong in one place, and never end the program", arguments: ReaderCheck.allCases)
    func mutated(check: ReaderCheck) throws {
        let samples = try Samples.of(check, root: Self.root)
        try #require(!samples.isEmpty)
        for sample in samples { #expect(check.problem(with: sample) == nil) }
        var mutator = Mutator(seed: 20_260_301)
        for round in 0..<rounds(of: check) {
            let bytes = mutator.mutated(samples[round % samples.count], among: samples)
            if let problem = check.problem(with: bytes) {
                Issue.record("\(problem): \(Data(bytes).base64EncodedString())")
                return
            }
        }
    }

    /// Files are read at leisure, and take longer.
    private func rounds(of check: ReaderCheck) -> Int {
        switch check {
        case .configuration, .profile: 100
        case .importFile: 500
        case .json, .command, .batch, .answerFrame, .pairingCode: 2_000
        }
    }

    @Test("noise alone, and nothing at all", arguments: ReaderCheck.allCases)
    func noise(check: ReaderCheck) {
        var mutator = Mutator(seed: 1)
        #expect(check.problem(with: []) == nil)
        for length in stride(from: 1, through: 200, by: 7) {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: mutator.next()) }
            #expect(check.problem(with: bytes) == nil)
        }
    }

    /// What `scripts/fuzz` found once: each file's name says what reads it.
    @Test("inputs that did harm once")
    func regressions() throws {
        let folder = Self.root.appending(path: "Tests/HostileInputTests/Found")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names.sorted() {
            let check = try #require(ReaderCheck(rawValue: String(name.prefix { $0 != "." })))
            let bytes = Array(try Data(contentsOf: folder.appending(path: name)))
            #expect(check.problem(with: bytes) == nil, "\(name)")
        }
    }
}
