internal import Logging
internal import Metering
internal import Storage
internal import Synchronization
internal import UplinkMQTT
internal import UplinkProtocol

/// Brings both logs to an MQTT broker and takes commands from it. Readings go live first, as they do in a push;
/// each lane has one group of messages under way, and what a connection did not bring is made anew for the next one.
final class BrokerService: Sendable {
    /// A connection, and what each log held when it came up: everything up to there is history.
    struct Session {
        let connection: BrokerConnection
        let historyEnds: [Log: Int64]
    }

    let site: SiteService
    let telemetry: TelemetryService
    let state = Mutex(State())
    let logger: Logger
    /// Broker and port, for people.
    let place: String
    private let clerk: LedgerClerk
    private let client: BrokerClient
    private let topics: BrokerTopics
    private let gateway: GatewayID
    private let ledgerEpoch: String
    private let outgoing: OutgoingTelemetry
    private let bells: LogBells
    /// Rings with each connection, and with its end.
    private let linkChanged = Bell()

    /// The consumer whose cursors these loops move.
    static let consumer = "mqtt"
    private static let longestRest: Duration = .seconds(60)
    private static let pauseAfterFailure: Duration = .seconds(5)

    init(
        client: BrokerClient, address: BrokerAddress, gateway: GatewayID, site: SiteService, clerk: LedgerClerk,
        telemetry: TelemetryService, ledgerEpoch: String, bells: LogBells, logger: Logger
    ) {
        self.client = client
        place = "\(address.host):\(address.port)"
        topics = BrokerTopics(prefix: address.prefix, gateway: gateway.rawValue)
        self.gateway = gateway
        self.site = site
        self.clerk = clerk
        self.telemetry = telemetry
        self.ledgerEpoch = ledgerEpoch
        self.bells = bells
        self.logger = logger
        outgoing = OutgoingTelemetry(telemetry: telemetry, consumer: Self.consumer, batchRecords: LanePace().groupSize)
    }

    /// Runs until the task is cancelled.
    func run() async {
        client.start()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.followLink() }
            group.addTask { await self.sendState() }
            group.addTask { await self.sendLedger() }
            group.addTask { await self.sendTelemetry(isLive: false) }
            group.addTask { await self.sendTelemetry(isLive: true) }
            group.addTask { await self.sendResults() }
            group.addTask { for await bytes in self.client.commands { await self.take(bytes) } }
            await withTaskCancellationHandler {
                await group.waitForAll()
            } onCancel: {
                client.stop()
            }
        }
        // So that the last will of this one comes before the birth of the next.
        await client.end()
    }

    private func followLink() async {
        for await link in client.links {
            switch link {
            case .up(let connection, let refusal):
                note(refusal: refusal.map { (topics.commands, $0) }, of: topics.commands)
                // Told again where the broker has thought better of it.
                guard state.withLock({ $0.session?.connection != connection }) else { continue }
                let ledger = (try? await site.chainHead().sequence) ?? 0
                let readings = await telemetry.lastSequence()
                note(
                    session: Session(
                        connection: connection, historyEnds: [.ledger: ledger, .telemetry: readings]))
            case .down(let reason): note(down: reason)
            }
            linkChanged.ring()
        }
    }

    /// The connection there is, or the next one; nil when the task is cancelled.
    private func session(after last: BrokerConnection? = nil) async -> Session? {
        while !Task.isCancelled {
            let heard = linkChanged.rings
            if let session = state.withLock({ $0.session }), session.connection != last { return session }
            await linkChanged.wait(after: heard, longest: Self.longestRest)
        }
        return nil
    }

    /// Sends messages of one topic in order.
    /// - Returns: how many of the first the broker has. Where that is not all of them, a pause is over that grows.
    private func send(_ messages: [BrokerMessage], over session: Session, pace: inout LanePace) async -> Int {
        guard let topic = messages.first?.topic else { return 0 }
        let heard = linkChanged.rings
        let receipt = await client.deliver(messages, over: session.connection)
        switch receipt.problem {
        case nil:
            note(refusal: nil, of: topic)
            pace.taken()
        case .refused(let topic, let reason)?:
            note(refusal: (topic, reason), of: topic)
            await linkChanged.wait(after: heard, longest: pace.refused())
        // The next connection is another link; until then there is none to send over.
        case .cut?: await linkChanged.wait(after: heard, longest: LanePace.firstPause)
        }
        return receipt.acknowledged
    }

    private func sendState() async {
        let birth = JSONValue.object([
            "state": .string("online"), "version": .integer(uplinkProtocolVersion),
            "gateway": .string(gateway.rawValue), "ledger_epoch": .string(ledgerEpoch),
            "telemetry_epoch": .string(telemetry.epoch),
        ])
        let message = BrokerMessage(topic: topics.state, bytes: birth.canonicalBytes(), isRetained: true)
        var last: BrokerConnection?
        var pace = LanePace()
        while let session = await session(after: last) {
            if await send([message], over: session, pace: &pace) > 0 { last = session.connection }
        }
    }

    /// One record, with what makes its key.
    private func message(
        _ log: Log, epoch: String, sequence: Int64, record: JSONValue, over session: Session
    ) -> BrokerMessage {
        let json = JSONValue.object([
            "gateway": .string(gateway.rawValue), "epoch": .string(epoch), "log": .string(log.rawValue),
            "is_historical": .boolean(sequence <= session.historyEnds[log] ?? 0), "record": record,
        ])
        return BrokerMessage(
            topic: log == .ledger ? topics.ledger : topics.telemetry, bytes: json.canonicalBytes())
    }

    private func sendLedger() async {
        var pace = LanePace()
        while let session = await session() {
            let heard = bells.ledger.rings
            do throws(StorageError) {
                let (records, _) = try await site.unsentRecords(
                    for: Self.consumer, limit: pace.groupSize, from: clerk)
                if !records.isEmpty {
                    let messages = records.map {
                        message(.ledger, epoch: ledgerEpoch, sequence: $0.sequence, record: $0.json, over: session)
                    }
                    let sent = await send(messages, over: session, pace: &pace)
                    if let last = records.prefix(sent).last { await note(ledgerThrough: last.sequence) }
                    continue
                }
            } catch { complain(error) }
            await bells.ledger.wait(after: heard, longest: Self.pauseAfterFailure)
        }
    }

    /// Tries until it is kept: records whose cursor cannot move would be sent again and again.
    private func note(ledgerThrough sequence: Int64) async {
        while !Task.isCancelled {
            do throws(StorageError) { return try await site.advance(Self.consumer, through: sequence) } catch {
                complain(error)
            }
            try? await Task.sleep(for: Self.pauseAfterFailure)
        }
    }

    private func sendTelemetry(isLive: Bool) async {
        var pace = LanePace()
        while let session = await session() {
            let bell = isLive && !outgoing.isLive ? outgoing.opened : bells.telemetry
            let heard = bell.rings
            do throws(StorageError) {
                let entries =
                    isLive
                    ? try await outgoing.live(limit: pace.groupSize)
                    : try await outgoing.backlog(limit: pace.groupSize)
                let records = entries.map(\.record)
                if !records.isEmpty {
                    let messages = records.map {
                        message(
                            .telemetry, epoch: telemetry.epoch, sequence: $0.sequence, record: $0.json, over: session)
                    }
                    let sent = await send(messages, over: session, pace: &pace)
                    if let last = records.prefix(sent).last {
                        if isLive {
                            try await outgoing.acknowledgedLive(through: last.sequence)
                        } else {
                            try await outgoing.acknowledgedBacklog(through: last.sequence)
                        }
                    }
                    continue
                }
            } catch { complain(error) }
            await bell.wait(after: heard, longest: Self.pauseAfterFailure)
        }
    }

    private func sendResults() async {
        var pace = LanePace()
        while let session = await session() {
            let heard = site.brokerAnswers.added.rings
            let answers = site.brokerAnswers.first(pace.groupSize)
            if answers.isEmpty {
                await site.brokerAnswers.added.wait(after: heard, longest: Self.longestRest)
                continue
            }
            let messages = answers.map { BrokerMessage(topic: topics.results, bytes: $0.json.canonicalBytes()) }
            let sent = await send(messages, over: session, pace: &pace)
            if let last = answers.prefix(sent).last { site.brokerAnswers.remove(through: last.number) }
        }
    }

    /// Executes a command as one that was asked for by long poll. Positions are the long poll's own.
    private func take(_ bytes: [UInt8]) async {
        do {
            guard var members = try StrictJSON.parse(bytes).object else {
                throw FieldProblem(field: "command", reason: "is not an object")
            }
            members["position"] = .integer(0)
            await site.executeFromBroker(try Command(json: .object(members)))
        } catch {
            logger.warning("a message of the broker is no command", metadata: ["reason": "\(error)"])
        }
    }
}
