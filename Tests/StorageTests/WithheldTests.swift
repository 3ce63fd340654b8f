import GRDB
import Metering
import SampleLoad
import Testing
import UplinkProtocol

@testable import Storage

@Suite("Records that the platform refused")
struct WithheldTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test("are noted with the cursor, kept over a restart, and forgotten when they were delivered")
    func noted() throws {
        let refusals = [Refusal(sequence: 2, reason: "first"), Refusal(sequence: 4, reason: "second")]
        do {
            let store = try SampleSite.store(in: directory)
            try SampleSite.history(store, bills: 3)
            try store.advanceCursor(of: "push", through: 4, withheld: refusals)
            try store.close()
        }
        let store = try SampleSite.store(in: directory)
        #expect(try store.cursor(of: "push") == 4)
        #expect(try store.withheld(limit: 10) == refusals)
        #expect(try store.withheld(after: 2, limit: 10) == [refusals[1]])
        #expect(try store.withheld(limit: 1) == [refusals[0]])
        #expect(try store.verify().isSound)
        try store.delivered([2, 3])
        #expect(try store.withheld(limit: 10) == [refusals[1]])
        #expect(try store.withheldCount() == 1)
    }

    @Test("what is ahead of the log cannot have been refused; a new reason replaces the old one")
    func odd() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 1)
        try store.advanceCursor(of: "push", through: 2, withheld: [Refusal(sequence: 99, reason: "never")])
        #expect(try store.withheldCount() == 0)
        for reason in ["one", "two"] {
            try store.advanceCursor(of: "push", through: 2, withheld: [Refusal(sequence: 1, reason: reason)])
        }
        #expect(try store.withheld(limit: 10) == [Refusal(sequence: 1, reason: "two")])
    }

    @Test("a note that something else changed is found")
    func tampered() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 1)
        try store.advanceCursor(of: "push", through: 2, withheld: [Refusal(sequence: 1, reason: "one")])
        try DatabaseQueue(path: directory.path + "/ledger.db").write {
            try $0.execute(sql: "UPDATE withheld SET sequence = 2")
        }
        #expect(try store.verify().faults.count == 1)
        #expect(throws: StorageError.self) { try store.withheld(limit: 10) }
    }

    @Test("a cursor is put back to send the log again, and never forward")
    func rewind() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 4)
        try store.advanceCursor(of: "push", through: 5)
        #expect(try store.rewindCursor(of: "push", to: 3))
        #expect(try store.cursor(of: "push") == 2)
        #expect(try store.rewindCursor(of: "push", to: 3) == false)
        #expect(try store.rewindCursor(of: "push", to: 0) == false)
        #expect(try store.cursor(of: "push") == 2)
        try store.advanceCursor(of: "push", through: 5)
        #expect(try store.cursor(of: "push") == 5)
    }

    @Test("a file of the layout before takes them")
    func migration() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 2)
        let head = try store.head()
        try store.close()
        try OlderLayout.takeLedgerBack(directory.path + "/ledger.db", to: 2)
        let again = try SampleSite.store(in: directory)
        #expect(try again.head() == head)
        #expect(try again.verify().isSound)
        try again.advanceCursor(of: "push", through: 2, withheld: [Refusal(sequence: 2, reason: "one")])
        #expect(try again.withheldCount() == 1)
    }
}
