public import Metering
private import Synchronization

/// The loops that must all be turning for the watchdog to be fed.
public enum WatchedLoop: String, Hashable, Sendable, CaseIterable {
    case poll, ledger, uplink

    /// How long one turn may take. The uplink's turn is bounded by its own time-outs, never by whether
    /// the network answers.
    var longestTurn: Duration {
        switch self {
        case .poll, .ledger: .seconds(20)
        case .uplink: .seconds(90)
        }
    }
}

/// When each loop last moved.
public final class Progress: Sendable {
    private let turns = Mutex<[WatchedLoop: MonotonicTime]>([:])

    public init() {}

    public func moved(_ loop: WatchedLoop, at now: MonotonicTime) { turns.withLock { $0[loop] = now } }

    /// The loops that have not moved for longer than one turn may take.
    public func stuck(at now: MonotonicTime) -> [WatchedLoop] {
        turns.withLock { turns in
            WatchedLoop.allCases.filter { loop in
                guard let last = turns[loop] else { return false }
                return now - last > loop.longestTurn
            }
        }
    }
}
