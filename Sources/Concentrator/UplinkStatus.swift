/// How the way upstream is, for people.
public struct UplinkStatus: Hashable, Sendable {
    public var condition = "off"
    public var ledgerQueued: Int64 = 0
    public var telemetryQueued: Int64 = 0
    /// Ledger records that the platform has a place for but not their content.
    public var ledgerWithheld: Int64 = 0
    /// Readings that the platform refused since the start; they are left out.
    public var telemetryRefused: Int64 = 0
    public var problem: String?

    public init() {}
}

/// What rings when a log has grown.
struct LogBells: Sendable {
    let ledger = Bell()
    let telemetry = Bell()
}
