internal import Logging
internal import Metering
internal import Storage
internal import Synchronization
internal import UplinkHTTP
internal import UplinkProtocol

/// Sends both logs to the platform and takes its commands: loops that do not wait for one another.
final class UplinkService: Sendable {
    /// What has an upload loop, and so a connection, of its own.
    enum Lane: String, CaseIterable {
        case ledger = "ledger upload"
        case telemetry = "telemetry upload"
        /// Live readings, while the loop above sends what an outage left behind.
        case live = "live upload"

        var log: Log { self == .ledger ? .ledger : .telemetry }
    }

    let client: PlatformClient
    let gateway: GatewayID
    let site: SiteService
    private let clerk: LedgerClerk
    let telemetry: TelemetryService
    let ledgerEpoch: String
    private let batchRecords: Int
    private let bells: LogBells
    private let outgoing: OutgoingTelemetry
    private let clock: GatewayClock
    private let progress: Progress
    let logger: Logger
    private let renewal: RenewalService?
    let state = Mutex(State())

    /// The consumer whose cursors these loops move.
    static let consumer = "push"
    /// Batches that are made or under way behind the one that is waited for: one is made while another travels and a
    /// third is being written by the platform.
    private static let mostAhead = 2
    private static let firstCommandPause: Duration = .milliseconds(500)
    private static let longestCommandPause: Duration = .seconds(30)

    init(
        client: PlatformClient, gateway: GatewayID, site: SiteService, clerk: LedgerClerk, telemetry: TelemetryService,
        ledgerEpoch: String, batchRecords: Int, bells: LogBells, clock: GatewayClock, progress: Progress,
        logger: Logger,
        renewal: RenewalService? = nil
    ) {
        self.renewal = renewal
        self.client = client
        self.gateway = gateway
        self.site = site
        self.clerk = clerk
        self.telemetry = telemetry
        self.ledgerEpoch = ledgerEpoch
        self.batchRecords = batchRecords
        self.bells = bells
        outgoing = OutgoingTelemetry(telemetry: telemetry, consumer: Self.consumer, batchRecords: batchRecords)
        self.clock = clock
        self.progress = progress
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for lane in Lane.allCases { group.addTask { await self.push(lane) } }
            group.addTask { await self.takeCommands() }
            group.addTask { await self.keepOffering() }
            if let renewal { group.addTask { await renewal.run() } }
            await group.waitForAll()
        }
        await client.shutdown()
    }

    private func push(_ lane: Lane) async {
        var session = UplinkSession(fullBatch: batchRecords)
        var generator = SystemRandomNumberGenerator()
        var frozen: PlatformClient.Packed?
        var ahead: [BatchAhead] = []
        while !Task.isCancelled {
            progress.moved(.uplink, lane.rawValue, at: clock.monotonicNow())
            let heard = bell(lane).rings
            let rewinds = rewindCount
            let following = ahead.isEmpty ? nil : ahead.removeFirst()
            if frozen == nil { frozen = await following?.made.value }
            // Where nothing was made, nothing was behind it.
            if frozen == nil { await cancel(&ahead) }
            do {
                if frozen == nil { frozen = try await nextBatch(of: lane, limit: session.batchLimit) }
            } catch {
                note(problem: error.description)
            }
            guard let packed = frozen else {
                await bell(lane).wait(after: heard, longest: .seconds(1))
                continue
            }
            if lane == .telemetry { sendAhead(&ahead, of: packed, limit: session.batchLimit) }
            let outcome = await outcome(of: packed, sentAs: following)
            let action = session.record(outcome, of: packed.batch, using: &generator)
            note(outcome, of: lane, condition: session.condition)
            var isThrough = false
            switch action {
            case .advance(let through, let refused):
                do {
                    try await advance(lane, batch: packed.batch, through: through, refused: refused)
                    (frozen, isThrough) = (nil, true)
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
            case .retry(let pauseLength):
                let hasRewound = { lane == .ledger && self.rewindCount != rewinds }
                await pause(lane.rawValue, pauseLength, unless: hasRewound)
                // What was frozen is no longer what is to be sent next.
                if hasRewound() { frozen = nil }
            }
            // Whether the platform got them or not: they are sent again when their turn comes.
            if !isThrough { await cancel(&ahead) }
        }
        await cancel(&ahead)
    }

    private func outcome(of packed: PlatformClient.Packed, sentAs ahead: BatchAhead?) async -> SendOutcome {
        if let outcome = await ahead?.outcome { return outcome }
        return await client.send(packed)
    }

    /// Of a backlog the next batches are made and sent while one is under way.
    private func sendAhead(_ ahead: inout [BatchAhead], of sent: PlatformClient.Packed, limit: Int) {
        while ahead.count < Self.mostAhead {
            let before = ahead.last?.made
            ahead.append(
                BatchAhead(client: client) {
                    // A batch that was not full was the last one for now.
                    let packed = if let before { await before.value } else { PlatformClient.Packed?.some(sent) }
                    guard let batch = packed?.batch, batch.count > limit / 2, !Task.isCancelled else { return nil }
                    do throws(StorageError) {
                        return try await self.packed(try await self.outgoing.backlog(limit: limit, behind: batch.last))
                    } catch {
                        self.note(problem: error.description)
                        return nil
                    }
                })
        }
    }

    private func cancel(_ ahead: inout [BatchAhead]) async {
        for batch in ahead { await batch.cancel() }
        ahead = []
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
            let (records, head) = try await site.unsentRecords(for: Self.consumer, limit: limit, from: clerk)
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

    private func advance(
        _ lane: Lane, batch: Batch, through: Int64, refused: [Refusal]
    ) async throws(StorageError) {
        switch lane {
        case .ledger:
            let withheld = batch.withheldReason.map { [Refusal(sequence: batch.last, reason: $0)] } ?? refused
            try await site.advance(Self.consumer, through: through, withheld: withheld)
            return
        case .telemetry: try await outgoing.acknowledgedBacklog(through: through)
        case .live: try await outgoing.acknowledgedLive(through: through)
        }
        state.withLock { $0.refusedReadings += Int64(refused.count) }
        await site.note(refused: refused)
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
            case .failed(let reason, let retryAfter):
                note(problem: reason)
                let jittered = Duration.milliseconds(Int64.random(in: 0...failurePause.wholeMilliseconds))
                await pause("commands", retryAfter.map(RetryAfter.honoured) ?? jittered)
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
    private func pause(_ loop: String, _ length: Duration, unless isOver: () -> Bool = { false }) async {
        let end = clock.monotonicNow() + length
        while !Task.isCancelled, !isOver(), case let left = end - clock.monotonicNow(), left > .zero {
            try? await Task.sleep(for: min(left, .seconds(1)))
            progress.moved(.uplink, loop, at: clock.monotonicNow())
        }
    }

    /// Sends the log again from a record on, to a platform that lost what it had.
    /// - Returns: whether it was acknowledged before.
    func sendAgain(from sequence: Int64) async throws(StorageError) -> Bool {
        guard try await site.rewind(Self.consumer, to: sequence) else { return false }
        state.withLock { $0.rewinds += 1 }
        bells.ledger.ring()
        return true
    }
}
