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

    @Test(
        "rows of the ledger can be neither changed nor deleted",
        arguments: ["UPDATE ledger SET wall = 1", "DELETE FROM ledger"])
    func appendOnly(statement: String) throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 1)
        #expect(throws: DatabaseError.self) { try rawDatabase().write { try $0.execute(sql: statement) } }
    }

    @Test("every change to any column of any row is found")
    func everyColumn() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 3)
        let raw = try rawDatabase()
        try raw.write { try $0.execute(sql: "DROP TRIGGER ledger_keeps_rows") }
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
                let faults = try store.verify().faults.filter { $0 != "the tables are not declared as they must be" }
                #expect(!faults.isEmpty, "record \(sequence), column \(column)")
                try update(raw, column, sequence, before)
            }
        }
        #expect(changes > 40)
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

    @Test(
        "what was changed, taken away or added behind the store's back is found",
        arguments: [
            "UPDATE account SET balance = balance + 1 WHERE id = 'A-2'",
            "UPDATE account SET price = price + 1 WHERE id = 'A-2'",
            "UPDATE account SET last_recharge = 0 WHERE id = 'A-2'",
            "UPDATE circuit SET posted_counter = posted_counter + 1 WHERE id = 'M-2'",
            "UPDATE circuit SET mode = 'forced_off'",
            "UPDATE recharge SET customer_number = 'C-3'",
            "UPDATE cursor SET through = 5",
            "UPDATE actor SET name = 'nobody' WHERE name = 'platform'",
            "UPDATE ledger_head SET last_sequence = 4",
            "DROP TRIGGER ledger_loses_none; DELETE FROM ledger WHERE sequence = 5",
            "DROP TRIGGER ledger_loses_none; DELETE FROM ledger WHERE sequence = 3",
            "DROP INDEX ledger_by_account",
            "INSERT INTO ledger SELECT 6, previous, boot, monotonic, wall, trust, actor, account, cause, debit, "
                + "credit, amount, balance_after, carry_after, circuit, counter_from, counter_to, quantity, price, "
                + "estimated, recharge_number, command, concerns, rate, step, kind, body FROM ledger WHERE sequence = 5",
        ])
    func tampered(statement: String) throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 3)
        try store.advanceCursor(of: "push", through: 2)
        #expect(try store.verify().isSound)
        let raw = try rawDatabase()
        try raw.writeWithoutTransaction { try $0.execute(sql: "PRAGMA foreign_keys = OFF; " + statement) }
        try raw.close()
        #expect(try !store.verify().isSound)
        // From here on nothing is written.
        guard case .damaged? = store.stopped else {
            Issue.record("the store goes on after damage")
            return
        }
        #expect(throws: StorageError.self) { try store.commit(LedgerTransaction(changes: []), at: moment(99)) }
    }

    @Test("damage at the end of the chain, or to a balance, is seen when the file is opened; it can still be read")
    func openedDamaged() throws {
        do { try SampleSite.history(try SampleSite.store(in: directory), bills: 3) }
        let raw = try rawDatabase()
        try raw.write { try $0.execute(sql: "UPDATE ledger_head SET last_hash = zeroblob(32)") }
        try raw.close()
        let store = try SampleSite.store(in: directory)
        guard case .damaged? = store.stopped else {
            Issue.record("the damage was not seen")
            return
        }
        #expect(try store.site().circuits.count == 2)
        #expect(try store.records(after: 0, limit: 10).count == 5)
        #expect(throws: StorageError.self) { try store.commit(LedgerTransaction(changes: []), at: moment(99)) }
    }

    @Test("a file that is no database at all is named as damaged and left as it is")
    func noDatabase() throws {
        let path = directory.path + "/ledger.db"
        let content = Data(repeating: 0x5A, count: 9000)
        try content.write(to: URL(filePath: path))
        #expect {
            _ = try SampleSite.store(in: directory)
        } throws: { error in
            if case StorageError.damaged = error { true } else { false }
        }
        #expect(try Data(contentsOf: URL(filePath: path)) == content)
    }

    @Test("at its quota the ledger says full, keeps nothing of the transaction, and goes on reading")
    func full() throws {
        let path = directory.path + "/ledger.db"
        let store = try LedgerStore(
            path: path, gateway: try #require(GatewayID(rawValue: "G-1")), newEpoch: "e1", largestBytes: 256 * 1024)
        #expect(throws: StorageError.full(path)) { try SampleSite.history(store, bills: 2000) }
        let verification = try store.verify()
        #expect(verification.isSound)
        #expect(verification.records > 200)
        #expect(store.stopped == nil)
        #expect(throws: StorageError.full(path)) {
            let events = (0..<200).map { Event(.tamper, .gateway, ["number": String($0)]) }
            var change = LedgerChange()
            change.events = events
            try store.commit(LedgerTransaction(changes: [change]), at: moment(9999))
        }
        #expect(try store.head().sequence == verification.records)
    }

    @Test("the last ten openings of a circuit are known; orders that repeat an unconfirmed one are none")
    func openings() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 0)
        let circuit = try #require(CircuitID(rawValue: "M-2"))
        func order(_ number: Int, from intended: BreakerPosition?, to after: BreakerPosition?) throws {
            var change = LedgerChange()
            change.breakers[circuit] = BreakerMemory(intended: after)
            change.events = [
                Event(.breakerCommanded, .circuit(circuit), ["position": "open", "number": String(number)])
            ]
            try store.commit(LedgerTransaction(changes: [change]), at: moment(Int64(number)))
        }
        for number in 1...12 {
            // Ordered, not taken, ordered again, confirmed.
            try order(number, from: nil, to: .open)
            try order(number + 100, from: .open, to: nil)
        }
        let openings = try store.openings(of: circuit)
        let numbers = openings.map { record -> String? in
            if case .event(let event) = record.body { event.detail["number"] } else { nil }
        }
        #expect(numbers == (3...12).reversed().map(String.init))
        #expect(try store.openings(of: try #require(CircuitID(rawValue: "M-1"))).isEmpty)
        #expect(try store.verify().isSound)
    }

    @Test("a command moves on to its final state and stays there")
    func commandStates() throws {
        let store = try SampleSite.store(in: directory)
        func keep(_ state: CommandState) throws {
            let record = CommandRecord(id: "c-1", kind: "breaker", state: state, outcome: state.rawValue)
            let command = AnsweredCommand(record: record, position: 1, received: Array("{}".utf8))
            try store.commit(LedgerTransaction(changes: [], command: command), at: moment(1))
        }
        try keep(.accepted)
        #expect(try store.unfinishedCommands().map(\.record.id) == ["c-1"])
        try keep(.executing)
        #expect(throws: StorageError.self) { try keep(.accepted) }
        try keep(.applied)
        #expect(throws: StorageError.self) { try keep(.rejected) }
        #expect(try store.command(id: "c-1")?.state == .applied)
        #expect(try store.unfinishedCommands().isEmpty)
        #expect(try store.head().sequence == 3)
        #expect(try store.verify().isSound)
    }

    @Test("a circuit is not moved to another account by an import")
    func movedCircuit() throws {
        let store = try SampleSite.store(in: directory)
        let site = try SampleSite.site()
        try store.commit(LedgerTransaction(changes: [], installation: site), at: moment(1))
        let moved = site.circuits.map { circuit in
            StoredCircuit(
                id: circuit.id, account: AccountID(rawValue: "A-1"), meter: circuit.meter,
                ratedPerHour: circuit.ratedPerHour, breaker: circuit.breaker)
        }
        #expect(throws: StorageError.self) {
            try store.commit(
                LedgerTransaction(
                    changes: [], installation: StoredSite(meters: [], accounts: site.accounts, circuits: moved)),
                at: moment(2))
        }
        #expect(try store.site() == site)
    }

    @Test("records come in portions of so many bytes, and never none")
    func byteLimit() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 10)
        let all = try store.records(after: 0, limit: 100)
        let lengths = all.map { $0.json.canonicalBytes().count }
        #expect(try store.records(after: 0, limit: 100, byteLimit: lengths[0] + lengths[1]).count == 2)
        #expect(try store.records(after: 0, limit: 100, byteLimit: 1).count == 1)
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

    /// At 256 accounts with 7 postings a day 150 bytes are 98 MB a year.
    @Test("a posting takes at most 150 bytes, indexes included")
    func growth() throws {
        func pages(after bills: Int) throws -> Int {
            let directory = try TemporaryDirectory()
            let store = try SampleSite.store(in: directory)
            try SampleSite.history(store, bills: bills)
            try store.close()
            return try Data(contentsOf: URL(filePath: directory.path + "/ledger.db")).count
        }
        let bytes = (try pages(after: 700) - (try pages(after: 100))) / 600
        #expect(bytes <= 150, "\(bytes) bytes a posting")
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

    @Test("the lock goes with its holder")
    func released() throws {
        let directory = try TemporaryDirectory()
        do { _ = try DataDirectory(path: directory.path) }
        _ = try DataDirectory(path: directory.path)
    }

    @Test("the last known time is there after a restart; nonsense is none")
    func lastKnownTime() throws {
        let directory = try TemporaryDirectory()
        #expect(DataDirectory.lastKnownTime(in: directory.path) == nil)
        let wall = WallTime(millisecondsSince1970: 1_800_000_000_123)
        try DataDirectory(path: directory.path).keep(lastKnownTime: wall)
        #expect(DataDirectory.lastKnownTime(in: directory.path) == wall)
        try Data("yesterday\n".utf8).write(to: URL(filePath: directory.path + "/last-known-time"))
        #expect(DataDirectory.lastKnownTime(in: directory.path) == nil)
    }

    @Test("a directory that cannot be made is named")
    func unusable() {
        #expect(throws: StorageError.self) { _ = try DataDirectory(path: "/proc/nowhere/data") }
    }
}
