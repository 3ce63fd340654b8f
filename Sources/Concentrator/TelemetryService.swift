public import Metering
public import Storage
internal import Threading
public import UplinkProtocol

/// Gathers readings and commits them in groups, on a thread of its own. Owns `telemetry.db`.
public actor TelemetryService {
    private let store: TelemetryStore
    private let executor: ThreadExecutor
    private let changed: Bell
    private var waiting: [Reading] = []
    private var marks: [CircuitID: CounterMark] = [:]
    public private(set) var lastProblem: String?

    /// Readings kept while the store cannot take them; the oldest go first.
    private static let mostWaiting = 10_000

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    public nonisolated let epoch: String

    public init(store: TelemetryStore, changed: Bell) {
        self.store = store
        self.changed = changed
        epoch = store.epoch
        executor = ThreadExecutor(name: "telemetry")
    }

    public func add(_ reading: Reading, marks newMarks: [CircuitID: CounterMark]) {
        waiting.append(reading)
        if waiting.count > Self.mostWaiting { waiting.removeFirst(waiting.count - Self.mostWaiting) }
        marks.merge(newMarks) { _, new in new }
    }

    /// Commits what has gathered. What cannot be committed waits on, within its bound.
    /// - Returns: how many unacknowledged readings had to go.
    @discardableResult
    public func commit() -> Int64 {
        guard !waiting.isEmpty || !marks.isEmpty else { return 0 }
        do {
            let evicted = try store.commit(readings: waiting, lastAccepted: marks)
            waiting = []
            marks = [:]
            lastProblem = nil
            changed.ring()
            return evicted
        } catch {
            lastProblem = error.description
            return 0
        }
    }

    /// Keeps what a device refuses. What cannot be kept is learned again.
    func keep(_ learned: StoredHoles) {
        do { try store.keep(learned) } catch { lastProblem = error.description }
    }

    func learnedHoles() -> [StoredHoles] {
        do { return try store.learnedHoles() } catch {
            lastProblem = error.description
            return []
        }
    }

    public func lastAccepted() -> [CircuitID: CounterMark] { store.lastAccepted }

    public func records(after sequence: Int64, limit: Int) throws(StorageError) -> [TelemetryRecord] {
        try store.records(after: sequence, limit: limit)
    }

    public func cursor(of consumer: String) throws(StorageError) -> Int64 { try store.cursor(of: consumer) }

    public func advance(_ consumer: String, through sequence: Int64) throws(StorageError) {
        try store.advanceCursor(of: consumer, through: sequence)
    }

    /// The number of the newest record that is committed.
    public func lastSequence() -> Int64 { store.lastSequence }

    /// Readings that a consumer has not acknowledged, those not yet committed included.
    public func queued(for consumer: String) -> Int64 {
        let cursor = (try? store.cursor(of: consumer)) ?? 0
        return store.lastSequence - cursor + Int64(waiting.count)
    }

    public func close() {
        commit()
        do { try store.close() } catch { lastProblem = error.description }
    }
}
