/// A relay of the box that switches a circuit.
public struct BoardRelay: Hashable, Sendable {
    public enum Drive: Hashable, Sendable {
        /// Stays where it is without current; a pulse on one line opens it, on another closes it. Where it is
        /// is known from its feedback alone.
        case latching(open: BoardLine, close: BoardLine, pulse: Duration)
        /// Is active as long as its line is.
        case holding(BoardLine, isClosedWhileActive: Bool)
    }

    /// `breaker_point` of an import file.
    public let point: Int
    public let drive: Drive
    /// An auxiliary contact: active while the relay is closed.
    public let feedback: BoardLine?
    /// From the order until the contacts, and the feedback, have followed.
    public let travelTime: Duration
    /// Where the box, powered up anew, leaves it: nil for the last position. Stored: the optimizer of Swift 6.3 ends
    /// with a fault where this is computed and inlined.
    public let isClosedWithoutPower: Bool?

    public init(point: Int, drive: Drive, feedback: BoardLine?, travelTime: Duration) {
        self.point = point
        self.drive = drive
        self.feedback = feedback
        self.travelTime = travelTime
        isClosedWithoutPower =
            switch drive {
            case .latching: nil
            case .holding(_, let isClosedWhileActive): !isClosedWhileActive
            }
    }

    /// One move, step by step. What is active only for a moment is let go of again whatever comes between.
    public enum Step: Hashable, Sendable {
        case set(BoardLine, isActive: Bool)
        case wait(Duration)
    }

    /// - Parameter isClosed: the position that is wanted.
    public func steps(toward isClosed: Bool) -> [Step] {
        switch drive {
        case .latching(let open, let close, let pulse):
            // Never both coils at once.
            let (wanted, other) = isClosed ? (close, open) : (open, close)
            return [
                .set(other, isActive: false), .set(wanted, isActive: true), .wait(pulse),
                .set(wanted, isActive: false), .wait(travelTime),
            ]
        case .holding(let line, let isClosedWhileActive):
            return [.set(line, isActive: isClosed == isClosedWhileActive), .wait(travelTime)]
        }
    }

    /// Where the relay is, by what its lines show; nil where they cannot be read.
    /// - Parameters:
    ///   - feedback: the level of the feedback.
    ///   - output: the level of a holding relay's line.
    public func isClosed(feedback level: Bool?, output: Bool?) -> Bool? {
        if feedback != nil { return level }
        guard case .holding(_, let isClosedWhileActive) = drive else { return nil }
        return output.map { $0 == isClosedWhileActive }
    }

    /// The lines it is driven with.
    public var outputs: [BoardLine] {
        switch drive {
        case .latching(let open, let close, _): [open, close]
        case .holding(let line, _): [line]
        }
    }
}
