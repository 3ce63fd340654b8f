import Foundation
import Prepaid
import Testing

@Suite("The operations guide")
struct OperationsGuideTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func lines(_ path: String) throws -> [Substring] {
        try String(contentsOf: root.appending(path: path), encoding: .utf8).split(separator: "\n")
    }

    /// The cells of each row of the tables.
    private static func rows() throws -> [[String]] {
        try lines("docs/operations.md").filter { $0.hasPrefix("|") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test("every event has a row with its meaning and what to do", arguments: EventCode.allCases)
    func events(_ code: EventCode) throws {
        let rows = try Self.rows().filter { $0.first == "`\(code.rawValue)`" }
        #expect(rows.count == 1, "docs/operations.md: add a row for \(code.rawValue)")
        #expect(rows.allSatisfy { $0.count == 3 && !$0[1].isEmpty && !$0[2].isEmpty })
    }

    @Test("every exit code of the programs has a row")
    func exitCodes() throws {
        let folder = Self.root.appending(path: "Sources/meterkeep")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var codes: Set<String> = ["0"]
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /ExitCode\((\d+)\)/) { codes.insert(String(match.1)) }
        }
        let problems = try String(
            contentsOf: Self.root.appending(path: "Sources/Concentrator/GatewayProblem.swift"), encoding: .utf8)
        for match in problems.matches(of: /: (\d\d)\n/) { codes.insert(String(match.1)) }
        let told = Set(try Self.rows().compactMap(\.first))
        #expect(codes.count > 8)
        for code in codes { #expect(told.contains(code), "docs/operations.md: add a row for exit code \(code)") }
    }
}
