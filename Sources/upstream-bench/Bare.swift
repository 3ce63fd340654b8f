import ArgumentParser
import AsyncHTTPClient
import Compression
import Foundation
import Hummingbird
import HummingbirdTLS
import Logging
import Metering
import NIOCore
import NIOHTTP1
import NIOSSL
import ReferencePlatform
import Storage
import UplinkProtocol

/// The least that an upload can cost: the bytes of the batches packed, sent over TLS, unpacked, answered.
struct Bare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send the batches of a telemetry.db through gzip and TLS, and nothing else; prints records a second.")
    @Argument(help: "The file.") var path: String
    @Argument(help: "A folder for certificates.") var folder: String
    @Option(help: "Records in a batch.") var batch = 500
    @Option(help: "How many batches; they are sent over and over until so many records are through.") var batches = 200
    @Option(help: "How many records in all.") var records = 553_000

    func run() async throws {
        let bodies = try self.bodies()
        try CertificateMaker.make(in: folder, gateways: ["bench"])
        var logger = Logger(label: "bench")
        logger.logLevel = .critical
        let router = Router()
        router.post("/") { request, _ in
            let packed = Array(try await request.body.collect(upTo: 8 << 20).readableBytesView)
            return String(try Gzip.expand(packed, limit: 8 << 20).count)
        }
        let tls = try PlatformServer.tls(
            authorityPath: "\(folder)/ca.pem", certificatePath: "\(folder)/platform.pem",
            keyPath: "\(folder)/platform.key")
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = Application(
            router: router, server: try .tls(.http1(), tlsConfiguration: tls),
            configuration: .init(address: .hostname("localhost", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
        let running = Task { try await server.run() }
        for await port in ports {
            print(try await send(bodies, port: port))
            break
        }
        running.cancel()
        _ = try? await running.value
    }

    private func bodies() throws -> [(bytes: [UInt8], records: Int)] {
        let store = try TelemetryStore(path: path, newEpoch: "0123456789abcdef")
        guard let gateway = GatewayID(rawValue: "DEMO-1") else { return [] }
        let head = ChainHead(sequence: 0, hash: .genesis(gateway: "DEMO-1", epoch: "0123456789abcdef"))
        var bodies: [(bytes: [UInt8], records: Int)] = []
        var cursor: Int64 = 0
        while bodies.count < batches {
            let entries = try store.entries(after: cursor, limit: batch)
            guard let made = Batch(gateway: gateway, epoch: store.epoch, chainHead: head, entries: entries)
            else { break }
            bodies.append((made.bytes, made.count))
            cursor = made.last
        }
        try store.close()
        return bodies
    }

    private func send(_ bodies: [(bytes: [UInt8], records: Int)], port: Int) async throws -> Int {
        guard !bodies.isEmpty else { throw ValidationError("\(path) holds no readings; make it with 'fill'") }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile("\(folder)/ca.pem"))
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile("\(folder)/bench.pem").map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: "\(folder)/bench.key", format: .pem))
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
        let clock = ContinuousClock()
        let start = clock.now
        var (sent, next) = (0, 0)
        while sent < records {
            let body = bodies[next % bodies.count]
            var request = HTTPClientRequest(url: "https://localhost:\(port)/")
            request.method = .POST
            request.body = .bytes(Gzip.compress(body.bytes) ?? [])
            let response = try await client.execute(request, timeout: .seconds(30))
            _ = try await response.body.collect(upTo: 1024)
            sent += body.records
            next += 1
        }
        let seconds = (clock.now - start) / .seconds(1)
        try await client.shutdown()
        return Int(Double(sent) / seconds)
    }
}
