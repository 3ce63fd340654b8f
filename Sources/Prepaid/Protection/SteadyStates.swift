internal import Metering

/// Splits the samples of a circuit into steady states and what lies between them.
///
/// A state is steady from the first samples that agree with one another: at least two, over at least two
/// seconds, so three at a one-second poll and two at a slower one.
struct SteadyStates: Hashable, Sendable {
    /// From one steady state to the next.
    struct Change: Hashable, Sendable {
        let at: MonotonicTime
        let before: PowerLevel
        let after: PowerLevel
        /// mW, over everything between the two states.
        let peakMilliwatts: Int64
        /// What led to it, the last samples of the state before included.
        let samples: [PowerSample]
    }

    enum Finding: Hashable, Sendable {
        /// The sample belongs to the state.
        case steady
        /// The sample left the state, or comes after one that did.
        case moving
        case changed(Change)
        /// Nothing is known any more: the first sample, or one after a gap.
        case restarted
    }

    private(set) var level: PowerLevel?
    /// The last samples of the state.
    private(set) var recent: [PowerSample] = []
    /// Since the state was left.
    private var moving: [PowerSample] = []
    private var peakMilliwatts: Int64 = 0
    private var movingSince: MonotonicTime?
    private var lastAt: MonotonicTime?

    static let recentCount = 5
    static let movingCount = 8
    static let shortestSteady = Duration.seconds(2)
    /// After a longer silence the circuit's state is learned anew.
    static let longestGap = Duration.seconds(30)

    mutating func observe(_ sample: PowerSample) -> Finding {
        defer { lastAt = sample.at }
        guard let lastAt, sample.at > lastAt, sample.at - lastAt <= Self.longestGap else {
            // One sample is state enough to start from: an appliance that comes on right after it is a step.
            self = SteadyStates()
            level = PowerLevel(medianOf: [sample])
            recent = [sample]
            return .restarted
        }
        if let level, level.holds(sample) {
            moving = []
            movingSince = nil
            if recent.count >= Self.recentCount { recent.removeFirst() }
            recent.append(sample)
            self.level = PowerLevel(medianOf: recent)
            return .steady
        }
        follow(sample)
        guard let settled = settledSamples(), let after = PowerLevel(medianOf: settled) else { return .moving }
        let before = level
        let change = before.map {
            Change(
                at: movingSince ?? sample.at, before: $0, after: after, peakMilliwatts: peakMilliwatts,
                samples: recent + moving)
        }
        level = after
        recent = settled
        moving = []
        movingSince = nil
        return change.map(Finding.changed) ?? .moving
    }

    private mutating func follow(_ sample: PowerSample) {
        if movingSince == nil {
            movingSince = sample.at
            peakMilliwatts = sample.activeMilliwatts
        }
        peakMilliwatts = max(peakMilliwatts, sample.activeMilliwatts)
        moving = moving.suffix(Self.movingCount - 1) + [sample]
    }

    /// The samples at the end of a movement that agree with the last, if they are enough.
    private func settledSamples() -> [PowerSample]? {
        guard let last = moving.last else { return nil }
        let level = PowerLevel(activeMilliwatts: last.activeMilliwatts, reactiveMillivars: nil)
        let agreeing = Array(moving.reversed().prefix { level.holds($0) }.reversed())
        guard agreeing.count >= 2, let first = agreeing.first, last.at - first.at >= Self.shortestSteady else {
            return nil
        }
        return agreeing
    }
}
