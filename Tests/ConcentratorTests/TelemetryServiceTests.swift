import Foundation
import Metering
import Synchronization
import Testing
import UplinkProtocol

@testable import Concentrator
@testable import Storage

@Suite("Readings on their way upstream before they are written")
struct TelemetryServiceTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mk-\(UUID().uuidString.prefix(8))")
    private let (first, second): (MeterID, MeterID)

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        first = try #require(MeterID(rawValue: "M-1"))
        second = try #require(MeterID(rawValue: "M-2"))
    }

    private func service() async throws -> TelemetryService {
        let store = try TelemetryStore(path: folder.appending(path: "telemetry.db").path, newEpoch: "t1")
        let service = TelemetryService(
            store: store, interval: .seconds(300), commitInterval: .seconds(1500), zone: .utc, changed: Bell())
        await service.follow([first, second], at: Self.moment(0))
        return service
    }

    private static func moment(_ seconds: Int64) -> Timestamp {
        Timestamp(
            boot: BootID(rawValue: "b"), monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000 + 123_456),
            wall: WallTime(millisecondsSince1970: 1_790_000_100_000 + seconds * 1000), trust: .trusted)
    }

    private func reading(_ meter: MeterID, _ seconds: Int64) -> Reading {
        Reading(meter: meter, at: Self.moment(seconds), values: [Channel(.energyImport): 1000 + seconds])
    }

    private func records(_ service: TelemetryService, after sequence: Int64 = 0) async throws -> [String] {
        try await service.entries(after: sequence, limit: 100).map { $0.record.json.canonicalText }
    }

    @Test("a scan is there for consumers when its last meter is read, and is the same once it is written")
    func prompt() async throws {
        let service = try await service()
        await service.add(reading(first, 1), marks: [:])
        #expect(try await records(service).isEmpty, "the other meter's is waited for")
        await service.add(reading(second, 2), marks: [:])
        let live = try await records(service)
        #expect(live.count == 2)
        #expect(await service.lastSequence() == 2)
        try await service.advance("push", through: 2)
        #expect(try await service.cursor(of: "push") == 2)
        _ = await service.commit()
        #expect(try await records(service) == live)
        #expect(await service.queued(for: "push") == 0)
        await service.close()
    }

    @Test("a meter that does not answer holds the others' readings up for seconds only")
    func silentMeter() async throws {
        let service = try await service()
        await service.add(reading(first, 1), marks: [:])
        _ = await service.turn(at: Self.moment(3))
        #expect(try await records(service).isEmpty)
        _ = await service.turn(at: Self.moment(7))
        #expect(try await records(service).count == 1)
        // Nothing was written for it: the first commit is due ten seconds after the first turn.
        #expect(await service.queued(for: "push") == 1)
        await service.close()
    }

    @Test("after a sudden end no number is used twice, and those that were not written are a gap")
    func suddenEnd() async throws {
        do {
            let service = try await service()
            await service.add(reading(first, 1), marks: [:])
            await service.add(reading(second, 2), marks: [:])
            _ = await service.commit()
            await service.add(reading(first, 301), marks: [:])
            await service.add(reading(second, 302), marks: [:])
            #expect(try await records(service, after: 2).count == 2)
            // Let go without a word.
        }
        let service = try await service()
        let entries = try await service.entries(after: 0, limit: 100)
        #expect(entries.prefix(2).map(\.sequence) == [1, 2])
        let more = try await service.entries(after: 2, limit: 100)
        guard case .gap(let sequence, let count, _)? = more.first, more.count == 1 else {
            Issue.record("no gap: \(more)")
            return
        }
        #expect(sequence > 4 && sequence == 2 + count)
        await service.add(reading(first, 601), marks: [:])
        await service.add(reading(second, 602), marks: [:])
        let fresh = try await records(service, after: sequence)
        #expect(fresh.count == 2)
        #expect(await service.lastSequence() == sequence + 2)
        await service.close()
        // After an end in order nothing is missing.
        let last = try await self.service()
        #expect(await last.lastSequence() == sequence + 2)
        #expect(try await records(last, after: sequence) == fresh)
        await last.close()
    }

    @Test(
        "opened again, a file takes what waits under the numbers that went upstream, none twice and none left out",
        arguments: [Written.nothing, .theFailedCommit])
    func openedAgain(written: Written) async throws {
        let store = try TelemetryStore(path: folder.appending(path: "telemetry.db").path, newEpoch: "t1")
        let service = TelemetryService(
            store: store, interval: .seconds(300), commitInterval: .seconds(1500), zone: .utc, changed: Bell())
        await service.follow([first, second], at: Self.moment(0))
        await service.add(reading(first, 1), marks: [:])
        await service.add(reading(second, 2), marks: [:])
        _ = await service.commit()
        await service.add(reading(first, 301), marks: [:])
        await service.add(reading(second, 302), marks: [:])
        let live = try await records(service)
        let stored = try await records(service, after: 2)
        #expect(live.count == 2 && stored.count == 2)

        let before = store.writer.withLock { $0 }
        switch written {
        case .nothing: break
        case .theFailedCommit:
            let waiting = await service.waiting
            _ = await service.commit()
            store.writer.withLock { $0 = before }
            await service.takeBack(waiting)
        }
        store.handle.note(.mustReopen("10 disk I/O error"))
        #expect(await service.turn(at: Self.moment(303)).news == .unusable(.mustReopen("10 disk I/O error")))
        #expect(await service.problem?.contains(store.path) == true)
        await service.add(reading(first, 601), marks: [:])
        await service.add(reading(second, 602), marks: [:])
        #expect(await service.turn(at: Self.moment(603)).news == .usableAgain)
        #expect(await service.problem == nil)

        let entries = try store.records(after: 0, limit: 100)
        #expect(entries.map(\.sequence) == [1, 2, 3, 4, 5, 6])
        #expect(entries.dropFirst(2).prefix(2).map(\.json.canonicalText) == stored)
        let fresh = [(5, reading(first, 601)), (6, reading(second, 602))].map { sequence, reading in
            TelemetryRecord(sequence: sequence, body: .reading(reading)).json.canonicalText
        }
        #expect(entries.suffix(2).map(\.json.canonicalText) == fresh)
        await service.close()
    }

    /// What is in the file that could not be written to its end.
    enum Written { case nothing, theFailedCommit }

    @Test("a file that has lost what was committed gives those numbers to nothing else")
    func rolledBack() async throws {
        let path = folder.appending(path: "telemetry.db").path
        let store = try TelemetryStore(path: path, newEpoch: "t1")
        let service = TelemetryService(
            store: store, interval: .seconds(300), commitInterval: .seconds(1500), zone: .utc, changed: Bell())
        await service.follow([first, second], at: Self.moment(0))
        var kept: [String: Data] = [:]
        for scan in 0..<3 {
            await service.add(reading(first, Int64(scan) * 300 + 1), marks: [:])
            await service.add(reading(second, Int64(scan) * 300 + 2), marks: [:])
            if scan < 2 { _ = await service.commit() }
            guard scan == 0 else { continue }
            for suffix in ["", "-wal"] { kept[suffix] = try Data(contentsOf: URL(filePath: path + suffix)) }
        }
        let live = try await records(service, after: 4)
        #expect(live.count == 2)
        store.handle.shut(for: .mustReopen("10 disk I/O error"))
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        for (suffix, bytes) in kept { try bytes.write(to: URL(filePath: path + suffix)) }
        _ = await service.turn(at: Self.moment(603))
        #expect(await service.turn(at: Self.moment(604)).news == .usableAgain)
        let found = try store.records(after: 0, limit: 100)
        #expect(found.map(\.sequence) == [1, 2, 4, 5, 6])
        #expect(found[2].body == .gap(count: 2, reason: TelemetryStore.skippedReason))
        #expect(found.suffix(2).map(\.json.canonicalText) == live)
        await service.close()
    }

    @Test("a file that cannot be opened at the start is opened later; nothing goes upstream before it has numbers")
    func openedLate() async throws {
        let path = folder.appending(path: "telemetry.db").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let (store, movedAside, problem) = TelemetryStore.openOrReplace(path: path, newEpoch: "t1")
        #expect(movedAside == nil && problem != nil)
        let service = TelemetryService(
            store: store, interval: .seconds(300), commitInterval: .seconds(1500), zone: .utc, changed: Bell())
        await service.follow([first, second], at: Self.moment(0))
        await service.add(reading(first, 1), marks: [:])
        await service.add(reading(second, 2), marks: [:])
        #expect(await service.lastSequence() == 0)
        await #expect(throws: StorageError.self) { try await service.entries(after: 0, limit: 10) }
        await #expect(throws: StorageError.self) { try await service.cursor(of: "push") }
        guard case .unusable? = await service.turn(at: Self.moment(3)).news else {
            Issue.record("nothing is told")
            return
        }
        // Tried again, and again after two seconds, in vain; then with longer pauses.
        #expect(await service.turn(at: Self.moment(4)).news == nil)
        try FileManager.default.removeItem(atPath: path)
        #expect(await service.turn(at: Self.moment(5)).news == nil, "too soon")
        #expect(await service.turn(at: Self.moment(7)).news == .usableAgain)
        #expect(service.epoch == "t1")
        #expect(try await service.entries(after: 0, limit: 10).map(\.sequence) == [1, 2])
        await service.close()
    }

    @Test("a file that is damaged while it is in use asks for another one, and is not written again")
    func damagedInUse() async throws {
        let service = try await service()
        await service.add(reading(first, 1), marks: [:])
        _ = await service.commit()
        let damage = StorageError.damaged(path: "telemetry.db", reason: "malformed")
        await service.damage(damage)
        #expect(await service.turn(at: Self.moment(2)).damage == damage)
        #expect(await service.turn(at: Self.moment(900)).damage == damage)
        let aside = try await service.moveAside(tag: "x")
        #expect(FileManager.default.fileExists(atPath: aside))
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "telemetry.db").path))
        await service.close()
    }
}

extension TelemetryService {
    /// As if the commit of these had failed.
    fileprivate func takeBack(_ readings: [Reading]) {
        waiting = readings
        published = readings.count
    }

    fileprivate func damage(_ damage: StorageError) { store.handle.note(damage) }
}
