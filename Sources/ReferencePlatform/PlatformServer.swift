internal import Compression
internal import Foundation
internal import HTTPTypes
public import Hummingbird
internal import HummingbirdTLS
public import Logging
public import Metering
internal import NIOCore
public import NIOSSL
public import Prepaid
internal import ServiceLifecycle
internal import SwiftASN1
public import UplinkProtocol
internal import X509

/// A request with the name in the client certificate of its connection.
struct PlatformContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any NIOCore.Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// The common name of the verified client certificate.
    func clientName() async throws -> String {
        guard let certificate = try await channel.nioSSL_peerCertificate().get() else {
            throw HTTPError(.forbidden, message: "no client certificate")
        }
        let parsed = try Certificate(derEncoded: try certificate.toDERBytes())
        for part in parsed.subject {
            for attribute in part where attribute.type == .RDNAttributeType.commonName {
                return String(describing: attribute.value)
            }
        }
        throw HTTPError(.forbidden, message: "the client certificate has no common name")
    }
}

/// The gateways' side of the platform: the protocol of `docs/uplink.md` over mutual TLS.
public struct PlatformServer: Sendable {
    let store: PlatformStore
    let bell: CommandBell
    /// Makes certificates for gateways; nil: nobody is enrolled here.
    let office: CertificateOffice?
    /// What the platform is to do wrong.
    public let faults = FaultSwitch()

    /// Batches above this are answered with 413.
    static let largestBatch = 4 * 1024 * 1024
    /// How long a command request is held at most.
    static let longestWaitSeconds: Int64 = 60

    public init(store: PlatformStore, office: CertificateOffice? = nil) {
        self.store = store
        self.office = office
        bell = CommandBell()
    }

    /// - Parameter onReady: called with the port when the server listens.
    public func application(
        tls: TLSConfiguration, host: String, port: Int, logger: Logger, onReady: @escaping @Sendable (Int) -> Void
    ) throws -> some ApplicationProtocol {
        let router = Router(context: PlatformContext.self)
        router.post("/v1/gateways/:gateway/batches") { request, context in
            try await faults.applied(to: .batches, context.channel) { try await takeBatch(request, context) }
        }
        router.get("/v1/gateways/:gateway/commands") { request, context in
            try await faults.applied(to: .commands, context.channel) { try await giveCommands(request, context) }
        }
        router.post("/v1/gateways/:gateway/renew") { request, context in
            try await faults.applied(to: .enrolments, context.channel) {
                try await renew(request, as: try await gateway(context))
            }
        }
        return Application(
            router: router, server: try .tls(.http1(), tlsConfiguration: tls),
            configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in onReady(channel.localAddress?.port ?? 0) }, logger: logger)
    }

    /// The server's TLS: 1.2 and later, a client certificate from our authority or no connection.
    public static func tls(authorityPath: String, certificatePath: String, keyPath: String) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificatePath).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: keyPath, format: .pem)))
        tls.minimumTLSVersion = .tlsv12
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorityPath))
        tls.certificateVerification = .noHostnameVerification
        return tls
    }

    /// Queues a recharge and wakes the gateway's long poll. See `PlatformStore.issue`.
    public func issue(
        _ sale: (account: AccountID, customerNumber: String, issuer: String, amount: Money), number: Int64?,
        gateway: GatewayID, id: String
    ) throws {
        try store.issue(sale, number: number, gateway: gateway, id: id)
        bell.ring(gateway)
    }

    /// Queues a command and wakes the gateway's long poll. See `PlatformStore.issue`.
    public func issue(_ command: JSONValue, gateway: GatewayID) throws {
        try store.issue(command, gateway: gateway)
        bell.ring(gateway)
    }

    /// A gateway may speak for itself only.
    private func gateway(_ context: PlatformContext) async throws -> GatewayID {
        let name = context.parameters.get("gateway") ?? ""
        guard let gateway = GatewayID(rawValue: name) else {
            throw HTTPError(.badRequest, message: "'\(name)' is no gateway's name")
        }
        guard try await context.clientName() == name else {
            throw HTTPError(.forbidden, message: "the client certificate is not that of gateway '\(name)'")
        }
        return gateway
    }

    private func takeBatch(_ request: Request, _ context: PlatformContext) async throws -> Response {
        let gateway = try await gateway(context)
        var bytes = Array(try await request.body.collect(upTo: Self.largestBatch).readableBytesView)
        if let name = HTTPField.Name("Content-Digest"), let digest = request.headers[name] {
            let expected = "sha-256=:\(Data(ChainHash.of(bytes).bytes).base64EncodedString()):"
            guard digest == expected else {
                throw HTTPError(.badRequest, message: "the body does not match its Content-Digest")
            }
        }
        switch request.headers[.contentEncoding] {
        case nil: break
        case "gzip": bytes = try Self.expand(bytes)
        case let other?:
            throw HTTPError(
                .unsupportedMediaType, headers: [.acceptEncoding: "gzip"],
                message: "bodies are taken as they are or with gzip, not \(other)")
        }
        do {
            if faults.poisons(bytes) { throw BatchProblem.malformed("a fault was asked for") }
            let batch = try Batch(bytes: bytes)
            guard batch.form.contentType == request.headers[.contentType] else {
                throw BatchProblem.malformed("the Content-Type is not that of the batch's version")
            }
            guard batch.gateway == gateway else { throw BatchProblem.malformed("the batch is of another gateway") }
            return Self.answer(.ok, try store.take(batch, now: Self.now()).json)
        } catch let problem as FieldProblem {
            return Self.answer(.badRequest, .object(["error": .string(problem.description)]))
        } catch BatchProblem.malformed(let what) {
            return Self.answer(.badRequest, .object(["error": .string(what)]))
        } catch BatchProblem.doesNotFollow(let what) {
            context.logger.error("a batch does not follow", metadata: ["gateway": "\(gateway)", "what": "\(what)"])
            try store.noteFault(of: gateway, what, now: Self.now())
            return Self.answer(.conflict, .object(["error": .string(what)]))
        }
    }

    private static func expand(_ bytes: [UInt8]) throws -> [UInt8] {
        do { return try Gzip.expand(bytes, limit: largestBatch) } catch {
            switch error {
            case .malformed: throw HTTPError(.badRequest, message: error.description)
            case .tooLong: throw HTTPError(.contentTooLarge, message: error.description)
            }
        }
    }

    private func giveCommands(_ request: Request, _ context: PlatformContext) async throws -> Response {
        let gateway = try await gateway(context)
        let after = request.uri.queryParameters.get("after", as: Int64.self) ?? 0
        let asked = request.uri.queryParameters.get("wait", as: Int64.self) ?? 0
        let wait = min(max(asked, 0), Self.longestWaitSeconds)
        try store.note(
            notNow: request.uri.queryParameters.get("not_now").map { String($0.prefix(40)) }, of: gateway, after: after)
        let heard = bell.rings(for: gateway)
        var commands = try store.commands(for: gateway, after: after, now: Self.now())
        if commands.isEmpty, wait > 0 {
            // A stop of the platform ends the waiting, not the answering.
            await cancelWhenGracefulShutdown { await bell.wait(for: gateway, after: heard, seconds: wait) }
            commands = try store.commands(for: gateway, after: after, now: Self.now())
        }
        return Self.answer(.ok, .object(["commands": .array(commands)]))
    }

    static func now() -> WallTime {
        WallTime(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))
    }

    static func answer(_ status: HTTPResponse.Status, _ json: JSONValue) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json.canonicalBytes())))
    }
}
