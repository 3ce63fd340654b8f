internal import Logging
internal import Metering
internal import Storage
private import Synchronization
internal import UplinkHTTP
internal import UplinkProtocol

/// How the way upstream is, for people.
public struct UplinkStatus: Hashable, Sendable {
    public var condition = "off"
    public var ledgerQueued: Int64 = 0
    public var telemetryQueued: Int64 = 0
    public var problem: String?

    public init() {}
}

/// Sends both logs to the platform and takes its commands: three loops that do not wait for one another.
final class UplinkService: Sendable {
    private let client: PlatformClient
    private let gateway: GatewayID
    private let site: SiteService
    private let telemetry: TelemetryService
    private let ledgerEpoch: String
    private let batchRecords: Int
    private let signals: [Log: Signal]
    private let clock: GatewayClock
    private let progress: Progress
    private let logger: Logger
    private let state = Mutex(UplinkStatus())

    /// The consumer whose cursors these loops move.
    static let consumer = "push"
    private static let firstCommandPause: Duration = .milliseconds(500)
    private static let longestCommandPause: Duration = .seconds(30)

    init(
        client: PlatformClient, gateway: GatewayID, site: SiteService, telemetry: TelemetryService, ledgerEpoch: String,
        batchRecords: Int, signals: [Log: Signal], clock: GatewayClock, progress: Progress, logger: Logger
    ) {
        self.client = client
        self.gateway = gateway
        self.site = site
        self.telemetry = telemetry
        self.ledgerEpoch = ledgerEpoch
        self.batchRecords = batchRecords
        self.signals = signals
        self.clock = clock
        self.progress = progress
        self.logger = logger
    }

    var status: UplinkStatus { state.withLock { $0 } }

    /// Runs until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for log in Log.allCases { group.addTask { await self.push(log) } }
            group.addTask { await self.takeCommands() }
            await group.waitForAll()
        }
        await client.shutdown()
    }

    private func push(_ log: Log) async {
        var session = UplinkSession(fullBatch: batchRecords)
        var generator = SystemRandomNumberGenerator()
        var frozen: Batch?
        while !Task.isCancelled {
            progress.moved(.uplink, "\(log) upload", at: clock.monotonicNow())
            do {
                if frozen == nil { frozen = try await nextBatch(of: log, limit: session.batchLimit) }
            } catch {
                note(problem: error.description)
            }
            guard let batch = frozen else {
                await signals[log]?.wait(longest: .seconds(1))
                continue
            }
            let outcome = await client.send(batch)
            let action = session.record(outcome, of: batch, using: &generator)
            note(outcome, condition: session.condition)
            switch action {
            case .advance(let through, let refused):
                for refusal in refused {
                    logger.error(
                        "the platform refused a record for good",
                        metadata: ["log": "\(log)", "seq": "\(refusal.sequence)", "reason": "\(refusal.reason)"])
                }
                do {
                    try await advance(log, through: through)
                    frozen = nil
                } catch {
                    // Sent again: the platform takes each record once.
                    note(problem: error.description)
                    await pause("\(log) upload", .seconds(1))
                }
            case .shrink: frozen = nil
            case .retry(let pauseLength): await pause("\(log) upload", pauseLength)
            }
            await updateQueues()
        }
    }

    private func nextBatch(of log: Log, limit: Int) async throws(StorageError) -> Batch? {
        switch log {
        case .ledger:
            let (records, head) = try await site.unsentRecords(for: Self.consumer, limit: limit)
            return Batch(
                gateway: gateway, epoch: ledgerEpoch, log: log, chainHead: head,
                records: records.map { ($0.sequence, $0.json) })
        case .telemetry:
            let cursor = try await telemetry.cursor(of: Self.consumer)
            let records = try await telemetry.records(after: cursor, limit: limit)
            let head = try await site.chainHead()
            return Batch(
                gateway: gateway, epoch: telemetry.epoch, log: log, chainHead: head,
                records: records.map { ($0.sequence, $0.json) })
        }
    }

    private func advance(_ log: Log, through: Int64) async throws(StorageError) {
        switch log {
        case .ledger: try await site.advance(Self.consumer, through: through)
        case .telemetry: try await telemetry.advance(Self.consumer, through: through)
        }
    }

    /// Asks for commands on a connection of its own, and executes each as it comes.
    private func takeCommands() async {
        var position: Int64 = 0
        var failurePause = Self.firstCommandPause
        do { position = try await site.commandPosition() } catch { note(problem: error.description) }
        while !Task.isCancelled {
            progress.moved(.uplink, "commands", at: clock.monotonicNow())
            switch await client.commands(after: position) {
            case .commands(let commands):
                failurePause = Self.firstCommandPause
                for command in commands {
                    guard await site.execute(command) != nil else {
                        // It could not be kept, so it was not taken: ask for it again.
                        await pause("commands", .seconds(1))
                        break
                    }
                    position = max(position, command.position)
                }
            case .failed(let reason):
                note(problem: reason)
                await pause("commands", .milliseconds(Int64.random(in: 0...failurePause.wholeMilliseconds)))
                failurePause = min(failurePause * 2, Self.longestCommandPause)
            }
        }
    }

    /// Waits in short pieces, so that the loop is seen to turn.
    private func pause(_ loop: String, _ length: Duration) async {
        let end = clock.monotonicNow() + length
        while !Task.isCancelled, case let left = end - clock.monotonicNow(), left > .zero {
            try? await Task.sleep(for: min(left, .seconds(5)))
            progress.moved(.uplink, loop, at: clock.monotonicNow())
        }
    }

    private func note(_ outcome: SendOutcome, condition: UplinkCondition) {
        let problem: String? =
            switch outcome {
            case .acknowledged: nil
            case .invalidAnswer: "the answer is no acknowledgement"
            case .status(let code, _): "the platform answered \(code)"
            case .noAnswer(let reason): reason
            }
        let changed = state.withLock { state in
            defer { (state.condition, state.problem) = (condition.rawValue, problem) }
            return state.condition != condition.rawValue
        }
        guard changed else { return }
        if let problem {
            logger.warning("nothing goes upstream; records wait", metadata: ["reason": "\(problem)"])
        } else {
            logger.info("records go upstream")
        }
    }

    private func note(problem: String) { state.withLock { $0.problem = problem } }

    private func updateQueues() async {
        let ledger = await site.queued(for: Self.consumer)
        let readings = await telemetry.queued(for: Self.consumer)
        state.withLock { ($0.ledgerQueued, $0.telemetryQueued) = (ledger, readings) }
    }
}
