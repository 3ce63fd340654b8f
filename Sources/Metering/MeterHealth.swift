/// Whether a device answers, and when it may be asked again when it does not.
public struct MeterHealth: Hashable, Sendable {
    /// Failures in a row.
    public private(set) var failures = 0
    /// Not to be asked before this.
    public private(set) var notBefore: MonotonicTime?

    /// Failures in a row after which a device counts as lost.
    public static let failuresToLose = 3
    public static let firstPause: Duration = .milliseconds(500)
    public static let longestPause: Duration = .seconds(9)

    public init() {}

    public var isLost: Bool { failures >= Self.failuresToLose }

    /// The device answered: it is back in full at once.
    /// - Returns: true when it had been lost.
    public mutating func succeeded() -> Bool {
        defer {
            failures = 0
            notBefore = nil
        }
        return isLost
    }

    /// There is reason to ask at once: the bus came back, or the device was heard.
    public mutating func hoped() { notBefore = nil }

    /// The device did not answer as it should. The pause before it is asked again doubles from half a
    /// second to nine, and is longer than any answer that may still be on its way.
    /// - Returns: true when it is lost with this failure.
    public mutating func failed(at now: MonotonicTime) -> Bool {
        let doublings = min(failures, 10)
        failures = min(failures + 1, 1_000_000)
        notBefore = now + min(Self.firstPause * (1 << doublings), Self.longestPause)
        return failures == Self.failuresToLose
    }
}
