public import Metering
public import UplinkProtocol

/// One log as a consumer sees it.
public struct PullLog: Hashable, Sendable {
    public let log: Log
    public let epoch: String
    /// The number of the newest record; 0 before the first.
    public let last: Int64
    /// How far this consumer has acknowledged it.
    public let acknowledged: Int64

    public init(log: Log, epoch: String, last: Int64, acknowledged: Int64) {
        self.log = log
        self.epoch = epoch
        self.last = last
        self.acknowledged = acknowledged
    }
}

/// A run of one log.
public enum PullPage: Sendable {
    case ledger([(sequence: Int64, json: JSONValue)])
    case telemetry([TelemetryEntry])

    var isEmpty: Bool {
        switch self {
        case .ledger(let records): records.isEmpty
        case .telemetry(let entries): entries.isEmpty
        }
    }

    /// The batch that a push of it would carry; nil where it is empty.
    /// - Parameter form: columns are for the telemetry log only.
    func batch(gateway: GatewayID, epoch: String, chainHead: ChainHead, form: BatchForm) -> Batch? {
        switch self {
        case .ledger(let records):
            return Batch(gateway: gateway, epoch: epoch, log: .ledger, chainHead: chainHead, records: records)
        case .telemetry(let entries):
            let batch = Batch(gateway: gateway, epoch: epoch, chainHead: chainHead, entries: entries)
            return form == .columns ? batch : batch?.asRecords
        }
    }

    /// Where a consumer that asked after `cursor` must go on, when what it asked for was evicted: the oldest
    /// cursor from which nothing is missing. Nil when nothing was; the ledger log is never evicted.
    func oldestCursor(asked cursor: Int64) -> Int64? {
        guard case .telemetry(let entries) = self else { return nil }
        var oldest: Int64?
        var next = cursor + 1
        for entry in entries {
            guard case .gap(let sequence, _, let reason) = entry else {
                if entry.sequence != next { oldest = entry.sequence - 1 }
                break
            }
            guard reason.hasPrefix("evicted") else { break }
            oldest = sequence
            next = sequence + 1
        }
        return oldest
    }
}

/// Why the gateway cannot answer now.
public struct PullProblem: Error, Hashable, Sendable {
    public let reason: String

    public init(reason: String) { self.reason = reason }
}

/// What the endpoint gives out: the two logs, with a cursor for each consumer.
public protocol PullSource: Sendable {
    var gateway: GatewayID { get }
    func log(_ log: Log, for consumer: String) async throws(PullProblem) -> PullLog
    /// What comes after a number, in order, at most so many and about so many bytes; the first one whatever its
    /// length.
    func page(
        of log: Log, after sequence: Int64, limit: Int, byteLimit: Int
    ) async throws(PullProblem) -> PullPage
    func chainHead() async throws(PullProblem) -> ChainHead
    /// Moves the cursor of a consumer forward; what is older, or was never there, moves nothing.
    func acknowledge(_ log: Log, through sequence: Int64, for consumer: String) async throws(PullProblem)
    /// Returns when the log may have more than up to a number, or after so many seconds.
    func waitForMore(of log: Log, than sequence: Int64, seconds: Int64) async
}
