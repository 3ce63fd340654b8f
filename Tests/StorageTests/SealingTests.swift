import Foundation
import GRDB
import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Storage

@Suite("Sealed months")
struct SealingTests {
    private let directory: TemporaryDirectory
    /// The samples are written in the first minutes after `moment(0)`; a month later all of that is over.
    private let nextMonth = moment(40 * 86_400).wall

    init() throws { directory = try TemporaryDirectory() }

    /// A ledger of 2 + `bills` records, all acknowledged.
    private func acknowledged(bills: Int) throws -> LedgerStore {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: bills)
        try store.advanceCursor(of: "platform", through: try store.head().sequence)
        return store
    }

    private func rowCount() throws -> Int {
        try DatabaseQueue(path: directory.path + "/ledger.db").read { database in
            try Int.fetchOne(database, sql: "SELECT count(*) FROM ledger") ?? 0
        }
    }

    @Test("leave the ledger, and everything that was in it can still be proved and read")
    func seal() throws {
        let store = try acknowledged(bills: 600)
        let before = try store.records(after: 0, limit: 10_000)
        let month = try #require(try store.seal(before: nextMonth))
        #expect(month.first == 1 && month.last == 602)
        while try store.dropSealedRows() {}
        // The recharge and the last entry of the account.
        #expect(try rowCount() == 2)

        #expect(try store.verify().isSound)
        #expect(try store.verify().records == 602)
        #expect(try store.verify().balances == (try SampleSite.store(in: directory).verify().balances))
        var read: [LedgerRecord] = []
        while case let page = try store.records(after: read.last?.sequence ?? 0, limit: 500), !page.isEmpty {
            read += page
        }
        #expect(read == before)
        #expect(
            try store.entry(400)?.posting
                == before.compactMap { record in
                    if record.sequence == 400, case .posting(let posting) = record.body { posting } else { nil }
                }.first)
        #expect(try store.seal(before: nextMonth) == nil, "there is nothing more to seal")
    }

    @Test("are followed by new records, over a restart")
    func goOn() throws {
        let sealed = try {
            let store = try acknowledged(bills: 20)
            let month = try #require(try store.seal(before: nextMonth))
            while try store.dropSealedRows() {}
            return month
        }()
        let store = try SampleSite.store(in: directory)
        #expect(store.stopped == nil)
        var change = LedgerChange()
        change.events = [Event(.daemonStarted, .gateway)]
        try store.commit(LedgerTransaction(changes: [change]), at: moment(50 * 86_400))
        #expect(try store.verify().isSound)
        #expect(try store.head().sequence == sealed.last + 1)
        #expect(try store.records(after: sealed.last, limit: 10).first?.previous == sealed.lastHash)
    }

    @Test("wait for everyone who is configured, with a cursor or without, and for no one else")
    func configured() throws {
        let store = try acknowledged(bills: 10)
        store.wait(for: ["platform", "pull:billing"])
        #expect(try store.seal(before: nextMonth) == nil, "billing has not begun yet")
        store.wait(for: ["platform"])
        #expect(try store.seal(before: nextMonth) != nil)
    }

    @Test("are made where nobody is configured")
    func nobody() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 10)
        store.wait(for: [])
        #expect(try store.seal(before: nextMonth) != nil)
    }

    @Test("hold nothing that is not acknowledged, and nothing of this month")
    func bounds() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 10)
        #expect(try store.seal(before: nextMonth) == nil, "nobody has acknowledged anything")
        try store.advanceCursor(of: "platform", through: 11)
        #expect(try store.seal(before: nextMonth) == nil, "the last record of the month waits")
        try store.advanceCursor(of: "platform", through: 12)
        try store.advanceCursor(of: "auditor", through: 5)
        #expect(try store.seal(before: nextMonth) == nil, "another consumer has not got it")
        try store.advanceCursor(of: "auditor", through: 12)
        #expect(try store.seal(before: moment(0).wall) == nil, "it is all of this month")
        #expect(try store.seal(before: nextMonth)?.last == 12)
    }

    @Test("go into a backup with the ledger, which leaves nothing beside it; no other file does")
    func backup() throws {
        let store = try acknowledged(bills: 600)
        let month = try #require(try store.seal(before: nextMonth))
        while try store.dropSealedRows() {}
        let copied = directory.path + "/copied.db"
        let writer = try DurableFileWriter(copied)
        let source = try store.copy()
        var offset: Int64 = 0
        while case let bytes = try source.bytes(at: offset, atMost: 1000), !bytes.isEmpty {
            try writer.append(bytes)
            offset += Int64(bytes.count)
        }
        #expect(offset == source.byteCount)
        #expect(!DurableFile.exists(copied), "not before it is whole")
        try writer.finish()
        #expect(try DurableFile.names(in: directory.path).allSatisfy { !$0.contains("backup") && !$0.contains("part") })
        let copy = try LedgerStore(path: copied, gateway: store.gateway, newEpoch: "x")
        #expect(try copy.head() == store.head() && copy.epoch == store.epoch)
        let sealed = try #require(try store.sealedFile(month.file))
        let bytes = try sealed.bytes(at: 0, atMost: Int(sealed.byteCount) + 1)
        #expect(bytes == Array(try Data(contentsOf: URL(filePath: "\(directory.path)/archive/\(month.file)"))))
        #expect(try store.sealedFile("../ledger.db") == nil && store.sealedFile("") == nil)
    }

    @Test("a file that is not finished leaves nothing behind, and what was there stays")
    func unfinished() throws {
        let path = directory.path + "/file"
        try DurableFile.replace(path, with: Array("old".utf8))
        do {
            let writer = try DurableFileWriter(path)
            try writer.append(Array("new".utf8))
        }
        #expect(DurableFile.content(of: path, atMost: 9) == "old")
        #expect(try DurableFile.names(in: directory.path) == ["file"])
    }

    @Test("rows that are not sealed cannot be deleted")
    func triggers() throws {
        let store = try acknowledged(bills: 10)
        _ = try store.seal(before: nextMonth)
        var change = LedgerChange()
        change.events = [Event(.daemonStarted, .gateway)]
        try store.commit(LedgerTransaction(changes: [change]), at: moment(50 * 86_400))
        try store.close()
        let raw = try DatabaseQueue(path: directory.path + "/ledger.db")
        #expect(throws: DatabaseError.self) {
            try raw.write { try $0.execute(sql: "DELETE FROM ledger WHERE sequence = 13") }
        }
    }

    @Test("an archive file that is lost, cut off or changed is named; the ledger itself goes on", arguments: 0..<4)
    func damage(kind: Int) throws {
        let store = try acknowledged(bills: 300)
        let month = try #require(try store.seal(before: nextMonth))
        while try store.dropSealedRows() {}
        let path = directory.path + "/archive/" + month.file
        var bytes = Array(try Data(contentsOf: URL(filePath: path)))
        switch kind {
        case 0: try FileManager.default.removeItem(atPath: path)
        case 1: try Data(bytes.dropLast(40)).write(to: URL(filePath: path))
        case 2:
            bytes[bytes.count / 2] ^= 4
            try Data(bytes).write(to: URL(filePath: path))
        default:
            // A sound gzip file with other content: the first record only.
            let first = try #require(try store.records(after: 0, limit: 1).first)
            let writer = try GzipLineWriter(path: path)
            try writer.write(line: first.json.canonicalText)
            try writer.finish()
        }
        let verification = try store.verify()
        #expect(!verification.isSound)
        #expect(verification.faults.isEmpty)
        #expect(verification.archiveFaults.first?.contains(month.file) == true)
        #expect(store.stopped == nil)
        var change = LedgerChange()
        change.events = [Event(.daemonStarted, .gateway)]
        try store.commit(LedgerTransaction(changes: [change]), at: moment(50 * 86_400))
    }
}
