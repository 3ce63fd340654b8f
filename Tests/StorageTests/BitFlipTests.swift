import Foundation
import GRDB
import Metering
import Prepaid
import Storage
import Testing
import UplinkProtocol

@Suite("A flipped bit in the ledger file")
struct BitFlipTests {
    /// All that the store says of a file.
    private struct Content: Equatable {
        var head: ChainHead
        var site: StoredSite
        var records: [LedgerRecord]
        var recharge: AppliedRecharge?
        var command: CommandRecord?
        var cursor: Int64
        var openings: [LedgerRecord]
    }

    private static func content(_ store: LedgerStore) throws -> Content {
        Content(
            head: try store.head(), site: try store.site(), records: try store.records(after: 0, limit: 1000),
            recharge: try store.recharge(of: try #require(AccountID(rawValue: "A-2")), number: 1),
            command: try store.command(id: "c-1"), cursor: try store.cursor(of: "push"),
            openings: try store.openings(of: try #require(CircuitID(rawValue: "M-2"))))
    }

    /// Flips single bits all over the file. Each is either found, or in a byte that says nothing.
    @Test("is found, or changes nothing that is read", arguments: 0..<4)
    func flips(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/ledger.db"
        let expected = try sample(in: directory)
        let original = try Data(contentsOf: URL(filePath: path))
        var generator = SplitMix(state: seed)
        // Most bytes of a small file are empty: flip where something is.
        let used = original.indices.filter { original[$0] != 0 }
        var found = 0
        for _ in 0..<40 {
            let index = try #require(used.randomElement(using: &generator))
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
            var changed = original
            changed[index] ^= bit
            try changed.write(to: URL(filePath: path))
            if try isFound(in: directory, expected: expected) {
                found += 1
            } else {
                Issue.record("byte \(index) of \(original.count), bit \(bit): not found")
            }
            for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        #expect(found == 40)
    }

    /// True as well where the flip changed nothing.
    private func isFound(in directory: TemporaryDirectory, expected: Content) throws -> Bool {
        do {
            let store = try SampleSite.store(in: directory)
            defer { try? store.close() }
            if store.stopped != nil { return true }
            if try !store.verify().isSound { return true }
            return try Self.content(store) == expected
        } catch is StorageError {
            return true
        }
    }

    private func sample(in directory: TemporaryDirectory) throws -> Content {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 8)
        var change = LedgerChange()
        let circuit = try #require(CircuitID(rawValue: "M-2"))
        change.breakers[circuit] = BreakerMemory(intended: .open)
        change.events = [Event(.breakerCommanded, .circuit(circuit), ["position": "open"])]
        let record = CommandRecord(id: "c-1", kind: "breaker", state: .applied, outcome: "applied")
        try store.commit(
            LedgerTransaction(
                changes: [change],
                command: AnsweredCommand(record: record, position: 3, received: Array("{\"id\":\"c-1\"}".utf8))),
            at: moment(50))
        try store.advanceCursor(of: "push", through: 4)
        let content = try Self.content(store)
        try store.close()
        return content
    }
}
