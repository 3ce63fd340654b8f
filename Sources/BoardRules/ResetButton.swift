public import Metering

/// A button that must be held, so that nobody restarts the box with an elbow.
public struct ResetButton: Hashable, Sendable {
    public static let holdTime: Duration = .seconds(3)
    private var pressedSince: MonotonicTime?

    public init() {}

    /// Takes a settled level of the button. One that is pressed already at the start is stuck, and tells nothing
    /// before it is let go.
    public mutating func take(isPressed: Bool, at moment: MonotonicTime) {
        pressedSince = isPressed ? moment : nil
    }

    /// Whether it has been held long enough now; true once a press.
    public mutating func isHeld(at now: MonotonicTime) -> Bool {
        guard let since = pressedSince, now - since >= Self.holdTime else { return false }
        pressedSince = nil
        return true
    }

    /// When to look again; nil where it is not pressed.
    public var nextLook: MonotonicTime? { pressedSince.map { $0 + Self.holdTime } }
}
