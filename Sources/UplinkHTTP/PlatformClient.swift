private import AsyncHTTPClient
private import Foundation
private import Metering
private import NIOCore
private import NIOHTTP1
internal import NIOSSL
public import UplinkProtocol

/// Where the platform is and how the gateway proves who it is.
public struct PlatformAddress: Hashable, Sendable {
    public enum MinimumTLS: String, Hashable, Sendable, CaseIterable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// `https://host:port`, without a path.
    public let url: String
    /// PEM: the only authority that is believed.
    public let authorityPath: String
    /// PEM: the gateway's certificate, with its chain.
    public let certificatePath: String
    /// PEM
    public let keyPath: String
    public let minimumTLS: MinimumTLS

    public init(
        url: String, authorityPath: String, certificatePath: String, keyPath: String, minimumTLS: MinimumTLS
    ) {
        self.url = url
        self.authorityPath = authorityPath
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.minimumTLS = minimumTLS
    }
}

/// Why the way upstream cannot be set up: which file, and what to do.
public struct UplinkSetupError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String
    public let remedy: String

    public var description: String { "\(path): \(reason); \(remedy)" }
}

/// What asking for commands brought.
public enum CommandsOutcome: Hashable, Sendable {
    /// In the order of their positions; empty when the wait was over.
    case commands([Command])
    case failed(String)
}

/// Speaks the uplink protocol over HTTPS with a client certificate. Batches and commands have clients,
/// and so connections, of their own: a clogged upload does not delay a recharge.
public struct PlatformClient: Sendable {
    private let base: String
    private let gateway: String
    private let batches: HTTPClient
    private let commands: HTTPClient

    private static let uploadTimeout = TimeAmount.seconds(30)
    /// How long the platform is asked to hold the line while it has no command.
    public static let commandWaitSeconds = 25
    private static let largestAnswer = 1024 * 1024

    /// Checks the address and reads the certificates without connecting.
    public static func check(_ address: PlatformAddress) throws(UplinkSetupError) { _ = try tls(address) }

    /// Reads the certificates; nothing is connected yet.
    public init(address: PlatformAddress, gateway: String) throws(UplinkSetupError) {
        base = address.url.hasSuffix("/") ? String(address.url.dropLast()) : address.url
        self.gateway = gateway
        let tls = try Self.tls(address)
        func client(readTimeout: TimeAmount) -> HTTPClient {
            var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
            configuration.timeout = .init(connect: .seconds(10), read: readTimeout)
            configuration.redirectConfiguration = .disallow
            configuration.httpVersion = .http1Only
            // The session backs off by itself, and wants to know why at once.
            configuration.connectionPool.retryConnectionEstablishment = false
            return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        }
        batches = client(readTimeout: Self.uploadTimeout)
        commands = client(readTimeout: .seconds(Int64(Self.commandWaitSeconds) + 10))
    }

    public func shutdown() async {
        try? await batches.shutdown()
        try? await commands.shutdown()
    }

    /// Sends a batch once.
    public func send(_ batch: Batch) async -> SendOutcome {
        var request = HTTPClientRequest(url: "\(base)/v1/gateways/\(gateway)/batches")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Idempotency-Key", value: batch.idempotencyKey)
        // RFC 9530, 2
        let digest = Data(ChainHash.of(batch.bytes).bytes).base64EncodedString()
        request.headers.add(name: "Content-Digest", value: "sha-256=:\(digest):")
        request.body = .bytes(batch.bytes)
        do {
            let response = try await batches.execute(request, timeout: Self.uploadTimeout)
            let status = Int(response.status.code)
            guard (200..<300).contains(status) else {
                let wall = WallTime(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))
                let pause = response.headers.first(name: "Retry-After").flatMap { RetryAfter.pause($0, now: wall) }
                return .status(status, retryAfter: pause)
            }
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            guard let answer = try? Acknowledgement(bytes: Array(body.readableBytesView), answering: batch) else {
                return .invalidAnswer
            }
            return .acknowledged(answer)
        } catch {
            return .noAnswer(Self.explain(error))
        }
    }

    /// Asks for the commands after a position; returns when there are some, or when the wait is over.
    public func commands(after position: Int64) async -> CommandsOutcome {
        let query = "after=\(position)&wait=\(Self.commandWaitSeconds)"
        let request = HTTPClientRequest(url: "\(base)/v1/gateways/\(gateway)/commands?\(query)")
        do {
            let response = try await commands.execute(
                request, timeout: .seconds(Int64(Self.commandWaitSeconds) + 10))
            guard response.status == .ok else { return .failed("the platform answered \(response.status.code)") }
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            return Self.read(Array(body.readableBytesView))
        } catch {
            return .failed(Self.explain(error))
        }
    }

    private static func read(_ bytes: [UInt8]) -> CommandsOutcome {
        do {
            var reader = try ObjectReader(try StrictJSON.parse(bytes), name: "commands")
            guard let values = try reader.value("commands").array else { return .failed("'commands' is no list") }
            var commands: [Command] = []
            for value in values { commands.append(try Command(json: value)) }
            return .commands(commands.sorted { $0.position < $1.position })
        } catch {
            return .failed("the answer is no list of commands: \(error)")
        }
    }

    private static func tls(_ address: PlatformAddress) throws(UplinkSetupError) -> TLSConfiguration {
        guard address.url.hasPrefix("https://"), let url = URL(string: address.url), url.host() != nil else {
            throw UplinkSetupError(
                path: address.url, reason: "is no HTTPS address",
                remedy: "write 'url' like https://platform.example:8443")
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        // The library's own default is TLS 1.0.
        tls.minimumTLSVersion = address.minimumTLS == .v13 ? .tlsv13 : .tlsv12
        tls.certificateVerification = .fullVerification
        tls.trustRoots = .certificates(
            try load(address.authorityPath, "ask the platform for its CA certificate") {
                try NIOSSLCertificate.fromPEMFile($0)
            })
        tls.certificateChain = try load(address.certificatePath, "enrol the gateway to get its certificate") {
            try NIOSSLCertificate.fromPEMFile($0).map { .certificate($0) }
        }
        tls.privateKey = .privateKey(
            try load(address.keyPath, "enrol the gateway again, the key cannot be recovered") {
                try NIOSSLPrivateKey(file: $0, format: .pem)
            })
        return tls
    }

    private static func load<Value>(
        _ path: String, _ remedy: String, _ read: (String) throws -> Value
    ) throws(UplinkSetupError) -> Value {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw UplinkSetupError(
                path: path, reason: "is missing or may not be read",
                remedy: "correct the path under 'uplink', or \(remedy)")
        }
        do { return try read(path) } catch {
            throw UplinkSetupError(path: path, reason: "is not in PEM form (\(error))", remedy: remedy)
        }
    }

    private static func explain(_ error: any Error) -> String {
        String(String(describing: error).prefix(200))
    }
}
