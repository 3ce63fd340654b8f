private import AsyncHTTPClient
private import Foundation
private import NIOCore
private import NIOHTTP1
private import NIOSSL
public import UplinkProtocol

/// Why a box was not enrolled: what, and what to do.
public enum EnrolmentProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case address(UplinkSetupError)
    /// Nobody answered, or the line broke; whether the platform has taken the request is not known.
    case noAnswer(url: String, reason: String)
    /// Whoever answers is not the platform that the code names, or somebody is in between.
    case otherAuthority(url: String)
    case refused(PairingRefusal)
    /// Something answers that is no platform of this kind, or one that is out of order.
    case unexpected(url: String, what: String)

    public var description: String {
        switch self {
        case .address(let problem): problem.description
        case .noAnswer(let url, let reason):
            "\(url): no answer (\(reason)); check the address, the network and the box's clock, then give the same "
                + "command again: the same key and request are used, and an answer that was lost comes again"
        case .otherAuthority(let url):
            "\(url): what answers there is not the platform that made the pairing code; check the address. If it is "
                + "right, somebody is in between: give nothing away there"
        case .refused(let refusal): "the platform refused (\(refusal.rawValue)): \(refusal.remedy)"
        case .unexpected(let url, let what):
            "\(url): \(what); check that this is the platform's address for enrolment"
        }
    }
}

/// Enrols a box that has no certificate yet. What it sends before it knows the platform is a bare question: the
/// authority's certificate is fetched first and held against the pairing code; the secret goes only over a
/// connection that this authority vouches for, host name included.
public struct EnrolmentClient: Sendable {
    private let base: String
    private let proxy: HTTPClient.Configuration.Proxy?

    private static let timeout = TimeAmount.seconds(30)
    private static let largestAnswer = 64 * 1024

    /// - Parameter url: `https://host:port`
    public init(url: String, proxy: String? = nil) throws(EnrolmentProblem) {
        guard url.hasPrefix("https://"), let parsed = URL(string: url), parsed.host() != nil else {
            throw .address(
                UplinkSetupError(
                    path: url, reason: "is no HTTPS address",
                    remedy: "write '--platform' like https://platform.example:8444"))
        }
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        do { self.proxy = try PlatformAddress.proxyServer(proxy) } catch { throw .address(error) }
    }

    /// Fetches the platform's authority.
    /// - Returns: its certificate in PEM form, held against the code.
    public func authority(named code: PairingCode) async throws(EnrolmentProblem) -> String {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        // Nothing is sent here that must be kept secret, and nothing believed that the code does not name.
        tls.certificateVerification = .none
        let (status, bytes) = try await ask("/v1/authority", body: nil, tls: tls)
        guard status == 200, let text = try? StrictJSON.parse(bytes).object?["authority"]?.string else {
            throw .unexpected(url: base, what: "it answers \(status) to the question for its authority")
        }
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)) else {
            throw .unexpected(url: base, what: "its authority's certificate cannot be read")
        }
        for certificate in certificates {
            guard let der = try? certificate.toDERBytes(), code.names(authority: der) else { continue }
            return Self.pem(der)
        }
        throw .otherAuthority(url: base)
    }

    /// Sends the request once.
    /// - Parameter authority: PEM: what the platform's certificate must be signed with.
    public func enrol(
        _ request: EnrolmentRequest, authority: String
    ) async throws(EnrolmentProblem) -> IssuedIdentity {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.certificateVerification = .fullVerification
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)) else {
            throw .otherAuthority(url: base)
        }
        tls.trustRoots = .certificates(certificates)
        let (status, bytes) = try await ask("/v1/enrol", body: request.json, tls: tls)
        return try Self.issued(status, bytes, url: base)
    }

    static func issued(_ status: Int, _ bytes: [UInt8], url: String) throws(EnrolmentProblem) -> IssuedIdentity {
        let json = try? StrictJSON.parse(bytes)
        guard status == 200 else {
            if let refusal = json?.object?["refusal"]?.string.flatMap(PairingRefusal.init) { throw .refused(refusal) }
            throw .unexpected(url: url, what: "it answers \(status)")
        }
        guard let json, let issued = try? IssuedIdentity(json: json) else {
            throw .unexpected(url: url, what: "its answer holds no certificate")
        }
        return issued
    }

    private func ask(
        _ path: String, body: JSONValue?, tls: TLSConfiguration
    ) async throws(EnrolmentProblem) -> (Int, [UInt8]) {
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.proxy = proxy
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var request = HTTPClientRequest(url: base + path)
        if let body {
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(body.canonicalBytes())
        }
        do {
            let response = try await client.execute(request, timeout: Self.timeout)
            let bytes = Array(try await response.body.collect(upTo: Self.largestAnswer).readableBytesView)
            try? await client.shutdown()
            return (Int(response.status.code), bytes)
        } catch {
            try? await client.shutdown()
            throw .noAnswer(url: base, reason: PlatformClient.explain(error, dates: nil))
        }
    }

    private static func pem(_ der: [UInt8]) -> String {
        let text = Data(der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
        return "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n"
    }
}
