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

/// When each loop last moved. A loop of a kind that runs several times over has a name: one live bus must
/// not hide a stuck one.
public final class Progress: Sendable {
    private struct Turn: Hashable {
        let loop: WatchedLoop
        let name: String
    }

    private let turns = Mutex<[Turn: MonotonicTime]>([:])

    public init() {}

    public func moved(_ loop: WatchedLoop, _ name: String, at now: MonotonicTime) {
        turns.withLock { $0[Turn(loop: loop, name: name)] = now }
    }

    /// A loop that has ended is not stuck.
    /// - Parameter name: nil: every loop of this kind.
    public func forget(_ loop: WatchedLoop, _ name: String? = nil) {
        turns.withLock { turns in
            turns = turns.filter { $0.key.loop != loop || (name != nil && $0.key.name != name) }
        }
    }

    /// The names of the loops that have not moved for longer than one turn may take.
    public func stuck(at now: MonotonicTime) -> [String] {
        turns.withLock { turns in
            turns.filter { now - $0.value > $0.key.loop.longestTurn }.map(\.key.name).sorted()
        }
    }
}
