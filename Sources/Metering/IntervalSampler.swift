/// Of the many polls of a meter keeps one reading an interval: the first poll in it, together with the latest
/// of what else was read since the one before. Counts what was due and what was obtained.
///
/// Intervals are multiples of the wall clock where it can be believed, of the monotonic clock otherwise.
public struct IntervalSampler: Hashable, Sendable {
    /// Readings that were due and those that were obtained.
    public struct Collection: Hashable, Sendable {
        public var due: Int64 = 0
        public var obtained: Int64 = 0

        public init(due: Int64 = 0, obtained: Int64 = 0) {
            self.due = due
            self.obtained = obtained
        }

        /// Obtained of due, in thousandths; nil where nothing was due.
        public var perMille: Int64? { due > 0 ? min(due, obtained) * 1000 / due : nil }
    }

    private enum Slot: Hashable { case wall(Int64), monotonic(BootID, Int64) }

    private struct Sampled: Hashable {
        var slot: Slot?
        /// Heard since the last reading that was kept.
        var values: [Channel: Int64] = [:]
        /// The last interval that was counted, on the monotonic clock.
        var counted: Int64
    }

    private var intervalMilliseconds: Int64
    private var meters: [MeterID: Sampled] = [:]
    private var collection = Collection()

    /// - Parameter interval: at least a second.
    public init(interval: Duration) { intervalMilliseconds = max(1000, interval.wholeMilliseconds) }

    /// Another interval from now on; what was counted by the one before stays.
    public mutating func set(interval: Duration, at now: Timestamp) {
        let milliseconds = max(1000, interval.wholeMilliseconds)
        guard milliseconds != intervalMilliseconds else { return }
        collection = collected(at: now)
        intervalMilliseconds = milliseconds
        meters = meters.mapValues { Sampled(values: $0.values, counted: monotonicSlot(now) - 1) }
    }

    /// Readings of these meters are due from now on, and of no others.
    public mutating func follow(_ followed: Set<MeterID>, at now: Timestamp) {
        meters = meters.filter { followed.contains($0.key) }
        for meter in followed where meters[meter] == nil {
            // What is heard in the interval that runs now is the first that is due.
            meters[meter] = Sampled(counted: monotonicSlot(now) - 1)
        }
    }

    /// - Returns: the reading to be kept; nil where the interval has one.
    public mutating func take(_ reading: Reading) -> Reading? {
        var sampled = meters[reading.meter] ?? Sampled(counted: monotonicSlot(reading.at) - 1)
        defer { meters[reading.meter] = sampled }
        sampled.values.merge(reading.values) { _, new in new }
        let slot = slot(of: reading.at)
        guard slot != sampled.slot else { return nil }
        let kept = Reading(meter: reading.meter, at: reading.at, values: sampled.values)
        sampled.slot = slot
        sampled.values = [:]
        let number = monotonicSlot(reading.at)
        if number > sampled.counted {
            collection.due += number - sampled.counted
            collection.obtained += 1
            sampled.counted = number
        }
        return kept
    }

    /// Since the start or the last `restart`, what was missed up to now included.
    public func collected(at now: Timestamp) -> Collection {
        let last = monotonicSlot(now) - 1
        var total = collection
        for sampled in meters.values where last > sampled.counted { total.due += last - sampled.counted }
        return total
    }

    /// Counts anew, as at the end of a day.
    public mutating func restart(at now: Timestamp) {
        let last = monotonicSlot(now) - 1
        for meter in meters.keys where meters[meter].map({ $0.counted < last }) ?? false {
            meters[meter]?.counted = last
        }
        collection = Collection()
    }

    private func slot(of at: Timestamp) -> Slot {
        at.trust == .untrusted
            ? .monotonic(at.boot, monotonicSlot(at)) : .wall(at.wall.millisecondsSince1970 / intervalMilliseconds)
    }

    private func monotonicSlot(_ at: Timestamp) -> Int64 {
        at.monotonic.nanoseconds / 1_000_000 / intervalMilliseconds
    }
}
