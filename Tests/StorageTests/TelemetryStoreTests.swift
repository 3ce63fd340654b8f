import Foundation
import GRDB
import Metering
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

    @Test("the last accepted counter is overwritten in place")
    func lastAccepted() throws {
        let circuit = try #require(CircuitID(rawValue: "M-1"))
        let store = try store()
        for value in [5, 6, 7] as [Int64] {
            try store.commit(readings: [], lastAccepted: [circuit: CounterMark(value: value, at: moment(value))])
        }
        #expect(try store.lastAccepted() == [circuit: CounterMark(value: 7, at: moment(7))])
    }

    @Test("over the bound the oldest go, what nobody had leaves a gap record, and the file stays within its bound")
    func eviction() throws {
        let store = try store(largestBytes: 128 * 1024)
        var evicted: Int64 = 0
        for group in 0..<100 {
            let readings = try (1...20).map { try reading(Int64(group * 20 + $0)) }
            evicted += try store.commit(readings: readings, lastAccepted: [:])
            if group == 0 { try store.advanceCursor(of: "push", through: 20) }
        }
        let records = try store.records(after: 20, limit: 10_000)
        guard case .gap(let count, _)? = records.first?.body else {
            Issue.record("no gap record")
            return
        }
        let readings = records.dropFirst()
        #expect(readings.last?.sequence == 2000)
        // Every number is accounted for: acknowledged, in the gap, or still there.
        #expect(20 + count + Int64(readings.count) == 2000)
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
        for group in 0..<100 {
            let readings = try (1...20).map { try reading(Int64(group * 20 + $0)) }
            #expect(try store.commit(readings: readings, lastAccepted: [:]) == 0)
            try store.advanceCursor(of: "push", through: try store.lastSequence())
        }
        #expect(
            try store.records(after: 0, limit: 10_000).allSatisfy {
                if case .reading = $0.body { true } else { false }
            })
    }

    @Test("a group larger than the room left evicts and is kept")
    func fullFile() throws {
        let store = try store(largestBytes: 128 * 1024)
        let first = try (1...1200).map { try reading(Int64($0)) }
        for group in 0..<12 {
            try store.commit(readings: Array(first[(group * 100)..<((group + 1) * 100)]), lastAccepted: [:])
        }
        let large = try (1...400).map { try reading(Int64($0)) }
        try store.commit(readings: large, lastAccepted: [:])
        #expect(try store.lastSequence() == 1600)
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

    @Test("a reading that cannot be read any more is a gap of one, and the log goes on")
    func unreadable() throws {
        do { try store().commit(readings: try (1...3).map { try reading($0) }, lastAccepted: [:]) }
        let raw = try DatabaseQueue(path: directory.path + "/telemetry.db")
        try raw.write { try $0.execute(sql: "UPDATE reading SET packed = x'80' WHERE sequence = 2") }
        try raw.close()
        let records = try store().records(after: 0, limit: 10)
        #expect(records.map(\.sequence) == [1, 2, 3])
        #expect(records[1].body == .gap(count: 1, reason: "unreadable"))
    }

    @Test("values of any size come back from their packing", arguments: 0..<50)
    func packing(seed: UInt64) {
        var generator = SplitMix(state: seed)
        let values = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
            Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator)
        }
        let packed = PackedValues.pack(values)
        #expect(PackedValues.unpack(packed, count: values.count) == values)
        #expect(PackedValues.unpack(packed, count: values.count + 1) == nil)
        if !packed.isEmpty { #expect(PackedValues.unpack(packed.dropLast(), count: values.count) == nil) }
    }

    @Test(
        "a file that cannot be used is moved aside under a new name, with a new epoch",
        arguments: [Damage.overwritten, .cut, .ofLaterVersion, .ofAnotherProgram])
    func damaged(damage: Damage) throws {
        do { try store().commit(readings: [try reading(1)], lastAccepted: [:]) }
        let path = directory.path + "/telemetry.db"
        try damage.inflict(on: path)
        let (store, movedAside) = try TelemetryStore.openOrReplace(path: path, newEpoch: "t9")
        #expect(store.epoch == "t9")
        #expect(try store.records(after: 0, limit: 10).isEmpty)
        #expect(FileManager.default.fileExists(atPath: try #require(movedAside)))
    }

    enum Damage {
        case overwritten, cut, ofLaterVersion, ofAnotherProgram

        func inflict(on path: String) throws {
            switch self {
            case .overwritten: try Data(repeating: 0x5A, count: 8192).write(to: URL(filePath: path))
            case .cut: try Data(contentsOf: URL(filePath: path)).prefix(3 * 4096).write(to: URL(filePath: path))
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
