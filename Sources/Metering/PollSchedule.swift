/// Which device of one bus is asked next. A value: the time is an argument, nothing is waited for here.
public struct PollSchedule: Sendable {
    /// What to do now.
    public enum Step: Hashable, Sendable {
        /// Read everything of this class and of the faster ones.
        case poll(MeterID, PollClass)
        /// Ask a lost device for as little as it takes to know that it is back.
        case probe(MeterID)
        /// Nothing is due before this.
        case idle(until: MonotonicTime)
    }

    /// How often each class is wanted.
    public struct Periods: Hashable, Sendable {
        public let fast: Duration
        public let normal: Duration
        public let slow: Duration

        public init(fast: Duration, normal: Duration, slow: Duration) {
            self.fast = fast
            self.normal = normal
            self.slow = slow
        }

        subscript(pollClass: PollClass) -> Duration {
            switch pollClass {
            case .fast: fast
            case .normal: normal
            case .slow: slow
            }
        }
    }

    private struct Entry {
        let meter: MeterID
        let requestGap: Duration
        var due: [PollClass: MonotonicTime]
        var isFast = false
        var health = MeterHealth()
        var freeAt: MonotonicTime
    }

    /// The share of bus time that lost devices may take, in percent, however many they are.
    public static let lostSharePercent = 4
    /// What of that share may be saved up.
    public static let largestLostAllowance: Duration = .seconds(1)

    private let periods: Periods
    private var entries: [Entry] = []
    private var lostAllowance: Duration = .zero
    private var allowanceSince: MonotonicTime?

    public init(periods: Periods) { self.periods = periods }

    public var meters: [MeterID] { entries.map(\.meter) }

    /// Adds a device; it is due at once.
    public mutating func add(_ meter: MeterID, requestGap: Duration, now: MonotonicTime) {
        guard !entries.contains(where: { $0.meter == meter }) else { return }
        entries.append(
            Entry(
                meter: meter, requestGap: requestGap, due: [.fast: now, .normal: now, .slow: now], freeAt: now))
    }

    public mutating func remove(_ meter: MeterID) { entries.removeAll { $0.meter == meter } }

    /// The devices whose fast class is wanted now: those with fast rules, or near their credit limit.
    public mutating func setFast(_ meters: Set<MeterID>) {
        for index in entries.indices { entries[index].isFast = meters.contains(entries[index].meter) }
    }

    public func health(of meter: MeterID) -> MeterHealth? { entries.first { $0.meter == meter }?.health }

    /// The step for this moment: the class whose deadline passed first; lost devices only within their
    /// share.
    public mutating func next(at now: MonotonicTime) -> Step {
        saveAllowance(until: now)
        var best: (due: MonotonicTime, step: Step)?
        var wake: MonotonicTime?
        for entry in entries {
            guard let (at, step) = candidate(entry) else { continue }
            if at > now {
                wake = wake.map { min($0, at) } ?? at
            } else if best.map({ at < $0.due }) ?? true {
                best = (at, step)
            }
        }
        if let best { return best.step }
        return .idle(until: wake ?? now + periods.fast)
    }

    /// Notes what came of a step.
    /// - Returns: whether the device was lost or found with it.
    public mutating func record(
        _ step: Step, answered: Bool, took: Duration, at now: MonotonicTime
    ) -> HealthChange? {
        let meter: MeterID
        var pollClass = PollClass.fast
        switch step {
        case .poll(let polled, let which): (meter, pollClass) = (polled, which)
        case .probe(let probed):
            meter = probed
            if !answered { lostAllowance -= took }
        case .idle: return nil
        }
        guard let index = entries.firstIndex(where: { $0.meter == meter }) else { return nil }
        entries[index].freeAt = now + entries[index].requestGap
        guard answered else { return entries[index].health.failed(at: now) ? .lost : nil }
        let isFound = entries[index].health.succeeded()
        if isFound {
            for which in PollClass.allCases { entries[index].due[which] = now }
        } else {
            for which in PollClass.allCases where which <= pollClass {
                entries[index].due[which] = now + periods[which]
            }
        }
        return isFound ? .found : nil
    }

    public enum HealthChange: Hashable, Sendable { case lost, found }

    /// When a device is due next, and for what.
    private func candidate(_ entry: Entry) -> (MonotonicTime, Step)? {
        if entry.health.isLost {
            let at = max(entry.freeAt, entry.health.notBefore ?? entry.freeAt)
            // Overdrawn: wait until the share has earned the debt back.
            guard lostAllowance < .zero, let since = allowanceSince else { return (at, .probe(entry.meter)) }
            let earned = (.zero - lostAllowance) * (100 / Self.lostSharePercent)
            return (max(at, since + earned), .probe(entry.meter))
        }
        let floor = max(entry.freeAt, entry.health.notBefore ?? entry.freeAt)
        var choice: (MonotonicTime, PollClass)?
        for pollClass in PollClass.allCases where pollClass != .fast || entry.isFast {
            guard let due = entry.due[pollClass] else { continue }
            // Where several classes are due, the slowest fetches the others too.
            if choice.map({ due <= $0.0 }) ?? true { choice = (due, pollClass) }
        }
        return choice.map { (max($0.0, floor), .poll(entry.meter, $0.1)) }
    }

    private mutating func saveAllowance(until now: MonotonicTime) {
        if let allowanceSince, now > allowanceSince {
            let earned = (now - allowanceSince) * Self.lostSharePercent / 100
            lostAllowance = min(lostAllowance + earned, Self.largestLostAllowance)
        }
        allowanceSince = now
    }
}
