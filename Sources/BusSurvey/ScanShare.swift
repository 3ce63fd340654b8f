public import Metering

/// When a scan may ask, beside live polling: whenever nothing is due, and within a tenth of the time where
/// the bus is full. Polls wait for one probe at most.
public struct ScanShare: Hashable, Sendable {
    public static let percent = 10
    /// What may be saved up: a few probes.
    private static let largestAllowance: Duration = .milliseconds(500)

    private var allowance: Duration = .zero
    private var since: MonotonicTime

    public init(now: MonotonicTime) { since = now }

    /// - Parameters:
    ///   - cost: what the probe takes at most.
    ///   - isIdle: nothing else is due now.
    public mutating func mayAsk(_ cost: Duration, isIdle: Bool, at now: MonotonicTime) -> Bool {
        allowance = min(allowance + max(.zero, now - since) * Self.percent / 100, Self.largestAllowance)
        since = now
        return isIdle || allowance >= min(cost, Self.largestAllowance)
    }

    /// Notes what a probe took while others waited.
    public mutating func spent(_ time: Duration, isIdle: Bool) {
        if !isIdle { allowance -= max(.zero, time) }
    }
}
