import Foundation
import Metering
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

    @Test("the signed command is the one that the code checks")
    func signature() throws {
        let key = try #require(CommandKey(bytes: Self.documentedKey))
        guard var members = try StrictJSON.parse(try block("command")).object else {
            Issue.record("the command is no object")
            return
        }
        members["signature"] = .string(try block("signature"))
        let gateway = try #require(GatewayID(rawValue: "DEMO-1"))
        #expect(key.signed(try Command(json: .object(members)), for: gateway))
    }

    /// The public half of the key 0, 1, … 31.
    private static let documentedKey: [UInt8] = [
        0x03, 0xA1, 0x07, 0xBF, 0xF3, 0xCE, 0x10, 0xBE, 0x1D, 0x70, 0xDD, 0x18, 0xE7, 0x4B, 0xC0, 0x99, 0x67, 0xE4,
        0xD6, 0x30, 0x9B, 0xA5, 0x0D, 0x5F, 0x1D, 0xDC, 0x86, 0x64, 0x12, 0x55, 0x31, 0xB8,
    ]

    @Test("the columns are what the code makes of their readings")
    func columns() throws {
        let text = try block("columns")
        let batch = try Batch(bytes: Array(text.utf8))
        let entries = try #require(try batch.entries())
        #expect(entries.count == 3)
        let third = try block("third")
        #expect(entries.last?.record.json.canonicalText == third)
        let made = Batch(gateway: batch.gateway, epoch: batch.epoch, chainHead: batch.chainHead, entries: entries)
        #expect(made.map { String(decoding: $0.bytes, as: UTF8.self) } == text)
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
