import Metering
import Storage
import UplinkProtocol

/// What the telemetry file holds after a step.
struct TelemetryState: Hashable {
    let lastSequence: Int64
    let lastAccepted: [CircuitID: CounterMark]
    let records: [TelemetryRecord]

    /// So many of the newest records are compared.
    private static let compared: Int64 = 100

    init(_ store: TelemetryStore) throws {
        lastSequence = store.lastSequence
        lastAccepted = store.lastAccepted
        records = try store.records(after: max(0, store.lastSequence - Self.compared), limit: Int(Self.compared))
    }
}

/// Commits groups of readings into a file that is small enough to evict, and acknowledges some.
struct TelemetryWorkload {
    private(set) var store: TelemetryStore
    private let path: String
    private var second = 0

    /// A few hundred readings fill it.
    static let largestBytes: Int64 = 192 * 1024

    static func open(_ path: String) throws -> (store: TelemetryStore, movedAside: String?) {
        let opened = TelemetryStore.openOrReplace(path: path, newEpoch: "e1", largestBytes: largestBytes)
        if let problem = opened.problem { throw problem }
        return (opened.store, opened.movedAside)
    }

    init(path: String) throws {
        self.path = path
        store = try Self.open(path).store
    }

    mutating func step(using generator: inout some RandomNumberGenerator) throws {
        second += 60
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<17:
            let count = Int.random(in: 1...60, using: &generator)
            var readings: [Reading] = []
            for index in 0..<count {
                // Values that do not repeat, so that they take room.
                readings.append(
                    Reading(
                        meter: try SampleSite.meterID(index % SampleSite.accountCount), at: moment(second + index % 60),
                        values: [
                            Channel(.energyImport): Int64(second * 10 + index),
                            Channel(.voltage): Int64.random(in: 0...Int64(1) << 40, using: &generator),
                        ]))
            }
            let mark = CounterMark(value: Int64(second), at: moment(second))
            try store.commit(readings: readings, lastAccepted: [try SampleSite.circuitID(count % 4): mark])
        case 17..<19: try store.advanceCursor(of: "push", through: store.lastSequence)
        default:
            try store.close()
            store = try Self.open(path).store
        }
    }
}
