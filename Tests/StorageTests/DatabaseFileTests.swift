import Foundation
import GRDB
import Testing

@testable import Storage

@Suite("Opening a database file")
struct DatabaseFileTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/sample.db" }

    init() throws { directory = try TemporaryDirectory() }

    private func layout(_ steps: [String]) -> DatabaseLayout { DatabaseLayout(applicationID: 77, steps: steps) }

    private func open(_ steps: [String], durability: Durability = .full) throws -> DatabaseFile.Opened {
        try DatabaseFile.open(path: path, durability: durability, largestBytes: 1 << 20, layout: layout(steps))
    }

    private let first = "CREATE TABLE one (a INTEGER) STRICT;"

    @Test("SQLite reads back the durability that was asked for", arguments: [Durability.normal, .full])
    func durability(_ durability: Durability) throws {
        let opened = try open([first], durability: durability)
        try opened.queue.write { try $0.execute(sql: "INSERT INTO one VALUES (1)") }
        let found = try opened.queue.read { database in
            [
                try Int.fetchOne(database, sql: "PRAGMA synchronous"),
                try Int.fetchOne(database, sql: "PRAGMA foreign_keys"),
                try Int.fetchOne(database, sql: "PRAGMA max_page_count"),
                try Int.fetchOne(database, sql: "PRAGMA application_id"),
                try Int.fetchOne(database, sql: "PRAGMA mmap_size"),
            ]
        }
        #expect(found == [durability.rawValue, 1, 256, 77, 0])
    }

    @Test("a step that fails leaves the file as it was before the step")
    func failedStep() throws {
        do { _ = try open([first]) }
        #expect(throws: StorageError.self) {
            _ = try open([first, "CREATE TABLE two (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"])
        }
        let raw = try DatabaseQueue(path: path)
        #expect(try raw.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == 1)
        #expect(try raw.read { try $0.tableExists("two") } == false)
        try raw.close()
        let opened = try open([first, "CREATE TABLE two (a INTEGER) STRICT;"])
        #expect(try opened.queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == 2)
        #expect(try opened.queue.read { try $0.tableExists("two") })
    }

    @Test("another program's database gets no tables of ours")
    func foreign() throws {
        let raw = try DatabaseQueue(path: path)
        try raw.write { try $0.execute(sql: "CREATE TABLE theirs (a)") }
        try raw.close()
        #expect(throws: StorageError.self) { _ = try open([first]) }
        let after = try DatabaseQueue(path: path)
        #expect(try after.read { try $0.tableExists("one") } == false)
    }

    @Test(
        "after a failed write nothing is written until the file is opened again",
        arguments: [ResultCode.SQLITE_IOERR_FSYNC, .SQLITE_IOERR_WRITE, .SQLITE_CORRUPT])
    func stops(code: ResultCode) throws {
        let handle = DatabaseHandle(path: path, opened: try open([first]))
        #expect(throws: StorageError.self) { try handle.write { _ in throw DatabaseError(resultCode: code) } }
        #expect(handle.stopped != nil)
        #expect(throws: StorageError.self) {
            try handle.write { try $0.execute(sql: "INSERT INTO one VALUES (1)") }
        }
        try handle.close()
        let again = DatabaseHandle(path: path, opened: try open([first]))
        #expect(again.stopped == nil)
        #expect(try again.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM one") } == 0)
    }

    @Test(
        "what only concerns one commit does not stop the next one",
        arguments: [
            (ResultCode.SQLITE_FULL, StorageError.full("p")), (.SQLITE_READONLY, .readOnly("p")),
            (.SQLITE_BUSY, .busy("p")), (.SQLITE_CONSTRAINT_CHECK, .refused("constraint failed")),
        ])
    func goesOn(code: ResultCode, meaning: StorageError) {
        let error = StorageError.from(DatabaseError(resultCode: code), path: "p")
        #expect(error == meaning)
        #expect(!error.stopsWriting)
    }
}
