import ArgumentParser
import AsyncHTTPClient
import Foundation
import Metering
import NIOCore
import NIOHTTP1
import NIOSSL
import ReferencePlatform
import UplinkProtocol

/// A consumer of a gateway's pull endpoint.
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch both logs of a gateway from its pull endpoint, keep them, acknowledge them.")

    @Argument(help: "The gateway's name.") var gateway: String
    @Option(help: "The endpoint, like https://box.example:8444.") var url: String
    @Option(help: "The SQLite file that holds what gateways sent.") var database: String
    @Option(help: "PEM: the authority of the gateway's certificate.") var authority: String
    @Option(help: "PEM: this consumer's certificate, registered at the gateway.") var certificate: String
    @Option(help: "PEM: its key.") var key: String
    @Flag(help: "End when there is nothing new; without it go on until told to stop.") var once = false

    func run() async throws {
        let store = try PlatformStore(path: database)
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for log in UplinkProtocol.Log.allCases { group.addTask { try await pull(log, client, store) } }
                try await group.waitForAll()
            }
            try await client.shutdown()
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    private func pull(_ log: UplinkProtocol.Log, _ client: HTTPClient, _ store: PlatformStore) async throws {
        let base = "\(url)/v1/gateways/\(gateway)/logs/\(log)"
        var cursor: Int64?
        while !Task.isCancelled {
            let place = cursor.map { "&cursor=\($0)" } ?? ""
            let (status, bytes) = try await ask(client, "\(base)?limit=1000&wait=\(once ? 0 : 30)\(place)")
            switch status {
            case 200:
                let batch = try Batch(bytes: bytes)
                let now = WallTime(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))
                _ = try store.take(batch, now: now)
                let body = JSONValue.object(["epoch": .string(batch.epoch), "through": .integer(batch.last)])
                let (answer, text) = try await ask(client, "\(base)/cursor", body: body)
                guard answer == 200 else { throw refused(answer, text) }
                print("\(log) \(batch.first) to \(batch.last)")
                cursor = nil
            case 204:
                if once { return }
            case 410:
                let gone = try StrictJSON.parse(bytes).object ?? [:]
                guard let oldest = gone["oldest_cursor"]?.integer else { throw refused(status, bytes) }
                print("\(log) is lost up to \(oldest)")
                cursor = oldest
            default: throw refused(status, bytes)
            }
        }
    }

    private func ask(
        _ client: HTTPClient, _ url: String, body: JSONValue? = nil
    ) async throws -> (status: Int, bytes: [UInt8]) {
        var request = HTTPClientRequest(url: url)
        if let body {
            request.method = .POST
            request.body = .bytes(body.canonicalBytes())
        }
        let response = try await client.execute(request, timeout: .seconds(60))
        let bytes = Array(try await response.body.collect(upTo: 8 * 1024 * 1024).readableBytesView)
        return (Int(response.status.code), bytes)
    }

    private func refused(_ status: Int, _ bytes: [UInt8]) -> ValidationError {
        ValidationError("the gateway refused (\(status)): \(String(decoding: bytes.prefix(500), as: UTF8.self))")
    }
}
