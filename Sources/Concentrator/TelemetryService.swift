public import Metering
public import Storage
internal import Threading
public import UplinkProtocol

/// Gathers readings, gives them to the ways upstream at once, and commits them in groups, on a thread of its own.
/// Owns `telemetry.db`.
///
/// A reading has its number from the moment it is kept, before it is committed: numbers are reserved in the file, and
/// those of readings that a sudden end takes away are a gap ever after. So what went upstream from memory can never
/// be taken for something else, and the flash sees one commit for many scans.
public actor TelemetryService {
    let store: TelemetryStore
    private let executor: ThreadExecutor
    private let changed: Bell
    private var commitInterval: Duration
    private var interval: Duration
    /// Kept and not committed; the first one's number is `firstWaiting`.
    var waiting: [Reading] = []
    /// Readings that had to go before they could be committed: a gap before the first that waits.
    var skipped: Int64 = 0
    /// So many of those that wait may go upstream: those of a scan go together.
    var published = 0
    private var publishBy: MonotonicTime?
    private var nextCommit: MonotonicTime?
    private var marks: [CircuitID: CounterMark] = [:]
    private var freezes: [Freeze] = []
    private var sampler: IntervalSampler
    private var followed = 0
    private let zone: TimeZoneTable
    /// The periods that each meter has a freeze of.
    private var frozen: [MeterID: [Freeze.Kind: Int64]] = [:]
    private var today: CivilDate?
    private var yesterday: IntervalSampler.Collection?
    var condition = TelemetryCondition()

    /// Readings kept while the store cannot take them; the oldest go first.
    private static let mostWaiting = 10_000
    /// The readings of a scan are waited for so long before they go upstream.
    private static let longestGathering: Duration = .seconds(5)
    private static let firstCommit: Duration = .seconds(10)
    private static let pauseAfterFailure: Duration = .seconds(30)
    private static let leastReserve: Int64 = 256

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    /// Empty while the file could not be opened: there are no entries then.
    public nonisolated var epoch: String { store.epoch }

    /// - Parameters:
    ///   - interval: one reading of each meter is kept in it.
    ///   - commitInterval: readings gather so long before they are written.
    public init(
        store: TelemetryStore, interval: Duration, commitInterval: Duration, zone: TimeZoneTable, changed: Bell
    ) {
        self.store = store
        self.interval = interval
        self.commitInterval = commitInterval
        sampler = IntervalSampler(interval: interval)
        self.zone = zone
        self.changed = changed
        executor = ThreadExecutor(name: "telemetry")
        var group = TelemetryStore.Group()
        group.reserve = Self.leastReserve
        // Without it nothing goes upstream before it is committed.
        do { try store.commit(group) } catch { condition.fail(error) }
    }

    /// Takes a poll. Of those within an interval one reading is kept.
    public func add(_ poll: Reading, marks newMarks: [CircuitID: CounterMark]) {
        marks.merge(newMarks) { _, new in new }
        guard let reading = sampler.take(poll) else { return }
        waiting.append(reading)
        let excess = waiting.count - Self.mostWaiting
        if excess > 0 {
            waiting.removeFirst(excess)
            skipped += Int64(excess)
            published = max(0, published - excess)
        }
        freeze(reading)
        let gathering = min(Self.longestGathering, interval / 2)
        if publishBy == nil { publishBy = reading.at.monotonic + gathering }
        if waiting.count - published >= followed, followed > 0 { publish() }
    }

    private func publish() {
        published = waiting.count
        publishBy = nil
        changed.ring()
    }

    /// What is done as time goes by: call it a few times a second.
    public func turn(at now: Timestamp) -> TelemetryTurn {
        tick(at: now)
        if let publishBy, now.monotonic >= publishBy { publish() }
        let evicted = store.stopped == nil ? commitWhereDue(at: now) : reopenWhereDue(at: now.monotonic)
        var turn = TelemetryTurn(evicted: evicted, news: condition.news())
        if let stopped = store.stopped, stopped.needsAnotherFile { turn.damage = stopped }
        return turn
    }

    private func commitWhereDue(at now: Timestamp) -> Int64 {
        let next = nextCommit ?? now.monotonic + min(commitInterval, Self.firstCommit)
        nextCommit = next
        let isDue = now.monotonic >= next
        // Numbers run out where meters are many; after a failure the disk is given time.
        let isShort = condition.problem == nil && firstWaiting + Int64(waiting.count) > store.reservedSequence
        guard isDue || isShort else { return 0 }
        let evicted = commit()
        nextCommit =
            now.monotonic + (condition.problem == nil ? commitInterval : min(commitInterval, Self.pauseAfterFailure))
        return evicted
    }

    /// Takes what another configuration says of the readings.
    func apply(_ configuration: GatewayConfiguration, at now: Timestamp) {
        sampler.set(interval: configuration.telemetryInterval, at: now)
        interval = configuration.telemetryInterval
        commitInterval = configuration.telemetryCommitInterval
        nextCommit = nextCommit.map { min($0, now.monotonic + commitInterval) }
        store.wait(for: configuration.consumers)
    }

    /// Readings of these meters are due, and of no others.
    public func follow(_ meters: Set<MeterID>, at now: Timestamp) {
        sampler.follow(meters, at: now)
        followed = meters.count
        frozen = frozen.filter { meters.contains($0.key) }
    }

    /// The share of due readings that was obtained: since the start or midnight, and on the day before.
    public func collection(
        at now: Timestamp
    ) -> (today: IntervalSampler.Collection, yesterday: IntervalSampler.Collection?) {
        (sampler.collected(at: now), yesterday)
    }

    /// Looks at the time: with a new day the collection counts anew.
    private func tick(at now: Timestamp) {
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
        let intervals = Int64(clamping: commitInterval.wholeMilliseconds / max(1, interval.wholeMilliseconds))
        // One more after a failure: then the commit writes, whatever has gathered.
        let more: Int64 = condition.problem == nil ? 0 : 1
        return commit(reserve: max(Self.leastReserve, 2 * Int64(followed) * (intervals + 1)) + more)
    }

    private func commit(reserve: Int64) -> Int64 {
        var group = TelemetryStore.Group()
        group.readings = waiting
        group.skipped = skipped
        group.lastAccepted = marks
        group.freezes = freezes
        group.reserve = reserve
        do {
            let evicted = try store.commit(group)
            waiting = []
            skipped = 0
            published = 0
            freezes = []
            marks = [:]
            condition.succeed()
            changed.ring()
            return evicted
        } catch {
            condition.fail(error)
            return 0
        }
    }

    var firstWaiting: Int64 { store.lastSequence + skipped + 1 }

    /// Keeps what a device refuses. What cannot be kept is learned again.
    func keep(_ learned: StoredHoles) {
        try? store.keep(learned)
    }

    func learnedHoles() -> [StoredHoles] { (try? store.learnedHoles()) ?? [] }

    public func lastAccepted() -> [CircuitID: CounterMark] { store.lastAccepted }

    /// The entries after a sequence number, in order, those that are in memory only included.
    /// - Parameters:
    ///   - limit: the most entries; fewer may come though there are more.
    ///   - byteLimit: about the most bytes of JSON; the first entry comes whatever its length.
    public func entries(
        after sequence: Int64, limit: Int, byteLimit: Int = .max
    ) throws(StorageError) -> [TelemetryEntry] {
        let stored = try store.entries(after: sequence, limit: limit, byteLimit: byteLimit)
        guard stored.isEmpty else { return stored }
        let end = lastSequence()
        guard end > sequence else { return [] }
        var entries: [TelemetryEntry] = []
        let first = firstWaiting
        if skipped > 0, sequence < first - 1 {
            entries.append(.gap(sequence: first - 1, count: skipped, reason: TelemetryStore.skippedReason))
        }
        let from = Int(max(0, sequence + 1 - first))
        for index in from..<max(from, Int(end + 1 - first)) where entries.count < limit {
            entries.append(.row(ReadingRow(sequence: first + Int64(index), reading: waiting[index])))
        }
        return entries
    }

    public func cursor(of consumer: String) throws(StorageError) -> Int64 { try store.cursor(of: consumer) }

    public func advance(_ consumer: String, through sequence: Int64) throws(StorageError) {
        try store.advanceCursor(of: consumer, through: sequence)
    }

    /// The number of the newest record that may go upstream.
    public func lastSequence() -> Int64 {
        published > 0
            ? max(store.lastSequence, min(store.reservedSequence, firstWaiting - 1 + Int64(published)))
            : store.lastSequence
    }

    /// Readings that a consumer has not acknowledged, those not yet committed included; nil where the file cannot be
    /// read.
    public func queued(for consumer: String) -> Int64? {
        guard let cursor = try? store.cursor(of: consumer) else { return nil }
        return firstWaiting - 1 - cursor + Int64(waiting.count)
    }

    public func close() {
        _ = commit(reserve: 0)
        // What it does not take at its end is found at the next start.
        try? store.close()
    }
}
