private import Synchronization

/// Holds the first failure that ends the daemon, and lets one task wait for it.
final class FailureBox: Sendable {
    private let kept = Mutex<GatewayProblem?>(nil)
    private let signal = Signal()

    var problem: GatewayProblem? { kept.withLock { $0 } }

    func set(_ problem: GatewayProblem) {
        kept.withLock { if $0 == nil { $0 = problem } }
        signal.raise()
    }

    /// Returns when a failure is set, or the task is cancelled.
    func wait() async {
        while problem == nil, !Task.isCancelled { await signal.wait(longest: .milliseconds(200)) }
    }
}
