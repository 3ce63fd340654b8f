/// How the way upstream is, for people.
public struct UplinkStatus: Hashable, Sendable {
    public var condition = "off"
    /// Records that wait; nil, here and below, where the file cannot be read.
    public var ledgerQueued: Int64? = 0
    public var telemetryQueued: Int64? = 0
    /// Ledger records that the platform has a place for but not their content.
    public var ledgerWithheld: Int64? = 0
    /// Readings that the platform refused since the start; they are left out.
    public var telemetryRefused: Int64 = 0
    public var problem: String?

    /// Records of both logs that wait.
    public var queued: Int64? {
        guard let ledgerQueued, let telemetryQueued else { return nil }
        return ledgerQueued + telemetryQueued
    }

    public init() {}
}

/// What rings when a log has grown.
struct LogBells: Sendable {
    let ledger = Bell()
    let telemetry = Bell()
}
