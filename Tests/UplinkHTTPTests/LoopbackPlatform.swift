import Foundation
import Hummingbird
import HummingbirdTLS
import Logging
import Metering
import NIOSSL
import ReferencePlatform
import ServiceLifecycle
import Testing
import UplinkHTTP
import UplinkProtocol

/// A folder with an authority and certificates for a platform and the gateways G-1 and G-2.
final class Certificates: Sendable {
    let folder: String

    init(validFrom start: Date = Date().addingTimeInterval(-86_400)) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "uplink-\(UUID().uuidString.prefix(8))").path
        try CertificateMaker.make(in: folder, gateways: ["G-1", "G-2"], validFrom: start)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func serverTLS() throws -> TLSConfiguration {
        try PlatformServer.tls(
            authorityPath: path("ca.pem"), certificatePath: path("platform.pem"), keyPath: path("platform.key"))
    }

    func address(
        port: Int, as name: String = "G-1", believing other: Certificates? = nil,
        minimumTLS: PlatformAddress.MinimumTLS = .v13
    ) -> PlatformAddress {
        PlatformAddress(
            url: "https://localhost:\(port)", authorityPath: (other ?? self).path("ca.pem"),
            certificatePath: path("\(name).pem"), keyPath: path("\(name).key"), minimumTLS: minimumTLS)
    }
}

let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

/// Runs a server for as long as `work` takes, and gives it the port.
func serving(
    _ makeService: (@escaping @Sendable (Int) -> Void) throws -> any Service,
    _ work: @Sendable (Int) async throws -> Void
) async throws {
    let (ports, port) = AsyncStream<Int>.makeStream()
    let service = try makeService { port.yield($0) }
    let group = ServiceGroup(configuration: .init(services: [.init(service: service)], logger: quiet))
    let running = Task { try await group.run() }
    for await port in ports {
        do { try await work(port) } catch {
            await group.triggerGracefulShutdown()
            try? await running.value
            throw error
        }
        break
    }
    await group.triggerGracefulShutdown()
    try await running.value
}

/// The reference platform on a free port of the loopback.
func withPlatform(
    _ certificates: Certificates, tls: TLSConfiguration? = nil,
    _ work: @Sendable (PlatformServer, PlatformStore, Int) async throws -> Void
) async throws {
    let store = try PlatformStore(path: certificates.path("platform.db"))
    let server = PlatformServer(store: store)
    let configuration = try tls ?? certificates.serverTLS()
    try await serving({ onReady in
        try server.application(tls: configuration, host: "localhost", port: 0, logger: quiet, onReady: onReady)
    }) { port in try await work(server, store, port) }
}

/// A server that answers every batch in its own way.
func withAnswer(
    _ certificates: Certificates, _ answer: Response, _ work: @Sendable (Int) async throws -> Void
) async throws {
    let router = Router()
    router.post("/v1/gateways/:gateway/batches") { request, _ in
        _ = try await request.body.collect(upTo: 1024 * 1024)
        return answer
    }
    let tls = try certificates.serverTLS()
    try await serving({ onReady in
        Application(
            router: router, server: try .tls(.http1(), tlsConfiguration: tls),
            configuration: .init(address: .hostname("localhost", port: 0)),
            onServerRunning: { onReady($0.localAddress?.port ?? 0) }, logger: quiet)
    }) { port in try await work(port) }
}

/// A client that is shut down after `work`.
func withClient<Value: Sendable>(
    _ address: PlatformAddress, as name: String = "G-1", _ work: (PlatformClient) async throws -> Value
) async throws -> Value {
    let client = try PlatformClient(address: address, gateway: name)
    do {
        let value = try await work(client)
        await client.shutdown()
        return value
    } catch {
        await client.shutdown()
        throw error
    }
}

/// A run of readings of gateway G-1, of a ledger without a record.
func readings(_ range: ClosedRange<Int64>) throws -> Batch {
    let gateway = try #require(GatewayID(rawValue: "G-1"))
    let meter = try #require(MeterID(rawValue: "M-1"))
    let at = Timestamp(
        boot: BootID(rawValue: "boot-1"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 0), trust: .untrusted)
    let records = range.map { sequence in
        let reading = Reading(meter: meter, at: at, values: [Channel(.voltage): 230_000 + sequence])
        return (sequence: sequence, json: TelemetryRecord(sequence: sequence, body: .reading(reading)).json)
    }
    return try #require(
        Batch(
            gateway: gateway, epoch: "e1", log: .telemetry,
            chainHead: ChainHead(sequence: 0, hash: .genesis(gateway: "G-1", epoch: "e1")), records: records))
}

/// The same as columns.
func columnReadings(_ range: ClosedRange<Int64>) throws -> Batch {
    let batch = try readings(range)
    let entries = try #require(try batch.entries())
    return try #require(
        Batch(gateway: batch.gateway, epoch: batch.epoch, chainHead: batch.chainHead, entries: entries))
}
