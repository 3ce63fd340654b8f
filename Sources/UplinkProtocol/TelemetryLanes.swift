/// How far the telemetry log is acknowledged while live readings go up before an older backlog: one cursor,
/// and spans beyond it. No clock and no chance of its own.
///
/// ```text
///   acknowledged   backlog      acknowledged    live
///  ──────────────┼───────────┼────────────────┼──────►
///             cursor    spans[0].after   spans[0].through
/// ```
public struct TelemetryLanes: Hashable, Sendable {
    /// Records after `after` up to `through` are acknowledged.
    public struct Span: Hashable, Sendable {
        public let after: Int64
        public fileprivate(set) var through: Int64
    }

    /// Everything up to here is acknowledged: what survives a restart.
    public private(set) var cursor: Int64
    /// In order and apart; the live lane goes on after the last one.
    public private(set) var spans: [Span] = []
    private let liveRecords: Int64
    /// What the live lane has under way follows this record. The first of it need not bear the next number: a gap
    /// record bears its last.
    private var sentAfter: Int64?

    /// Outages during one drain that are told apart; more are one backlog.
    public static let mostSpans = 32

    /// - Parameters:
    ///   - cursor: what was acknowledged before.
    ///   - liveRecords: so many of the newest are live; where more are behind, the older ones are backlog.
    public init(cursor: Int64, liveRecords: Int) {
        self.cursor = cursor
        self.liveRecords = Int64(max(1, liveRecords))
    }

    /// Takes note of how far the log goes.
    /// - Returns: whether a live lane was opened.
    public mutating func look(last: Int64) -> Bool {
        let position = spans.last?.through ?? cursor
        guard last - position > 2 * liveRecords, spans.count < Self.mostSpans else { return false }
        let start = last - liveRecords
        spans.append(Span(after: start, through: start))
        return true
    }

    /// The last record that the backlog's lane sends; nil where it sends all there is.
    public var backlogEnd: Int64? { spans.first?.after }

    /// After which record the live lane goes on; nil where there is none, and all is sent by the other.
    public var livePosition: Int64? { spans.last?.through }

    /// The live lane sends what follows its position.
    /// - Returns: that position.
    public mutating func sendLive() -> Int64? {
        sentAfter = livePosition
        return sentAfter
    }

    public mutating func acknowledgedBacklog(through sequence: Int64) {
        cursor = max(cursor, sequence)
        while let first = spans.first, first.after <= cursor {
            cursor = max(cursor, first.through)
            spans.removeFirst()
        }
    }

    /// Of what the live lane sent last, everything up to `sequence` is acknowledged.
    public mutating func acknowledgedLive(through sequence: Int64) {
        guard let sentAfter else { return }
        if let index = spans.lastIndex(where: { $0.through == sentAfter }) {
            spans[index].through = max(spans[index].through, sequence)
        } else if cursor >= sentAfter {
            // The backlog has reached the live lane meanwhile.
            acknowledgedBacklog(through: sequence)
        }
    }
}
