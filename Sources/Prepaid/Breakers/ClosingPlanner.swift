public import Metering

/// Lets circuits close one after another, in random order: after a site's power has returned, after a
/// batch or a timer, so that not all loads come on at once.
public struct ClosingPlanner: Hashable, Sendable {
    /// Between two closings.
    public let gap: Duration
    public private(set) var waiting: Set<CircuitID> = []
    private var lastAt: MonotonicTime?

    public static let standardGap = Duration.milliseconds(500)
    public static let longestGap = Duration.seconds(60)

    /// - Parameter gap: clamped to 0 ... `longestGap`.
    public init(gap: Duration = standardGap) { self.gap = min(max(gap, .zero), Self.longestGap) }

    /// These circuits wait for their turn now, and no others.
    public mutating func replaceWaiting(with circuits: Set<CircuitID>) { waiting = circuits }

    /// The circuit whose turn it is; nil where none waits or the gap is not over.
    public mutating func next(now: MonotonicTime, using generator: inout some RandomNumberGenerator) -> CircuitID? {
        guard let moment = nextMoment(now: now), moment <= now,
            let chosen = waiting.sorted().randomElement(using: &generator)
        else { return nil }
        waiting.remove(chosen)
        lastAt = now
        return chosen
    }

    /// When the next turn is due; nil where none waits.
    public func nextMoment(now: MonotonicTime) -> MonotonicTime? {
        guard !waiting.isEmpty else { return nil }
        guard let lastAt else { return now }
        return max(now, lastAt + gap)
    }
}
