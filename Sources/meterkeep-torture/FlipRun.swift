import ArgumentParser
import Foundation
import SampleLoad
import Storage
import UplinkProtocol

/// Flips single bits of a ledger file: each is found, or in a byte that says nothing.
struct Flips: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Flip single bits of a ledger file.")

    @Option(help: "So many bits, each in a file that is sound otherwise.") var count = 300
    @Option(help: "Another seed draws other bits.") var seed: UInt64 = 1

    private struct Content: Hashable {
        let state: LedgerState
        let records: [LedgerRecord]

        init(_ store: LedgerStore, command: String) throws {
            state = try LedgerState(store, lastCommand: command)
            records = try store.records(after: 0, limit: 10_000)
        }
    }

    func run() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/ledger.db"
        var generator = SeededGenerator(seed: seed)
        var workload = try LedgerWorkload(path: path)
        try workload.install()
        for _ in 0..<40 { try workload.step(using: &generator) }
        let command = LedgerWorkload.commandID(workload.commands)
        let expected = try Content(workload.store, command: command)
        try workload.store.close()
        let original = try Data(contentsOf: URL(filePath: path))
        // Most bytes of a small file are empty: flip where something is.
        let used = original.indices.filter { original[$0] != 0 }
        var undetected = 0
        for _ in 0..<count {
            guard let index = used.randomElement(using: &generator) else { break }
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
            try scratch.clear()
            var changed = original
            changed[index] ^= bit
            try changed.write(to: URL(filePath: path))
            guard !isFound(path, expected: expected, command: command) else { continue }
            undetected += 1
            print("  byte \(index) of \(original.count), bit \(bit): not found")
        }
        figure("flips", count)
        figure("undetected_flips", undetected)
        if undetected > 0 { throw ExitCode.failure }
    }

    /// True as well where the flip changed nothing that is read.
    private func isFound(_ path: String, expected: Content, command: String) -> Bool {
        do {
            let store = try LedgerWorkload.open(path)
            defer { try? store.close() }
            if try store.stopped != nil || !store.verify().isSound { return true }
            return try Content(store, command: command) == expected
        } catch {
            return true
        }
    }
}
