import Foundation
import GRDB
import Metering
import Prepaid
import Storage
import Testing
import UplinkProtocol

@Suite("The ledger file")
struct LedgerStoreTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func rawDatabase() throws -> DatabaseQueue { try DatabaseQueue(path: directory.path + "/ledger.db") }

    @Test("what was installed and posted is there after a restart")
    func restart() throws {
        let written = try {
            let store = try SampleSite.store(in: directory)
            try SampleSite.history(store, bills: 5)
            return try store.head()
        }()
        let store = try SampleSite.store(in: directory, epoch: "another")
        #expect(store.epoch == "e1")
        #expect(try store.head() == written)
        let site = try store.site()
        #expect(site.meters == (try SampleSite.site()).meters)
        let account = try #require(site.accounts.last)
        // 5 × 1237 Wh at 0.6180: 3.822330
        #expect(account.balance == Money(microunits: 100_000_000 - 3_822_330))
        #expect(account.lastRechargeNumber == 1)
        #expect(site.circuits.last?.posted?.value == 6_185)
        #expect(try store.verify().isSound)
    }

    @Test("records come back as they were written, hash by hash")
    func records() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 3)
        let records = try store.records(after: 0, limit: 100)
        #expect(records.map(\.sequence) == Array(1...5))
        var previous = ChainHash.genesis(gateway: "G-1", epoch: "e1")
        for record in records {
            #expect(record.previous == previous)
            #expect(try LedgerRecord(json: record.json) == record)
            previous = record.hash
        }
        #expect(try store.head() == ChainHead(sequence: 5, hash: previous))
        #expect(try store.records(after: 3, limit: 1).map(\.sequence) == [4])
    }

    @Test("a posting that does not follow the balance is refused, and nothing of its transaction is kept")
    func refused() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 1)
        let head = try store.head()
        var account = try #require(try store.site().accounts.last)
        let wrong = Posting(
            account: account.id, cause: .refund, debit: .customer(account.id), credit: .adjustment,
            amount: Money(microunits: 1), balanceAfter: account.balance, carryTenthsAfter: 0)
        var change = LedgerChange()
        change.account = account
        change.postings = [wrong]
        change.events = [Event(.daemonStarted, .gateway)]
        #expect(throws: StorageError.self) {
            try store.commit(LedgerTransaction(changes: [change]), at: moment(50))
        }
        account.balance = .zero
        #expect(try store.head() == head)
        #expect(try store.records(after: head.sequence, limit: 10).isEmpty)
    }

    @Test("a command keeps its first answer, and its recharge can be found by number")
    func commands() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 0)
        let record = CommandRecord(
            id: "c-9", kind: "recharge", state: .rejected, outcome: "gap", detail: ["expected": "2"])
        try store.commit(
            LedgerTransaction(
                changes: [], command: AnsweredCommand(record: record, position: 7, received: Array("{}".utf8)),
                actor: "platform"), at: moment(3))
        #expect(try store.command(id: "c-9") == record)
        #expect(try store.command(id: "c-10") == nil)
        #expect(try store.commandPosition() == 7)
        let account = try #require(AccountID(rawValue: "A-2"))
        #expect(try store.recharge(of: account, number: 1)?.recharge.amount == Money(microunits: 100_000_000))
        #expect(try store.recharge(of: account, number: 2) == nil)
    }

    @Test("FULL is what SQLite reads back, and rows cannot be changed in place")
    func pragmas() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 1)
        #expect(throws: DatabaseError.self) {
            try rawDatabase().write { try $0.execute(sql: "UPDATE ledger SET amount = 1 WHERE sequence = 1") }
        }
    }

    @Test("every change to any column of any row is found")
    func everyColumn() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 3)
        let raw = try rawDatabase()
        try raw.write { try $0.execute(sql: "DROP TRIGGER ledger_is_append_only") }
        let columns = [
            "previous", "monotonic", "wall", "trust", "cause", "amount", "balance_after", "carry_after",
            "counter_from", "counter_to", "quantity", "price", "recharge_number", "command", "body", "debit", "credit",
            "boot", "actor",
        ]
        var changes = 0
        for sequence in 1...5 {
            for column in columns {
                let before = try raw.read { database -> DatabaseValue in
                    let row = try Row.fetchOne(
                        database, sql: "SELECT \(column) FROM ledger WHERE sequence = ?", arguments: [sequence])
                    return row?[column] ?? .null
                }
                guard let after = Self.changed(before) else { continue }
                guard (try? update(raw, column, sequence, after)) != nil else { continue }
                changes += 1
                #expect(try !store.verify().isSound, "record \(sequence), column \(column)")
                try update(raw, column, sequence, before)
            }
        }
        #expect(changes > 40)
        #expect(try store.verify().isSound)
    }

    private func update(_ raw: DatabaseQueue, _ column: String, _ sequence: Int, _ value: DatabaseValue) throws {
        try raw.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA foreign_keys = OFF")
            try database.execute(
                sql: "UPDATE ledger SET \(column) = ? WHERE sequence = ?", arguments: [value, sequence])
        }
    }

    /// The value with one bit changed.
    private static func changed(_ value: DatabaseValue) -> DatabaseValue? {
        switch value.storage {
        case .int64(let number): return (number ^ 1).databaseValue
        case .string(let text):
            var bytes = Array(text.utf8)
            guard let last = bytes.indices.last else { return nil }
            bytes[last / 2] ^= 1
            return String(decoding: bytes, as: UTF8.self).databaseValue
        case .blob(let data):
            var bytes = [UInt8](data)
            guard !bytes.isEmpty else { return nil }
            bytes[0] ^= 0x80
            return Data(bytes).databaseValue
        default: return nil
        }
    }

    @Test("a row that is gone, and a balance that was changed, are found")
    func missing() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 3)
        let raw = try rawDatabase()
        try raw.write { try $0.execute(sql: "UPDATE account SET balance = balance + 1 WHERE id = 'A-2'") }
        #expect(try store.verify().faults.count == 1)
        try raw.write { try $0.execute(sql: "UPDATE account SET balance = balance - 1 WHERE id = 'A-2'") }
        #expect(try store.verify().isSound)
        try raw.write { try $0.execute(sql: "DELETE FROM ledger WHERE sequence = 5") }
        #expect(try !store.verify().isSound)
    }

    @Test("another gateway's ledger is not taken")
    func foreign() throws {
        _ = try SampleSite.store(in: directory)
        let other = try #require(GatewayID(rawValue: "G-2"))
        #expect(throws: StorageError.self) {
            _ = try LedgerStore(path: directory.path + "/ledger.db", gateway: other, newEpoch: "e2")
        }
    }

    @Test("a file of a later version is left alone")
    func later() throws {
        _ = try SampleSite.store(in: directory)
        try rawDatabase().writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 99") }
        #expect(throws: StorageError.tooNew(path: directory.path + "/ledger.db", version: 99)) {
            _ = try SampleSite.store(in: directory)
        }
    }

    @Test("a posting takes at most 150 bytes, indexes included")
    func growth() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 400)
        let size = try rawDatabase().read { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            return pages * (try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0)
        }
        let empty = 26 * 4096
        #expect((size - empty) / 400 <= 150, "\((size - empty) / 400) bytes a posting")
    }
}

@Suite("The data directory")
struct DataDirectoryTests {
    @Test("a second daemon is kept out and told who holds it")
    func locked() throws {
        let directory = try TemporaryDirectory()
        let first = try DataDirectory(path: directory.path)
        let processID = String(ProcessInfo.processInfo.processIdentifier)
        #expect(throws: StorageError.locked(path: directory.path, processID: processID)) {
            _ = try DataDirectory(path: directory.path)
        }
        #expect(first.ledgerPath.hasSuffix("/ledger.db"))
    }

    @Test("a directory that cannot be made is named")
    func unusable() {
        #expect(throws: StorageError.self) { _ = try DataDirectory(path: "/proc/nowhere/data") }
    }
}
