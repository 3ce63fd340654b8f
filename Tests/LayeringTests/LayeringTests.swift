import Foundation
import Testing

/// Which modules each target may import, beside the standard library. The same graph stands in
/// Package.swift; this table also bans clocks, chance and I/O from the core.
private let allowedImports: [String: Set<String>] = [
    "Metering": [],
    "ConfigurationReader": ["Yams"],
    "MeterProfiles": ["ConfigurationReader", "Metering"],
    "BusSurvey": ["MeterProfiles", "Metering"],
    "Prepaid": ["Metering"],
    "BoardRules": ["Metering"],
    "UplinkProtocol": ["Metering", "Prepaid", "Crypto"],
    "Commissioning": ["BusSurvey", "ConfigurationReader", "MeterProfiles", "Metering", "Prepaid"],
]

private let coreTargets = Set(allowedImports.keys)

/// Words that would let the outside into a decision.
private let bannedInCore = [
    "Date()", "ContinuousClock", "SuspendingClock", "Task.sleep", "SystemRandomNumberGenerator", "FileManager",
    "clock_gettime", ".random(in:", ".shuffled()", "ProcessInfo",
]

/// Edges do not know one another.
private let edgeTargets: Set<String> = [
    "FieldBus", "Board", "GatewayIdentity", "Storage", "UplinkHTTP", "UplinkMQTT", "UplinkPull",
]
/// The shell, which only programs may import.
private let shellTargets: Set<String> = ["Concentrator", "Console"]

private func importedModule(in line: Substring) -> String? {
    let words = line.split(separator: " ")
    guard let index = words.firstIndex(of: "import"), index <= 2, words.count > index + 1 else { return nil }
    let prefixes: Set<Substring> = ["public", "package", "internal", "private", "fileprivate", "@testable"]
    guard words[..<index].allSatisfy(prefixes.contains) else { return nil }
    var name = words[index + 1]
    let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol", "typealias"]
    if kinds.contains(name), words.count > index + 2 { name = words[index + 2] }
    return String(name.prefix { $0 != "." })
}

/// Everything in `source` that the layers do not allow.
private func problems(target: String, source: String) -> [String] {
    var problems: [String] = []
    for (number, line) in source.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        if let module = importedModule(in: line) {
            if let allowed = allowedImports[target], !allowed.contains(module) {
                problems.append("line \(number + 1): \(target) may not import \(module)")
            }
            if edgeTargets.contains(target), edgeTargets.union(shellTargets).contains(module) {
                problems.append("line \(number + 1): the edge \(target) may not import \(module)")
            }
        }
        if coreTargets.contains(target), !line.drop(while: \.isWhitespace).hasPrefix("//") {
            for word in bannedInCore where line.contains(word) {
                // A generator that is an argument is how chance reaches the core.
                if word.hasPrefix("."), line.contains("using:") { continue }
                problems.append("line \(number + 1): \(target) may not use \(word)")
            }
        }
    }
    return problems
}

@Suite("The layers")
struct LayeringTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    @Test("every source file keeps to its layer")
    func sourcesKeepToTheirLayer() throws {
        let files = try #require(FileManager.default.enumerator(at: Self.sources, includingPropertiesForKeys: nil))
        var read = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            let parts = file.pathComponents.drop { $0 != "Sources" }
            let target = try #require(parts.dropFirst().first)
            let source = try String(contentsOf: file, encoding: .utf8)
            read += 1
            for problem in problems(target: target, source: source) {
                Issue.record("\(file.lastPathComponent) \(problem)")
            }
        }
        #expect(read > 10)
    }

    @Test(
        "a bad sample is found",
        arguments: [
            ("Prepaid", "import Foundation"),
            ("Prepaid", "public import Storage"),
            ("Metering", "internal import struct Foundation.Date"),
            ("UplinkProtocol", "@testable import NIOCore"),
            ("Prepaid", "let now = Date()"),
            ("Metering", "let gap = Int.random(in: 0..<5)"),
            ("Metering", "try await Task.sleep(for: .seconds(1))"),
            ("Storage", "import FieldBus"),
            ("Board", "import Concentrator"),
        ])
    func badSample(target: String, line: String) {
        #expect(problems(target: target, source: "// a sample\n\(line)\n").count == 1)
    }

    @Test(
        "a good sample passes",
        arguments: [
            ("Prepaid", "public import Metering"), ("ConfigurationReader", "private import Yams"),
            ("Metering", "let gap = Int.random(in: 0..<5, using: &generator)"),
            ("Prepaid", "// Date() would be wrong here"), ("Concentrator", "import Storage"),
        ])
    func goodSample(target: String, line: String) {
        #expect(problems(target: target, source: line).isEmpty)
    }
}
