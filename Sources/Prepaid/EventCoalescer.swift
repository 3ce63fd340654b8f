public import Metering

/// Keeps events that repeat from filling the ledger: the first of a code and subject is told at once, those that
/// follow within the window are counted, and the count is told when it is over. For what happens at a moment, not
/// for what begins and ends: the last word about a state is never held back.
public struct EventCoalescer: Hashable, Sendable {
    private struct Key: Hashable, Sendable {
        let code: EventCode
        let subject: EventSubject
    }

    private struct Run: Hashable, Sendable {
        let began: MonotonicTime
        var lastAt: MonotonicTime
        var repeated = 0
        var last: Event
    }

    private var runs: [Key: Run] = [:]

    public static let window = Duration.seconds(600)
    /// Codes and subjects followed at once; beyond it events are told as they come.
    public static let mostRuns = 4_096

    public init() {}

    /// An event happened; whether it is to be told now.
    public mutating func take(_ event: Event, now: MonotonicTime) -> Bool {
        let key = Key(code: event.code, subject: event.subject)
        if runs[key] != nil {
            runs[key]?.repeated += 1
            runs[key]?.last = event
            runs[key]?.lastAt = now
            return false
        }
        if runs.count < Self.mostRuns { runs[key] = Run(began: now, lastAt: now, last: event) }
        return true
    }

    /// What windows that are over have gathered: the last event of each with `repeated`, how often it came after
    /// the one that was told.
    public mutating func due(now: MonotonicTime) -> [Event] {
        let over = runs.filter { now - $0.value.began >= Self.window }
        for key in over.keys { runs[key] = nil }
        return over.values.filter { $0.repeated > 0 }.sorted { $0.lastAt < $1.lastAt }.map { run in
            var detail = run.last.detail
            detail["repeated"] = String(run.repeated)
            return Event(run.last.code, run.last.subject, detail)
        }
    }
}
