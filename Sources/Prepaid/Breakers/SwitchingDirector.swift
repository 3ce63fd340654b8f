public import Metering

/// Says which of the circuits that wait may be moved now: closings one after another, credit cuts unless
/// too many are due at once.
public struct SwitchingDirector: Hashable, Sendable {
    public var closings: ClosingPlanner
    public var cuts: MassGuard

    public init(closings: ClosingPlanner, cuts: MassGuard) {
        self.closings = closings
        self.cuts = cuts
    }

    /// What may go ahead.
    public struct Direction: Hashable, Sendable {
        /// Circuits to be given their turn.
        public let turns: [CircuitID]
        /// The credit cuts of the site have just been held: a person must confirm them.
        public let isNewlyHeld: Bool
    }

    /// - Parameter waits: what each circuit waits for.
    public mutating func direct(
        _ waits: [CircuitID: MoveWait], now: MonotonicTime, using generator: inout some RandomNumberGenerator
    ) -> Direction {
        let wasHeld = cuts.isHeld
        let admitted = cuts.admit(Set(waits.filter { $0.value == .admission }.keys), now: now)
        closings.replaceWaiting(with: Set(waits.filter { $0.value == .turn }.keys))
        let closing = closings.next(now: now, using: &generator)
        return Direction(
            turns: admitted.sorted() + (closing.map { [$0] } ?? []), isNewlyHeld: cuts.isHeld && !wasHeld)
    }
}
