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
    private var freezes: [Freeze] = []
    private var sampler: IntervalSampler
    private let zone: TimeZoneTable
    /// The periods that each meter has a freeze of.
    private var frozen: [MeterID: [Freeze.Kind: Int64]] = [:]
    private var today: CivilDate?
    private var yesterday: IntervalSampler.Collection?
    public private(set) var lastProblem: String?

    /// Readings kept while the store cannot take them; the oldest go first.
    private static let mostWaiting = 10_000

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    public nonisolated let epoch: String

    /// - Parameter interval: one reading of each meter is kept in it.
    public init(store: TelemetryStore, interval: Duration, zone: TimeZoneTable, changed: Bell) {
        self.store = store
        sampler = IntervalSampler(interval: interval)
        self.zone = zone
        self.changed = changed
        epoch = store.epoch
        executor = ThreadExecutor(name: "telemetry")
    }

    /// Takes a poll. Of those within an interval one reading is kept.
    public func add(_ poll: Reading, marks newMarks: [CircuitID: CounterMark]) {
        marks.merge(newMarks) { _, new in new }
        guard let reading = sampler.take(poll) else { return }
        waiting.append(reading)
        if waiting.count > Self.mostWaiting { waiting.removeFirst(waiting.count - Self.mostWaiting) }
        freeze(reading)
    }

    /// Readings of these meters are due, and of no others.
    public func follow(_ meters: Set<MeterID>, at now: Timestamp) { sampler.follow(meters, at: now) }

    /// The share of due readings that was obtained: since the start or midnight, and on the day before.
    public func collection(
        at now: Timestamp
    ) -> (today: IntervalSampler.Collection, yesterday: IntervalSampler.Collection?) {
        (sampler.collected(at: now), yesterday)
    }

    /// Looks at the time: with a new day the collection counts anew.
    public func tick(at now: Timestamp) {
        guard now.trust != .untrusted else { return }
        let day = zone.day(containing: now.wall)
        defer { today = day }
        guard let today, day > today else { return }
        yesterday = sampler.collected(at: now)
        sampler.restart(at: now)
    }

    private func freeze(_ reading: Reading) {
        // A freeze is of a moment: without a clock there is none.
        guard reading.at.trust != .untrusted else { return }
        let day = zone.day(containing: reading.at.wall)
        let components = day.components
        let periods: [(Freeze.Kind, Int64)] = [
            (.hour, reading.at.wall.millisecondsSince1970 / 3_600_000), (.day, Int64(day.daysSince1970)),
            (.month, Int64(components.year) * 12 + Int64(components.month)),
        ]
        for (kind, period) in periods where frozen[reading.meter]?[kind] != period {
            guard let freeze = Freeze(kind, period: period, of: reading) else { continue }
            frozen[reading.meter, default: [:]][kind] = period
            freezes.append(freeze)
        }
        if freezes.count > Self.mostWaiting { freezes.removeFirst(freezes.count - Self.mostWaiting) }
    }

    /// The interval readings of a meter, those not yet committed included.
    public func readings(
        of meter: MeterID, from: WallTime, to: WallTime, limit: Int
    ) throws(StorageError) -> [Reading] {
        let kept = try store.readings(of: meter, from: from, to: to, limit: limit)
        let gathered = waiting.filter { $0.meter == meter && $0.at.wall >= from && $0.at.wall < to }
        return Array((kept + gathered).prefix(limit))
    }

    public func freezes(
        of meter: MeterID, kind: Freeze.Kind, from: WallTime, to: WallTime, limit: Int
    ) throws(StorageError) -> [Reading] {
        try store.freezes(of: meter, kind: kind, from: from, to: to, limit: limit)
    }

    /// Commits what has gathered. What cannot be committed waits on, within its bound.
    /// - Returns: how many unacknowledged readings had to go.
    @discardableResult
    public func commit() -> Int64 {
        guard !waiting.isEmpty || !marks.isEmpty || !freezes.isEmpty else { return 0 }
        do {
            let evicted = try store.commit(readings: waiting, lastAccepted: marks, freezes: freezes)
            waiting = []
            freezes = []
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

    public func records(
        after sequence: Int64, limit: Int, byteLimit: Int = .max
    ) throws(StorageError) -> [TelemetryRecord] {
        try store.records(after: sequence, limit: limit, byteLimit: byteLimit)
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
