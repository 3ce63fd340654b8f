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

/// Why the gateway cannot answer now.
public struct PullProblem: Error, Hashable, Sendable {
    public let reason: String

    public init(reason: String) { self.reason = reason }
}

/// What the endpoint gives out: the two logs, with a cursor for each consumer.
public protocol PullSource: Sendable {
    var gateway: GatewayID { get }
    func log(_ log: Log, for consumer: String) async throws(PullProblem) -> PullLog
    /// The records after a number, in order, at most so many and about so many bytes; the first one whatever its
    /// length.
    func records(
        of log: Log, after sequence: Int64, limit: Int, byteLimit: Int
    ) async throws(PullProblem) -> [(sequence: Int64, json: JSONValue)]
    func chainHead() async throws(PullProblem) -> ChainHead
    /// Moves the cursor of a consumer forward; what is older, or was never there, moves nothing.
    func acknowledge(_ log: Log, through sequence: Int64, for consumer: String) async throws(PullProblem)
    /// Returns when the log may have more than up to a number, or after so many seconds.
    func waitForMore(of log: Log, than sequence: Int64, seconds: Int64) async
}
