import Foundation
import GRDB
import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Storage

@Suite("A ledger that begins anew: after damage, or from a backup")
struct SuccessionTests {
    private let folder: TemporaryDirectory
    private let gateway: GatewayID

    init() throws {
        folder = try TemporaryDirectory()
        gateway = try #require(GatewayID(rawValue: "G-1"))
    }

    private func directory() throws -> DataDirectory { try DataDirectory(path: folder.path + "/data") }

    private func open(_ directory: DataDirectory, epoch: String) throws -> OpenedLedger {
        try directory.openLedger(gateway: gateway, newEpoch: epoch, at: moment(1000))
    }

    /// A ledger with a history and a command.
    private func history(_ directory: DataDirectory) throws -> [Account] {
        let store = try open(directory, epoch: "e1").store
        try SampleSite.history(store, bills: 8)
        let record = CommandRecord(id: "c-9", kind: "breaker", state: .applied, outcome: "applied")
        try store.commit(
            LedgerTransaction(
                changes: [], command: AnsweredCommand(record: record, position: 9, received: Array("{}".utf8))),
            at: moment(60))
        let accounts = try store.site().accounts
        try store.close()
        return accounts
    }

    private func checkHeld(_ store: LedgerStore, _ accounts: [Account], epoch: String) throws {
        #expect(store.epoch == epoch)
        #expect(try store.site().accounts == accounts)
        #expect(try store.verify().faults.isEmpty)
        #expect(try store.command(id: "c-9")?.outcome == "applied")
        #expect(try store.commandPosition() == 9)
        #expect(store.holdReason != nil)
    }

    @Test("a damaged file is moved aside; site, balances and command ids begin the new one, and money is held")
    func damage() throws {
        let directory = try directory()
        let accounts = try history(directory)
        // Damage that only the seal of a row shows.
        let raw = try DatabaseFile.open(
            path: directory.ledgerPath, durability: .full, largestBytes: 1 << 30, layout: LedgerLayout.layout)
        try raw.queue.write { try $0.execute(sql: "UPDATE account SET balance = balance + 1 WHERE id = 'A-2'") }
        try raw.queue.close()
        let opened = try open(directory, epoch: "e2")
        let rebuilt = try #require(opened.rebuilt)
        #expect(rebuilt.oldEpoch == "e1")
        #expect(rebuilt.suspects == ["account 2", "balance of account A-2"])
        let aside = try #require(rebuilt.aside)
        #expect(FileManager.default.fileExists(atPath: aside + "/ledger.db"))
        try checkHeld(opened.store, accounts, epoch: "e2")
        try opened.store.close()

        let again = try open(directory, epoch: "e3")
        #expect(again.rebuilt == nil)
        #expect(again.store.epoch == "e2")
        #expect(again.store.holdReason?.hasPrefix("rebuilt:") == true)
        #expect(try again.store.release(actor: "operator", at: moment(2000)))
        #expect(try again.store.release(actor: "operator", at: moment(2000)) == false)
        try again.store.close()
        #expect(try open(directory, epoch: "e4").store.holdReason == nil)
    }

    @Test("a file of which nothing can be read costs the daemon no start")
    func wreck() throws {
        let directory = try directory()
        _ = try history(directory)
        try Data(repeating: 7, count: 50_000).write(to: URL(filePath: directory.ledgerPath))
        let opened = try open(directory, epoch: "e2")
        #expect(opened.rebuilt?.accounts == 0)
        #expect(opened.store.holdReason != nil)
        #expect(try opened.store.verify().isSound)
    }

    @Test("damage that was found while it ran is dealt with at the next start")
    func notedDamage() throws {
        let directory = try directory()
        let accounts = try history(directory)
        try directory.noteDamage("record 3 does not follow")
        let opened = try open(directory, epoch: "e2")
        #expect(opened.store.holdReason == "rebuilt: record 3 does not follow")
        try checkHeld(opened.store, accounts, epoch: "e2")
        try opened.store.close()
        #expect(try open(directory, epoch: "e3").rebuilt == nil)
    }

    /// After `moves` of the moves that put the new ledger in its place the power fails.
    @Test("a kill between any two moves leaves the old ledger or the new one", arguments: 0...3)
    func interrupted(moves: Int) throws {
        let directory = try directory()
        let accounts = try history(directory)
        let succession = LedgerSuccession(directory: directory.path, gateway: gateway)
        // One that never got its final name is nothing.
        try FileManager.default.createDirectory(
            atPath: directory.path + "/next.part", withIntermediateDirectories: true)
        try Data([1]).write(to: URL(filePath: directory.path + "/next.part/ledger.db"))
        _ = try succession.prepare(
            from: directory.ledgerPath, epoch: "e2", cause: .restore("backup"), at: moment(1000))
        let aside = directory.path + "/before-e2"
        let steps: [() throws -> Void] = [
            { try FileManager.default.createDirectory(atPath: aside, withIntermediateDirectories: true) },
            { try DurableFile.move(directory.ledgerPath, to: aside + "/ledger.db") },
            { try DurableFile.move(directory.path + "/next-e2/ledger.db", to: directory.ledgerPath) },
        ]
        for step in steps.prefix(moves) { try step() }
        let opened = try open(directory, epoch: "e3")
        #expect(opened.rebuilt == nil)
        try checkHeld(opened.store, accounts, epoch: "e2")
        #expect(try DurableFile.names(in: directory.path).allSatisfy { !$0.hasPrefix("next") })
    }

    @Test("a backup is restored as a new epoch; one that is behind only when that is wanted")
    func restore() throws {
        let directory = try directory()
        let accounts = try history(directory)
        let backup = folder.path + "/backup.db"
        let store = try open(directory, epoch: "x").store
        try store.backUp(to: backup)
        try store.backUp(to: backup)
        try store.advanceCursor(of: "push", through: 3)
        try store.close()
        func restore(discardsLater: Bool = false, epoch: String) throws -> SuccessionSummary {
            try directory.restoreLedger(
                from: backup, gateway: gateway, newEpoch: epoch, discardsLater: discardsLater, at: moment(3000))
        }
        #expect(try restore(epoch: "e2").accounts == accounts.count)
        let restored = try open(directory, epoch: "x").store
        try checkHeld(restored, accounts, epoch: "e2")
        #expect(try restored.cursor(of: "push") == 0)
        let event = try restored.records(after: 0, limit: 1).first?.body
        guard case .event(let event) = event else { throw SampleProblem() }
        #expect(event.code == .ledgerRestored)
        #expect(event.detail["old_epoch"] == "e1")
        try restored.close()

        #expect(throws: StorageError.self) { _ = try restore(epoch: "e3") }
        #expect(try open(directory, epoch: "x").store.epoch == "e2")
        _ = try restore(discardsLater: true, epoch: "e3")
        #expect(try open(directory, epoch: "x").store.epoch == "e3")
    }

    @Test("commits go on during a backup, and are in it")
    func backupBesideCommits() throws {
        let directory = try directory()
        let store = try open(directory, epoch: "e1").store
        try SampleSite.history(store, bills: 200)
        let backup = folder.path + "/backup.db"
        var steps: Int64 = 0
        try store.backUp(to: backup, pagesAStep: 8) {
            var change = LedgerChange()
            change.events = [Event(.daemonStarted, .gateway, ["step": "\(steps)"])]
            try store.commit(LedgerTransaction(changes: [change]), at: moment(5_000 + steps))
            steps += 1
        }
        #expect(steps > 3, "it was copied in \(steps) steps")
        let head = try store.head()
        let copy = try LedgerStore(path: backup, gateway: gateway, newEpoch: "x")
        #expect(try copy.head() == head)
        #expect(try copy.verify().isSound)
        #expect(try store.verify().isSound)
    }

    @Test("older ledgers that were moved aside are kept, but not without end")
    func asideIsBounded() throws {
        let directory = try directory()
        _ = try history(directory)
        let backup = folder.path + "/backup.db"
        let store = try open(directory, epoch: "x").store
        try store.backUp(to: backup)
        try store.close()
        for number in 0..<10 {
            _ = try directory.restoreLedger(
                from: backup, gateway: gateway, newEpoch: "r\(number)", discardsLater: true, at: moment(3000))
        }
        let aside = try DurableFile.names(in: directory.path).filter { $0.hasPrefix("before-") }
        #expect(aside.sorted() == (2..<10).map { "before-r\($0)" })
    }

    @Test("what is no sound ledger of this gateway is not restored, and nothing changes")
    func badBackup() throws {
        let directory = try directory()
        _ = try history(directory)
        let bad = folder.path + "/bad.db"
        try Data(repeating: 1, count: 5000).write(to: URL(filePath: bad))
        for file in [bad, folder.path + "/none.db"] {
            #expect(throws: StorageError.self) {
                _ = try directory.restoreLedger(
                    from: file, gateway: gateway, newEpoch: "e2", discardsLater: true, at: moment(1))
            }
        }
        #expect(try open(directory, epoch: "x").store.epoch == "e1")
    }

    @Test("the ballast is taken, given up once, and taken again")
    func ballast() throws {
        let path = folder.path + "/ballast"
        let ballast = Ballast(path: path, bytes: 64 * 1024)
        #expect(ballast.isHeld)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int == 64 * 1024)
        #expect(ballast.release())
        #expect(!ballast.release())
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(ballast.restore())
        #expect(Ballast(path: path, bytes: 64 * 1024).isHeld)
    }

    @Test("without four times the room no ballast is taken")
    func noRoomForBallast() {
        #expect(!Ballast(path: folder.path + "/ballast", bytes: .max / 2).isHeld)
    }
}

private struct SampleProblem: Error {}
