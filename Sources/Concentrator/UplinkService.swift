internal import Logging
internal import Metering
internal import Storage
private import Synchronization
internal import UplinkHTTP
internal import UplinkProtocol

/// Sends both logs to the platform and takes its commands: loops that do not wait for one another.
final class UplinkService: Sendable {
    /// What has an upload loop, and so a connection, of its own.
    private enum Lane: String, CaseIterable {
        case ledger = "ledger upload"
        case telemetry = "telemetry upload"
        /// Live readings, while the loop above sends what an outage left behind.
        case live = "live upload"

        var log: Log { self == .ledger ? .ledger : .telemetry }
    }

    private let client: PlatformClient
    private let gateway: GatewayID
    private let site: SiteService
    private let telemetry: TelemetryService
    private let ledgerEpoch: String
    private let batchRecords: Int
    private let bells: LogBells
    private let outgoing: OutgoingTelemetry
    private let clock: GatewayClock
    private let progress: Progress
    private let logger: Logger
    private let renewal: RenewalService?
    private let state = Mutex(UplinkStatus())

    /// The consumer whose cursors these loops move.
    static let consumer = "push"
    private static let firstCommandPause: Duration = .milliseconds(500)
    private static let longestCommandPause: Duration = .seconds(30)

    init(
        client: PlatformClient, gateway: GatewayID, site: SiteService, telemetry: TelemetryService, ledgerEpoch: String,
        batchRecords: Int, bells: LogBells, clock: GatewayClock, progress: Progress, logger: Logger,
        renewal: RenewalService? = nil
    ) {
        self.renewal = renewal
        self.client = client
        self.gateway = gateway
        self.site = site
        self.telemetry = telemetry
        self.ledgerEpoch = ledgerEpoch
        self.batchRecords = batchRecords
        self.bells = bells
        outgoing = OutgoingTelemetry(telemetry: telemetry, consumer: Self.consumer, batchRecords: batchRecords)
        self.clock = clock
        self.progress = progress
        self.logger = logger
    }

    var status: UplinkStatus { state.withLock { $0 } }

    /// Runs until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for lane in Lane.allCases { group.addTask { await self.push(lane) } }
            group.addTask { await self.takeCommands() }
            if let renewal { group.addTask { await renewal.run() } }
            await group.waitForAll()
        }
        await client.shutdown()
    }

    private func push(_ lane: Lane) async {
        var session = UplinkSession(fullBatch: batchRecords)
        var generator = SystemRandomNumberGenerator()
        var frozen: PlatformClient.Packed?
        while !Task.isCancelled {
            progress.moved(.uplink, lane.rawValue, at: clock.monotonicNow())
            let heard = bell(lane).rings
            do {
                if frozen == nil { frozen = try await nextBatch(of: lane, limit: session.batchLimit) }
            } catch {
                note(problem: error.description)
            }
            guard let packed = frozen else {
                await bell(lane).wait(after: heard, longest: .seconds(1))
                continue
            }
            let limit = session.batchLimit
            async let following = batch(behind: packed.batch, of: lane, limit: limit)
            let outcome = await client.send(packed)
            let ahead = await following
            let action = session.record(outcome, of: packed.batch, using: &generator)
            note(outcome, condition: session.condition)
            switch action {
            case .advance(let through, let refused):
                do {
                    try await advance(lane, batch: packed.batch, through: through)
                    frozen = ahead
                } catch {
                    // Sent again: the platform takes each record once.
                    note(problem: error.description)
                    await pause(lane.rawValue, .seconds(1))
                }
                for refusal in refused { log(refusal, of: lane) }
            case .shrink: frozen = nil
            case .withhold(let refusal):
                log(refusal, of: lane)
                frozen = packed.batch.withholding(reason: refusal.reason).map(client.pack)
            case .reconsider(let pauseLength):
                await pause(lane.rawValue, pauseLength)
                frozen = nil
            case .retry(let pauseLength): await pause(lane.rawValue, pauseLength)
            }
            await updateQueues()
        }
    }

    /// Of a backlog the next batch is made while one is under way. Nil where there is none yet.
    private func batch(behind sent: Batch, of lane: Lane, limit: Int) async -> PlatformClient.Packed? {
        guard lane == .telemetry, sent.count > limit / 2 else { return nil }
        do {
            return try await packed(try await outgoing.backlog(limit: limit, behind: sent.last))
        } catch {
            note(problem: error.description)
            return nil
        }
    }

    /// What rings when a lane may have something to send.
    private func bell(_ lane: Lane) -> Bell {
        switch lane {
        case .ledger: bells.ledger
        case .telemetry: bells.telemetry
        case .live: outgoing.isLive ? bells.telemetry : outgoing.opened
        }
    }

    private func log(_ refusal: Refusal, of lane: Lane) {
        logger.error(
            "the platform refused a record; it stays in the gateway's own log",
            metadata: ["log": "\(lane.log)", "seq": "\(refusal.sequence)", "reason": "\(refusal.reason)"])
    }

    private func nextBatch(of lane: Lane, limit: Int) async throws(StorageError) -> PlatformClient.Packed? {
        switch lane {
        case .ledger:
            let (records, head) = try await site.unsentRecords(for: Self.consumer, limit: limit)
            return Batch(
                gateway: gateway, epoch: ledgerEpoch, log: .ledger, chainHead: head,
                records: records.map { ($0.sequence, $0.json) }
            ).map(client.pack)
        case .telemetry: return try await packed(try await outgoing.backlog(limit: limit))
        case .live: return try await packed(try await outgoing.live(limit: limit))
        }
    }

    private func packed(_ entries: [TelemetryEntry]) async throws(StorageError) -> PlatformClient.Packed? {
        guard !entries.isEmpty else { return nil }
        let head = try await site.chainHead()
        return Batch(gateway: gateway, epoch: telemetry.epoch, chainHead: head, entries: entries).map(client.pack)
    }

    private func advance(_ lane: Lane, batch: Batch, through: Int64) async throws(StorageError) {
        switch lane {
        case .ledger: try await site.advance(Self.consumer, through: through)
        case .telemetry: try await outgoing.acknowledgedBacklog(through: through)
        case .live: try await outgoing.acknowledgedLive(from: batch.first, through: through)
        }
    }

    /// Asks for commands on a connection of its own, and executes each as it comes.
    private func takeCommands() async {
        var position: Int64 = 0
        var failurePause = Self.firstCommandPause
        var notNow: String?
        do { position = try await site.commandPosition() } catch { note(problem: error.description) }
        while !Task.isCancelled {
            progress.moved(.uplink, "commands", at: clock.monotonicNow())
            switch await client.commands(after: position, notNow: notNow) {
            case .commands(let list):
                failurePause = Self.firstCommandPause
                let before = position
                position = await execute(list, after: position)
                // Whoever gives the same again and again is not asked without end.
                if position == before, list.lastPosition != nil {
                    notNow = await site.notNow
                    await pause("commands", .seconds(1))
                } else {
                    notNow = nil
                }
            case .failed(let reason):
                note(problem: reason)
                await pause("commands", .milliseconds(Int64.random(in: 0...failurePause.wholeMilliseconds)))
                failurePause = min(failurePause * 2, Self.longestCommandPause)
            }
        }
    }

    /// - Returns: the position after which commands are to be asked for.
    private func execute(_ list: CommandList, after position: Int64) async -> Int64 {
        for unreadable in list.unreadable { await site.note(unreadable: unreadable) }
        for command in list.commands where await site.execute(command) == nil {
            // It could not be kept, so it was not taken: ask for it again.
            return max(position, command.position - 1)
        }
        return max(position, list.lastPosition ?? position)
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
        if let problem = client.certificateProblem { note(problem: problem.description) }
        let ledger = await site.queued(for: Self.consumer)
        let readings = await telemetry.queued(for: Self.consumer)
        state.withLock { ($0.ledgerQueued, $0.telemetryQueued) = (ledger, readings) }
    }
}
