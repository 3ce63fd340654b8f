import Foundation
import GRDB
import Metering
import Storage
import Testing
import UplinkProtocol

@Suite("The telemetry file")
struct TelemetryStoreTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func store(largest: Int64 = 1000, epoch: String = "t1") throws -> TelemetryStore {
        try TelemetryStore(path: directory.path + "/telemetry.db", newEpoch: epoch, largestCount: largest)
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

    @Test("over the bound the oldest go, and what nobody had leaves a gap record")
    func eviction() throws {
        let store = try store(largest: 100)
        try store.advanceCursor(of: "push", through: 20)
        for second in 1...150 { try store.commit(readings: [try reading(Int64(second))], lastAccepted: [:]) }
        let records = try store.records(after: 20, limit: 1000)
        guard case .gap(let count, _)? = records.first?.body else {
            Issue.record("no gap record")
            return
        }
        let readings = records.dropFirst()
        #expect(readings.count <= 100)
        #expect(readings.last?.sequence == 150)
        // Every number is accounted for: acknowledged, in the gap, or still there.
        #expect(20 + count + Int64(readings.count) == 150)
        #expect(records.first?.sequence == readings.first.map { $0.sequence - 1 })
    }

    @Test("a damaged file is moved aside under a new name, with a new epoch")
    func damaged() throws {
        do { try store().commit(readings: [try reading(1)], lastAccepted: [:]) }
        let path = directory.path + "/telemetry.db"
        try Data(repeating: 0x5A, count: 8192).write(to: URL(filePath: path))
        let (store, movedAside) = try TelemetryStore.openOrReplace(path: path, newEpoch: "t9", largestCount: 10)
        #expect(store.epoch == "t9")
        #expect(movedAside == path + ".damaged-t9")
        #expect(try store.records(after: 0, limit: 10).isEmpty)
        #expect(FileManager.default.fileExists(atPath: path + ".damaged-t9"))
    }
}
