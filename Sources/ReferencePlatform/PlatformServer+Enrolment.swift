internal import HTTPTypes
public import Hummingbird
internal import HummingbirdTLS
public import Logging
internal import Metering
internal import NIOCore
public import NIOSSL
internal import UplinkProtocol

/// The side for boxes that have no certificate yet: TLS with the platform's certificate alone.
extension PlatformServer {
    /// - Parameter onReady: called with the port when the server listens.
    public func enrolment(
        tls: TLSConfiguration, host: String, port: Int, logger: Logger, onReady: @escaping @Sendable (Int) -> Void
    ) throws -> some ApplicationProtocol {
        let router = Router(context: PlatformContext.self)
        router.get("/v1/authority") { _, _ in
            guard let office else { throw HTTPError(.notFound, message: "this platform enrols nobody") }
            return Self.answer(.ok, .object(["authority": .string(office.authority)]))
        }
        router.post("/v1/enrol") { request, context in
            try await faults.applied(to: .enrolments, context.channel) { try await enrol(request) }
        }
        return Application(
            router: router, server: try .tls(.http1(), tlsConfiguration: tls),
            configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in onReady(channel.localAddress?.port ?? 0) }, logger: logger)
    }

    /// TLS 1.2 and later, no client certificate.
    public static func enrolmentTLS(certificatePath: String, keyPath: String) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificatePath).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: keyPath, format: .pem)))
        tls.minimumTLSVersion = .tlsv12
        return tls
    }

    private func enrol(_ request: Request) async throws -> Response {
        try await answering(request) { json, office in
            let enrolment = try EnrolmentRequest(json: json)
            return try store.enrol(enrolment, office: office, now: Self.now())
        }
    }

    /// - Parameter gateway: as its certificate says.
    func renew(_ request: Request, as gateway: GatewayID) async throws -> Response {
        try await answering(request) { json, office in
            try store.renew(try RenewalRequest(json: json), gateway: gateway, office: office, now: Self.now())
        }
    }

    private func answering(
        _ request: Request, _ work: (JSONValue, CertificateOffice) throws -> IssuedIdentity
    ) async throws -> Response {
        guard let office else { throw HTTPError(.notFound, message: "this platform makes no certificates") }
        let bytes = Array(try await request.body.collect(upTo: 64 * 1024).readableBytesView)
        do {
            return Self.answer(.ok, try work(try StrictJSON.parse(bytes), office).json)
        } catch let refusal as PairingRefusal {
            var response = Self.answer(
                refusal.status,
                .object(["refusal": .string(refusal.rawValue), "error": .string(refusal.remedy)]))
            if refusal == .tooManyAttempts { response.headers[.retryAfter] = "60" }
            return response
        } catch let problem as FieldProblem {
            return Self.answer(.badRequest, .object(["error": .string(problem.description)]))
        } catch let problem as JSONProblem {
            return Self.answer(.badRequest, .object(["error": .string(problem.description)]))
        }
    }
}

extension PairingRefusal {
    /// How it is answered over HTTP.
    var status: HTTPResponse.Status {
        switch self {
        case .tooManyAttempts: .tooManyRequests
        case .unknownCode, .wrongGateway: .forbidden
        case .usedCode: .conflict
        case .expiredCode: .gone
        case .badRequest: .badRequest
        }
    }
}
