import Foundation
import GRDB
import Metering
import SampleLoad
import Testing
import UplinkProtocol

@testable import Storage

@Suite("The telemetry file")
struct TelemetryStoreTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func store(largestBytes: Int64 = 1 << 20, epoch: String = "t1") throws -> TelemetryStore {
        try TelemetryStore(path: directory.path + "/telemetry.db", newEpoch: epoch, largestBytes: largestBytes)
    }

    private func reading(_ second: Int64) throws -> Reading {
        Reading(
            meter: try #require(MeterID(rawValue: "M-\(second % 3)")), at: moment(second),
            values: [
                Channel(.energyImport): 1_000_000 + second, Channel(.activePower): -second * 1000,
                Channel(.voltage, .l1): 230_000, Channel(.frequency): Int64.max, Channel(.current): Int64.min,
            ])
    }

    /// Values that do not pack.
    private func noisy(_ second: Int64) throws -> Reading {
        var generator = SplitMix(state: UInt64(second))
        return Reading(
            meter: try #require(MeterID(rawValue: "M-\(second % 3)")), at: moment(second),
            values: [
                Channel(.energyImport): .random(in: .min ... .max, using: &generator),
                Channel(.activePower): .random(in: .min ... .max, using: &generator),
                Channel(.voltage): .random(in: .min ... .max, using: &generator),
                Channel(.current): .random(in: .min ... .max, using: &generator),
            ])
    }

    @Test("readings come back as they were, with the numbers going on after a restart")
    func roundTrip() throws {
        do {
            let store = try store()
            try store.commit(readings: [try reading(1), try reading(2)], lastAccepted: [:])
        }
        let store = try store(epoch: "t2")
        #expect(store.epoch == "t1")
        try store.commit(readings: [try reading(3)], lastAccepted: [:])
        let records = try store.records(after: 0, limit: 10)
        #expect(records.map(\.sequence) == [1, 2, 3])
        #expect(records.map(\.body) == (try (1...3).map { .reading(try reading($0)) }))
        for record in records { #expect(try TelemetryRecord(json: record.json) == record) }
    }

    @Test("the last accepted counters are overwritten in place, each for itself, and outlive a restart")
    func lastAccepted() throws {
        let one = try #require(CircuitID(rawValue: "M-1"))
        let other = try #require(CircuitID(rawValue: "M-2"))
        func mark(_ value: Int64) -> CounterMark { CounterMark(value: value, at: moment(value, trust: .holdover)) }
        do {
            let store = try store()
            try store.commit(readings: [], lastAccepted: [other: mark(4)])
            for value in [5, 6, 7] as [Int64] { try store.commit(readings: [], lastAccepted: [one: mark(value)]) }
        }
        #expect(try store().lastAccepted == [one: mark(7), other: mark(4)])
    }

    @Test("what a failed commit would have written is packed anew by the next one")
    func failedCommit() throws {
        let store = try store()
        try store.commit(readings: [try reading(1)], lastAccepted: [:])
        let raw = try DatabaseQueue(path: directory.path + "/telemetry.db")
        try raw.write {
            try $0.execute(
                sql: "CREATE TRIGGER no BEFORE INSERT ON block BEGIN SELECT RAISE(ABORT, 'no'); END")
        }
        #expect(throws: StorageError.self) {
            try store.commit(readings: [try reading(2), try reading(4)], lastAccepted: [:])
        }
        try raw.write { try $0.execute(sql: "DROP TRIGGER no") }
        try store.commit(readings: [try reading(4)], lastAccepted: [:])
        let records = try store.records(after: 0, limit: 10)
        #expect(records.map(\.sequence) == [1, 2])
        #expect(records.map(\.body) == [.reading(try reading(1)), .reading(try reading(4))])
    }

    @Test("from any number on, in portions of any size, the log is the same")
    func portions() throws {
        var expected: [Reading] = []
        for _ in 0..<3 {
            let store = try store()
            for group in 1...7 {
                let readings = try (0..<(group * 3)).map { try reading(Int64(expected.count + $0)) }
                try store.commit(readings: readings, lastAccepted: [:])
                expected += readings
            }
        }
        let store = try store()
        for after in stride(from: 0, through: expected.count, by: 5) {
            for limit in [1, 7, 1000] {
                let records = try store.records(after: Int64(after), limit: limit)
                #expect(records.map(\.body) == expected.dropFirst(after).prefix(limit).map { .reading($0) })
                #expect(records.map(\.sequence) == records.indices.map { Int64(after + $0 + 1) })
            }
        }
    }

    @Test("read on and on in portions, by several readers in turn, the log is the same")
    func readers() throws {
        let store = try store()
        for group in 0..<6 {
            try store.commit(readings: try (1...40).map { try reading(Int64(group * 40 + $0)) }, lastAccepted: [:])
        }
        let all = try store.records(after: 0, limit: 10_000).map(TelemetryEntry.init)
        #expect(all.count == 240)
        var heard: [Int: [TelemetryEntry]] = [:]
        for _ in 0..<240 {
            for (reader, limit) in [1, 30, 7, 100, 240].enumerated() {
                let last = heard[reader]?.last?.sequence ?? 0
                let entries = try store.entries(after: last, limit: limit)
                #expect(entries.count <= limit)
                #expect(entries.isEmpty == (last == 240))
                heard[reader, default: []] += entries
            }
        }
        for entries in heard.values { #expect(entries == all) }
    }

    @Test("numbers that were given out before their readings were written are a gap after a sudden end")
    func reservation() throws {
        var group = TelemetryStore.Group()
        group.readings = try (1...5).map { try reading($0) }
        group.reserve = 100
        do {
            let store = try store()
            try store.commit(group)
            #expect(store.lastSequence == 5 && store.reservedSequence == 105)
            // Readings up to here went upstream from memory, and were acknowledged; then the power went.
            try store.advanceCursor(of: "push", through: 9)
            #expect(try store.cursor(of: "push") == 9)
        }
        let store = try store()
        #expect(try store.cursor(of: "push") == 0)
        // The gap's own number is one that no reading had.
        #expect(try store.records(after: 5, limit: 10).map(\.sequence) == [106])
        #expect(
            try store.records(after: 5, limit: 10).first?.body
                == .gap(count: 101, reason: "not written before a sudden end"))
        try store.commit(readings: [try reading(6)], lastAccepted: [:])
        #expect(try store.records(after: 106, limit: 10).map(\.sequence) == [107])
        #expect(try store.records(after: 0, limit: 10).map(\.sequence) == [1, 2, 3, 4, 5, 106, 107])
    }

    @Test("an end in order leaves no gap; readings that had to be given up leave one")
    func reservationInOrder() throws {
        var group = TelemetryStore.Group()
        group.reserve = 100
        group.readings = [try reading(1)]
        do {
            let store = try store()
            try store.commit(group)
            group.skipped = 3
            group.reserve = 0
            try store.commit(group)
            try store.close()
        }
        let store = try store()
        let records = try store.records(after: 0, limit: 10)
        #expect(records.map(\.sequence) == [1, 4, 5])
        #expect(records[1].body == .gap(count: 3, reason: TelemetryStore.skippedReason))
        #expect(store.lastSequence == 5 && store.reservedSequence == 5)
    }

    @Test("a file of the version before is taken over as it is")
    func migration() throws {
        do { try store().commit(readings: try (1...5).map { try reading($0) }, lastAccepted: [:]) }
        try OlderLayout.takeTelemetryBack(directory.path + "/telemetry.db")
        let store = try store(epoch: "t2")
        #expect(store.epoch == "t1")
        #expect(try store.records(after: 0, limit: 10).map(\.sequence) == [1, 2, 3, 4, 5])
        try store.commit(readings: [try reading(6)], lastAccepted: [:])
        #expect(store.lastSequence == 6)
    }

    @Test("over the bound the oldest go, what nobody had leaves a gap record, and the file stays within its bound")
    func eviction() throws {
        let store = try store(largestBytes: 128 * 1024)
        var evicted: Int64 = 0
        for group in 0..<200 {
            let readings = try (1...20).map { try noisy(Int64(group * 20 + $0)) }
            evicted += try store.commit(readings: readings, lastAccepted: [:])
            if group == 0 { try store.advanceCursor(of: "push", through: 20) }
        }
        let records = try store.records(after: 20, limit: 10_000)
        guard case .gap(let count, _)? = records.first?.body else {
            Issue.record("no gap record")
            return
        }
        let readings = records.dropFirst()
        #expect(readings.last?.sequence == 4000)
        // Every number is accounted for: acknowledged, in the gap, or still there.
        #expect(20 + count + Int64(readings.count) == 4000)
        #expect(evicted == count)
        #expect(records.first?.sequence == readings.first.map { $0.sequence - 1 })
        try store.close()
        let size = try #require(
            try FileManager.default.attributesOfItem(atPath: directory.path + "/telemetry.db")[.size] as? Int)
        #expect(size <= 128 * 1024)
    }

    @Test("readings that were acknowledged go without a gap")
    func acknowledgedEviction() throws {
        let store = try store(largestBytes: 128 * 1024)
        for group in 0..<200 {
            let readings = try (1...20).map { try noisy(Int64(group * 20 + $0)) }
            #expect(try store.commit(readings: readings, lastAccepted: [:]) == 0)
            try store.advanceCursor(of: "push", through: store.lastSequence)
        }
        #expect(
            try store.records(after: 0, limit: 10_000).allSatisfy {
                if case .reading = $0.body { true } else { false }
            })
    }

    @Test("eviction waits for everyone who is configured, with a cursor or without, and for no one else")
    func configuredConsumers() throws {
        let store = try store(largestBytes: 128 * 1024)
        func fill() throws -> Int64 {
            var lost: Int64 = 0
            for _ in 0..<200 {
                let readings = try (1...20).map { try noisy(store.lastSequence + $0) }
                lost += try store.commit(readings: readings, lastAccepted: [:])
                try store.advanceCursor(of: "push", through: store.lastSequence)
            }
            return lost
        }
        store.wait(for: ["push", "pull:billing"])
        #expect(try fill() > 0, "billing has heard of nothing")
        store.wait(for: ["push"])
        #expect(try fill() == 0)
    }

    @Test("a group larger than the room left evicts and is kept")
    func fullFile() throws {
        let store = try store(largestBytes: 128 * 1024)
        for _ in 0..<40 {
            try store.commit(readings: try (1...100).map { try noisy(Int64($0)) }, lastAccepted: [:])
        }
        let before = try store.records(after: 0, limit: 1)
        let large = try (1...1000).map { try noisy(Int64($0 * 7919)) }
        let evicted = try store.commit(readings: large, lastAccepted: [:])
        #expect(evicted > 0)
        #expect(store.lastSequence == 5000)
        #expect(try store.records(after: 4000, limit: 2000).map(\.body) == large.map { .reading($0) })
        #expect(try store.records(after: 0, limit: 1) != before)
    }

    @Test("what was acknowledged since the last commit is not told as lost where the file is full")
    func acknowledgedInMemory() throws {
        let store = try store(largestBytes: 128 * 1024)
        store.wait(for: ["push"])
        for group in 0..<15 {
            let readings = try (1...100).map { try noisy(Int64(group * 100 + $0)) }
            #expect(try store.commit(readings: readings, lastAccepted: [:]) == 0)
        }
        try store.advanceCursor(of: "push", through: 1500)
        let large = try (1...1000).map { try noisy(Int64($0 * 7919)) }
        #expect(try store.commit(readings: large, lastAccepted: [:]) == 0)
        let records = try store.records(after: 0, limit: 10_000)
        #expect(records.allSatisfy { if case .reading = $0.body { true } else { false } })
        #expect(records.last?.sequence == 2500 && (records.first?.sequence ?? 0) > 1)
        // The acknowledgement was written with the eviction.
        let again = try TelemetryStore(path: store.path, newEpoch: "t2")
        #expect(try again.cursor(of: "push") == 1500)
    }

    @Test("numbers go on where the file is empty again")
    func numbersGoOn() throws {
        do { try store().commit(readings: try (1...5).map { try reading($0) }, lastAccepted: [:]) }
        let raw = try DatabaseQueue(path: directory.path + "/telemetry.db")
        try raw.write { try $0.execute(sql: "DELETE FROM block") }
        try raw.close()
        let store = try store()
        try store.commit(readings: [try reading(6)], lastAccepted: [:])
        #expect(try store.records(after: 0, limit: 10).map(\.sequence) == [6])
    }

    @Test("an acknowledgement of what was never sent, or of something older, moves nothing")
    func cursors() throws {
        let store = try store()
        try store.commit(readings: try (1...5).map { try reading($0) }, lastAccepted: [:])
        try store.advanceCursor(of: "push", through: 6)
        #expect(try store.cursor(of: "push") == 0)
        try store.advanceCursor(of: "push", through: 4)
        try store.advanceCursor(of: "push", through: 2)
        #expect(try store.cursor(of: "push") == 4)
        #expect(try store.cursor(of: "other") == 0)
    }

    @Test("a damaged block is a gap, with the rest of what was packed against it, and the log goes on")
    func unreadable() throws {
        for second in [0, 10] as [Int64] {
            // A restart begins a segment.
            let store = try store()
            for group in 0..<3 {
                let readings = try (1...2).map { try reading(second + Int64(group) * 2 + $0) }
                try store.commit(readings: readings, lastAccepted: [:])
            }
        }
        let raw = try DatabaseQueue(path: directory.path + "/telemetry.db")
        try raw.write {
            let packed = try Data.fetchOne($0, sql: "SELECT packed FROM block WHERE last = 4")
            var bytes = try #require(packed)
            bytes[bytes.startIndex] ^= 0x10
            try $0.execute(sql: "UPDATE block SET packed = ? WHERE last = 4", arguments: [bytes])
        }
        try raw.close()
        let records = try store().records(after: 0, limit: 100)
        #expect(records.map(\.sequence) == [1, 2, 4, 6, 7, 8, 9, 10, 11, 12])
        #expect(records[2].body == .gap(count: 2, reason: "unreadable"))
        #expect(records[3].body == .gap(count: 2, reason: "unreadable"))
        #expect(records[4].body == .reading(try reading(11)))
        #expect(try store().records(after: 3, limit: 1).first?.body == .gap(count: 1, reason: "unreadable"))
    }

    /// 64 meters with 20 values each, every 5 minutes for a day.
    @Test("a reading of 20 values takes at most 40 bytes at rest")
    func size() throws {
        let store = try store(largestBytes: 256 << 20)
        var model = LoadModel(meters: 64)
        let scans = 12 * 24
        for scan in 0..<scans {
            let at = moment(Int64(scan) * 300)
            let readings = try model.scan(at: at)
            try store.commit(readings: readings, lastAccepted: try model.marks(at: at))
        }
        try store.close()
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.path + "/telemetry.db")
        let bytes = try #require(attributes[.size] as? Int) / (scans * 64)
        #expect(bytes <= 40, "\(bytes) bytes a reading")
    }

    @Test(
        "a file that cannot be used is moved aside under a new name, with a new epoch",
        arguments: [Damage.overwritten, .cut, .ofLaterVersion, .ofAnotherProgram])
    func damaged(damage: Damage) throws {
        do { try store().commit(readings: [try reading(1)], lastAccepted: [:]) }
        let path = directory.path + "/telemetry.db"
        try damage.inflict(on: path)
        let (store, movedAside, problem) = TelemetryStore.openOrReplace(path: path, newEpoch: "t9")
        #expect(problem == nil)
        #expect(store.epoch == "t9")
        #expect(try store.records(after: 0, limit: 10).isEmpty)
        #expect(FileManager.default.fileExists(atPath: try #require(movedAside)))
    }

    enum Damage {
        case overwritten, cut, ofLaterVersion, ofAnotherProgram

        func inflict(on path: String) throws {
            switch self {
            case .overwritten: try Data(repeating: 0x5A, count: 8192).write(to: URL(filePath: path))
            case .cut: try Data(contentsOf: URL(filePath: path)).prefix(3 * 1024).write(to: URL(filePath: path))
            case .ofLaterVersion: try set("user_version = 99", in: path)
            case .ofAnotherProgram: try set("application_id = 1", in: path)
            }
        }

        private func set(_ pragma: String, in path: String) throws {
            let raw = try DatabaseQueue(path: path)
            try raw.writeWithoutTransaction { try $0.execute(sql: "PRAGMA \(pragma)") }
            try raw.close()
        }
    }
}
