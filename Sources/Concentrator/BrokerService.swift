internal import Logging
internal import Metering
internal import Storage
private import Synchronization
internal import UplinkMQTT
internal import UplinkProtocol

/// Brings both logs to an MQTT broker and takes commands from it. Readings go live first, as they do in a push;
/// each loop has one group of messages under way.
final class BrokerService: Sendable {
    private let client: BrokerClient
    private let topics: BrokerTopics
    private let gateway: GatewayID
    private let site: SiteService
    private let clerk: LedgerClerk
    private let telemetry: TelemetryService
    private let ledgerEpoch: String
    private let outgoing: OutgoingTelemetry
    private let bells: LogBells
    private let logger: Logger
    /// What each log held when the connection came up: everything up to there is history.
    private let historyEnds = Mutex<[Log: Int64]>([:])

    /// The consumer whose cursors these loops move.
    static let consumer = "mqtt"
    private static let groupRecords = 100

    init(
        client: BrokerClient, topics: BrokerTopics, gateway: GatewayID, site: SiteService, clerk: LedgerClerk,
        telemetry: TelemetryService, ledgerEpoch: String, bells: LogBells, logger: Logger
    ) {
        self.client = client
        self.topics = topics
        self.gateway = gateway
        self.site = site
        self.clerk = clerk
        self.telemetry = telemetry
        self.ledgerEpoch = ledgerEpoch
        self.bells = bells
        self.logger = logger
        outgoing = OutgoingTelemetry(telemetry: telemetry, consumer: Self.consumer, batchRecords: Self.groupRecords)
    }

    /// Runs until the task is cancelled.
    func run() async {
        await noteHistory()
        client.start()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sendLedger() }
            group.addTask { await self.sendTelemetry(isLive: false) }
            group.addTask { await self.sendTelemetry(isLive: true) }
            group.addTask { await self.takeEvents() }
            await withTaskCancellationHandler {
                await group.waitForAll()
            } onCancel: {
                client.stop()
            }
        }
    }

    private func takeEvents() async {
        for await event in client.events {
            switch event {
            case .connected:
                logger.info("the broker is connected")
                await noteHistory()
                await giveBirth()
            case .disconnected(let reason):
                logger.warning("the broker is not connected; records wait", metadata: ["reason": "\(reason)"])
            case .command(let bytes): await take(bytes)
            }
        }
    }

    private func noteHistory() async {
        let ledger = (try? await site.chainHead().sequence) ?? 0
        let readings = await telemetry.lastSequence()
        historyEnds.withLock { $0 = [.ledger: ledger, .telemetry: readings] }
    }

    private func giveBirth() async {
        let birth = JSONValue.object([
            "state": .string("online"), "version": .integer(uplinkProtocolVersion),
            "gateway": .string(gateway.rawValue), "ledger_epoch": .string(ledgerEpoch),
            "telemetry_epoch": .string(telemetry.epoch),
        ])
        _ = await client.deliver([
            BrokerMessage(topic: topics.state, bytes: birth.canonicalBytes(), isRetained: true)
        ])
    }

    /// One record, with what makes its key.
    private func message(_ log: Log, epoch: String, sequence: Int64, record: JSONValue) -> BrokerMessage {
        let isHistorical = historyEnds.withLock { sequence <= $0[log] ?? 0 }
        let json = JSONValue.object([
            "gateway": .string(gateway.rawValue), "epoch": .string(epoch), "log": .string(log.rawValue),
            "is_historical": .boolean(isHistorical), "record": record,
        ])
        return BrokerMessage(
            topic: log == .ledger ? topics.ledger : topics.telemetry, bytes: json.canonicalBytes())
    }

    private func sendLedger() async {
        while !Task.isCancelled {
            let heard = bells.ledger.rings
            do throws(StorageError) {
                let (records, _) = try await site.unsentRecords(
                    for: Self.consumer, limit: Self.groupRecords, from: clerk)
                if let last = records.last {
                    let messages = records.map {
                        message(.ledger, epoch: ledgerEpoch, sequence: $0.sequence, record: $0.json)
                    }
                    guard await client.deliver(messages) else {
                        await rest()
                        continue
                    }
                    try await site.advance(Self.consumer, through: last.sequence)
                    continue
                }
            } catch { complain(error) }
            await bells.ledger.wait(after: heard, longest: .seconds(5))
        }
    }

    private func sendTelemetry(isLive: Bool) async {
        while !Task.isCancelled {
            let bell = isLive && !outgoing.isLive ? outgoing.opened : bells.telemetry
            let heard = bell.rings
            do throws(StorageError) {
                let entries =
                    isLive
                    ? try await outgoing.live(limit: Self.groupRecords)
                    : try await outgoing.backlog(limit: Self.groupRecords)
                let records = entries.map(\.record)
                if let last = records.last {
                    let messages = records.map {
                        message(.telemetry, epoch: telemetry.epoch, sequence: $0.sequence, record: $0.json)
                    }
                    guard await client.deliver(messages) else {
                        await rest()
                        continue
                    }
                    if isLive {
                        try await outgoing.acknowledgedLive(through: last.sequence)
                    } else {
                        try await outgoing.acknowledgedBacklog(through: last.sequence)
                    }
                    continue
                }
            } catch { complain(error) }
            await bell.wait(after: heard, longest: .seconds(5))
        }
    }

    /// Executes a command as one that was asked for by long poll. Positions are the long poll's own.
    private func take(_ bytes: [UInt8]) async {
        do {
            guard var members = try StrictJSON.parse(bytes).object else {
                throw FieldProblem(field: "command", reason: "is not an object")
            }
            members["position"] = .integer(0)
            let command = try Command(json: .object(members))
            let answer: JSONValue
            if let result = await site.execute(command) {
                answer = result.json
            } else {
                // Nothing of it is kept: it is to come again.
                answer = .object([
                    "id": .string(command.id), "kind": .string(command.kind), "state": .string("not_now"),
                    "outcome": .string(await site.notNow ?? "ledger_unusable"), "detail": .object([:]),
                ])
            }
            _ = await client.deliver([BrokerMessage(topic: topics.results, bytes: answer.canonicalBytes())])
        } catch {
            logger.warning("a message of the broker is no command", metadata: ["reason": "\(error)"])
        }
    }

    private func complain(_ error: StorageError) {
        logger.error("records for the broker cannot be read or noted", metadata: ["reason": "\(error)"])
    }

    private func rest() async { try? await Task.sleep(for: .seconds(1)) }
}
