import Foundation
import Testing
import UplinkProtocol

@Suite("The example in docs/uplink.md")
struct DocumentedExampleTests {
    /// The line within the fenced block of this name.
    private func block(_ name: String) throws -> String {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/uplink.md")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
        let index = try #require(lines.firstIndex { $0.hasPrefix("```") && $0.hasSuffix(" \(name)") })
        return lines[index + 1]
    }

    @Test("is what the code computes")
    func chain() throws {
        let genesis = ChainHash.genesis(gateway: "DEMO-1", epoch: "0123456789abcdef")
        #expect(try block("genesis") == genesis.description)
        let text = try block("record")
        let record = try LedgerRecord(json: try StrictJSON.parse(text))
        #expect(record.json.canonicalText == text)
        #expect(record.previous == genesis)
        #expect(try block("hash") == record.hash.description)
    }
}
