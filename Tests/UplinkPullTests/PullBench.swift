import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Metering
import NIOCore
import NIOHTTP1
import NIOSSL
import ReferencePlatform
import ServiceLifecycle
import Testing
import UplinkProtocol
import UplinkPull

/// An answer as it came.
struct Answer: Sendable {
    let status: Int
    let type: String?
    let headers: HTTPHeaders
    let bytes: [UInt8]

    var json: JSONValue { (try? StrictJSON.parse(bytes)) ?? .null }
}

/// The endpoint on a free port of the loopback, and clients of it.
struct PullBench {
    let source: TableSource
    let port: Int
    let folder: String

    /// - Parameter client: whose certificate is shown.
    func ask(
        _ method: HTTPMethod = .GET, _ path: String, accept: String? = nil, body: String? = nil,
        as client: String = "billing"
    ) async throws -> Answer {
        let tls = try tls(of: client)
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
        do {
            var request = HTTPClientRequest(url: "https://localhost:\(port)\(path)")
            request.method = method
            if let accept { request.headers.add(name: "Accept", value: accept) }
            if let body { request.body = .bytes(Array(body.utf8)) }
            let response = try await http.execute(request, timeout: .seconds(30))
            let bytes = Array(try await response.body.collect(upTo: 8 << 20).readableBytesView)
            try await http.shutdown()
            return Answer(
                status: Int(response.status.code), type: response.headers.first(name: "Content-Type"),
                headers: response.headers, bytes: bytes)
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    func tls(of client: String) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile("\(folder)/ca.pem"))
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile("\(folder)/\(client).pem").map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: "\(folder)/\(client).key", format: .pem))
        return tls
    }

    /// Runs the endpoint for as long as `work` takes. Registered: billing and archive, not stranger.
    static func run(
        allowsTLS12: Bool = false, patience: PullPatience = .usual, _ work: @Sendable (PullBench) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pull-\(UUID().uuidString.prefix(8))").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try CertificateMaker.make(in: folder, gateways: ["billing", "archive", "stranger"])
        let source = TableSource(gateway: try #require(GatewayID(rawValue: "G-1")))
        let server = try PullServer(
            address: address(folder, allowsTLS12: allowsTLS12), source: source, patience: patience)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, port) = AsyncStream<Int>.makeStream()
        let application = try server.application(logger: logger) { port.yield($0) }
        let group = ServiceGroup(configuration: .init(services: [.init(service: application)], logger: logger))
        let running = Task { try await group.run() }
        for await port in ports {
            do { try await work(PullBench(source: source, port: port, folder: folder)) } catch {
                await group.triggerGracefulShutdown()
                try? await running.value
                throw error
            }
            break
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    static func address(
        _ folder: String, consumers: [String] = ["billing", "archive"], allowsTLS12: Bool = false
    ) -> PullAddress {
        PullAddress(
            host: "localhost", port: 0, authorityPath: "\(folder)/ca.pem", certificatePath: "\(folder)/platform.pem",
            keyPath: "\(folder)/platform.key", allowsTLS12: allowsTLS12,
            consumers: consumers.map { .init(name: $0, certificatePath: "\(folder)/\($0).pem") })
    }
}
