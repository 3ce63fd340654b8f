private import Glibc
private import Synchronization

/// Instants at which a crash would be worst. Each is a place in the code, so that a test can end the
/// program exactly there, as a power cut might.
public enum Failpoint: String, CaseIterable, Sendable {
    case ledgerBeforeCommit = "ledger_before_commit"
    case ledgerWithinCommit = "ledger_within_commit"
    case ledgerAfterCommit = "ledger_after_commit"
    case telemetryBeforeCommit = "telemetry_before_commit"
    case telemetryWithinCommit = "telemetry_within_commit"
    case telemetryAfterCommit = "telemetry_after_commit"
    case cursorBeforeAdvance = "cursor_before_advance"
    case cursorAfterAdvance = "cursor_after_advance"
    case commandBeforeExecution = "command_before_execution"
    case commandAfterExecution = "command_after_execution"
    case breakerBeforeWrite = "breaker_before_write"
    case breakerAfterWrite = "breaker_after_write"
    case breakerAfterReadBack = "breaker_after_read_back"
    case migrationWithinStep = "migration_within_step"

    /// The variable that arms one: `NAME` or `NAME:COUNT`, for the COUNTth time the place is passed.
    public static let variable = "METERKEEP_FAILPOINT"

    /// Read once: a daemon that is not under test pays one comparison.
    private static let armed = Arming(getenv(variable).map { String(cString: $0) })

    /// Ends the process at once, with SIGKILL, where this place is the one that was armed.
    public func pass() {
        guard let armed = Self.armed.failpoint, armed == self else { return }
        if Self.armed.left.subtract(1, ordering: .relaxed).newValue == 0 { kill(getpid(), SIGKILL) }
    }
}

/// What the variable says; nothing where it says nothing that is known.
private final class Arming: Sendable {
    let failpoint: Failpoint?
    let left: Atomic<Int>

    init(_ text: String?) {
        let words = (text ?? "").split(separator: ":", maxSplits: 1)
        failpoint = words.first.flatMap { Failpoint(rawValue: String($0)) }
        left = Atomic(words.count == 2 ? max(1, Int(words[1]) ?? 1) : 1)
    }
}
