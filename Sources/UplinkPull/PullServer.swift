internal import Foundation
internal import HTTPTypes
public import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
public import Logging
internal import Metering
internal import NIOCore
internal import NIOSSL
internal import ServiceLifecycle
internal import UplinkProtocol

/// A request with the certificate of its connection.
struct PullContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any NIOCore.Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// The gateway's own HTTPS endpoint for platforms that fetch: `docs/openapi.yaml` is its contract.
public struct PullServer: Sendable {
    private let source: any PullSource
    private let address: PullAddress
    private let tls: TLSConfiguration
    private let names: [[UInt8]: String]
    private let patience: PullPatience

    public static let mostRecords = 5_000
    public static let longestWaitSeconds: Int64 = 60
    /// About the most that one answer holds before it is sent.
    private static let largestAnswer = 4 * 1024 * 1024
    /// Connections at a time, those being refused included.
    private static let mostConnections = 64
    /// Those of them that have shown no certificate.
    private static let mostHandshakes = 32

    /// Reads the certificates; nothing listens yet.
    public init(
        address: PullAddress, source: any PullSource, patience: PullPatience = .usual
    ) throws(PullSetupError) {
        self.address = address
        self.source = source
        self.patience = patience
        tls = try address.tls()
        names = try address.consumersByCertificate()
    }

    /// - Parameter onReady: called with the port when the server listens.
    public func application(
        logger: Logger, onReady: @escaping @Sendable (Int) -> Void
    ) throws -> some ApplicationProtocol {
        let router = Router(context: PullContext.self)
        router.get("/v1/gateways/:gateway/logs") { _, context in
            try await answering(context) { consumer in try await logs(consumer) }
        }
        router.get("/v1/gateways/:gateway/logs/:log") { request, context in
            try await answering(context) { consumer in try await records(request, context, consumer) }
        }
        router.post("/v1/gateways/:gateway/logs/:log/cursor") { request, context in
            try await answering(context) { consumer in try await acknowledge(request, context, consumer) }
        }
        let handshakes = Handshakes(most: Self.mostHandshakes)
        let connections = HTTP1Channel.Configuration(
            additionalChannelHandlers: [HandshakeGuard(handshakes, patience: patience.handshake)],
            idleTimeout: TimeAmount(patience.idle))
        return Application(
            router: router, server: try .tls(.http1(configuration: connections), tlsConfiguration: tls),
            configuration: .init(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections)),
            onServerRunning: { channel in onReady(channel.localAddress?.port ?? 0) }, logger: logger)
    }

    /// Listens until the task is cancelled.
    public func run(logger: Logger, onReady: @escaping @Sendable (Int) -> Void) async throws {
        try await application(logger: logger, onReady: onReady).run()
    }

    /// Answers a registered consumer that asks for this gateway; everything else is refused in words.
    private func answering(
        _ context: PullContext, _ answer: (String) async throws -> Response
    ) async throws -> Response {
        do {
            let certificate = try await context.channel.nioSSL_peerCertificate().get()
            guard let certificate, let consumer = names[try certificate.toDERBytes()] else {
                throw PullRefusal(.forbidden, "this certificate is not registered; add it under 'pull.consumers'")
            }
            let name = context.parameters.get("gateway") ?? ""
            guard name == source.gateway.rawValue else {
                throw PullRefusal(.notFound, "this is gateway '\(source.gateway)', not '\(name)'")
            }
            return try await answer(consumer)
        } catch let refusal as PullRefusal {
            return refusal.response
        } catch let problem as FieldProblem {
            return PullRefusal(.badRequest, problem.description).response
        } catch let problem as JSONProblem {
            return PullRefusal(.badRequest, problem.description).response
        } catch let problem as PullProblem {
            return PullRefusal(.serviceUnavailable, problem.reason, headers: [.retryAfter: "5"]).response
        }
    }

    private func log(_ context: PullContext) throws(PullRefusal) -> UplinkProtocol.Log {
        let name = context.parameters.get("log") ?? ""
        guard let log = UplinkProtocol.Log(rawValue: name) else {
            throw PullRefusal(.notFound, "there is no log '\(name)': ask for ledger or telemetry")
        }
        return log
    }

    private func logs(_ consumer: String) async throws -> Response {
        var logs: [JSONValue] = []
        for log in UplinkProtocol.Log.allCases {
            let known = try await source.log(log, for: consumer)
            logs.append(
                .object([
                    "log": .string(log.rawValue), "epoch": .string(known.epoch), "last": .integer(known.last),
                    "acknowledged": .integer(known.acknowledged),
                ]))
        }
        return Self.answer(.ok, .object(["gateway": .string(source.gateway.rawValue), "logs": .array(logs)]))
    }

    private func records(_ request: Request, _ context: PullContext, _ consumer: String) async throws -> Response {
        let log = try log(context)
        let query = try PullQuery(request, of: log)
        let known = try await source.log(log, for: consumer)
        if let epoch = query.epoch, epoch != known.epoch {
            return Self.gone("the log began anew: its epoch is \(known.epoch)", epoch: known.epoch, oldest: 0)
        }
        if let asked = query.cursor, asked > known.last {
            return Self.gone(
                "the log ends with record \(known.last): \(asked) is of another epoch, or was never given out",
                epoch: known.epoch, oldest: min(known.acknowledged, known.last))
        }
        let cursor = query.cursor ?? known.acknowledged
        var page = try await source.page(
            of: log, after: cursor, limit: query.limit, byteLimit: Self.largestAnswer)
        if page.isEmpty, query.wait > 0 {
            await cancelWhenGracefulShutdown {
                await source.waitForMore(of: log, than: cursor, seconds: query.wait)
            }
            page = try await source.page(
                of: log, after: cursor, limit: query.limit, byteLimit: Self.largestAnswer)
        }
        if let oldest = page.oldestCursor(asked: cursor) {
            return Self.gone("records after \(cursor) were evicted", epoch: known.epoch, oldest: oldest)
        }
        let head = try await source.chainHead()
        let form: BatchForm = query.type == .columns ? .columns : .records
        guard let batch = page.batch(gateway: source.gateway, epoch: known.epoch, chainHead: head, form: form) else {
            return Response(status: .noContent)
        }
        return query.type == .lines ? Self.lines(batch) : Self.body(.ok, query.type.name, batch.bytes)
    }

    /// One record a line, each in the bytes that are hashed and pushed; the rest of the batch as header fields.
    private static func lines(_ batch: Batch) -> Response {
        var bytes: [UInt8] = []
        for record in batch.records {
            bytes += record.canonicalBytes()
            bytes.append(UInt8(ascii: "\n"))
        }
        var response = body(.ok, "application/x-ndjson", bytes)
        for (name, value) in [
            ("Meterkeep-Epoch", batch.epoch), ("Meterkeep-First", String(batch.first)),
            ("Meterkeep-Last", String(batch.last)),
            ("Meterkeep-Chain-Head", "\(batch.chainHead.sequence) \(batch.chainHead.hash)"),
        ] {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
    }

    private func acknowledge(_ request: Request, _ context: PullContext, _ consumer: String) async throws -> Response {
        let log = try log(context)
        let bytes: [UInt8]
        do { bytes = Array(try await request.body.collect(upTo: 4096).readableBytesView) } catch {
            throw PullRefusal(.contentTooLarge, "an acknowledgement has at most 4096 bytes")
        }
        var reader = try ObjectReader(try StrictJSON.parse(bytes), name: "acknowledgement")
        let epoch = try reader.text("epoch", longest: 64)
        let through = try reader.integer("through")
        try reader.finish()
        let known = try await source.log(log, for: consumer)
        guard epoch == known.epoch else {
            throw PullRefusal(.conflict, "the log's epoch is \(known.epoch), not \(epoch)")
        }
        guard (0...known.last).contains(through) else {
            throw PullRefusal(.conflict, "the log ends with record \(known.last); \(through) was never given out")
        }
        try await source.acknowledge(log, through: through, for: consumer)
        let now = try await source.log(log, for: consumer)
        return Self.answer(
            .ok, Acknowledgement(gateway: source.gateway, epoch: epoch, log: log, through: now.acknowledged).json)
    }

    private static func gone(_ what: String, epoch: String, oldest: Int64) -> Response {
        answer(
            .gone, .object(["error": .string(what), "epoch": .string(epoch), "oldest_cursor": .integer(oldest)]))
    }

    static func answer(_ status: HTTPResponse.Status, _ json: JSONValue) -> Response {
        body(status, "application/json", json.canonicalBytes())
    }

    private static func body(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) -> Response {
        Response(status: status, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
