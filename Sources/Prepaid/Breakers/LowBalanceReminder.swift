public import Metering

/// Opens a circuit once for a minute when alarm 2 starts, so that the customer notices in time.
public struct LowBalanceReminder: Hashable, Sendable {
    /// The opening of this alarm 2 was made, or begun. Kept over restarts: it is never made twice.
    public private(set) var isDone: Bool
    private var until: MonotonicTime?

    public static let length = Duration.seconds(60)

    public init(isDone: Bool = false) { self.isDone = isDone }

    /// Follows the account's alarm level.
    public mutating func follow(level: AlarmLevel, now: MonotonicTime) {
        guard level == .second else {
            until = nil
            // Who is in arrears or cut needs no reminder any more, on the way back up neither.
            isDone = level > .second
            return
        }
        guard !isDone else { return }
        isDone = true
        until = now + Self.length
    }

    /// Whether the circuit is to be open for it now.
    public func isRunning(now: MonotonicTime) -> Bool { end(after: now) != nil }

    /// When the opening that runs now is over; nil where none runs.
    func end(after now: MonotonicTime) -> MonotonicTime? { until.flatMap { now < $0 ? $0 : nil } }
}
