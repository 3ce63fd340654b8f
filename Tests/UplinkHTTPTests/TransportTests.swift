import Compression
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTLS
import Metering
import NIOCore
import Prepaid
import ReferencePlatform
import Synchronization
import Testing
import UplinkHTTP
import UplinkProtocol

@Suite("Packing, certificates that change, and proxies", .timeLimit(.minutes(5)))
struct TransportTests {
    private func isAcknowledged(_ outcome: SendOutcome) -> Bool {
        if case .acknowledged = outcome { return true }
        return false
    }

    @Test("a batch goes up packed, its digest over what is sent; a platform that takes no gzip gets it plain")
    func packed() async throws {
        let certificates = try Certificates()
        let seen = Mutex<[(encoding: String?, digest: String?, body: [UInt8])]>([])
        let batch = try readings(1...50)
        let router = Router()
        router.post("/v1/gateways/:gateway/batches") { request, _ in
            let body = Array(try await request.body.collect(upTo: 1024 * 1024).readableBytesView)
            let encoding = request.headers[.contentEncoding]
            let digest = HTTPField.Name("Content-Digest").flatMap { request.headers[$0] }
            let isSecond = seen.withLock { seen in
                seen.append((encoding, digest, body))
                return seen.count > 1
            }
            guard !isSecond || encoding == nil else { return Response(status: .unsupportedMediaType) }
            let answer = Acknowledgement(gateway: batch.gateway, epoch: "e1", log: .telemetry, through: 50)
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: answer.json.canonicalBytes())))
        }
        let tls = try certificates.serverTLS()
        try await serving({ onReady in
            Application(
                router: router, server: try .tls(.http1(), tlsConfiguration: tls),
                configuration: .init(address: .hostname("localhost", port: 0)),
                onServerRunning: { onReady($0.localAddress?.port ?? 0) }, logger: quiet)
        }) { port in
            try await withClient(certificates.address(port: port)) { client in
                for _ in 0..<3 { #expect(isAcknowledged(await client.send(batch))) }
            }
        }
        let requests = seen.withLock { $0 }
        // Packed; packed and refused, then plain; plain at once.
        #expect(requests.map(\.encoding) == ["gzip", "gzip", nil, nil])
        #expect(
            requests.map(\.body.count) == [
                requests[0].body.count, requests[0].body.count, batch.bytes.count, batch.bytes.count,
            ])
        #expect(try Gzip.expand(requests[0].body, limit: 1 << 20) == batch.bytes)
        for request in requests {
            let hash = Data(ChainHash.of(request.body).bytes).base64EncodedString()
            #expect(request.digest == "sha-256=:\(hash):")
        }
    }

    @Test("new certificates are used without a restart; broken ones change nothing")
    func rotation() async throws {
        let old = try Certificates()
        let new = try Certificates()
        let address = old.address(port: 0)
        @Sendable func put(_ certificates: Certificates, _ name: String) throws {
            try Data(contentsOf: URL(filePath: certificates.path(name)))
                .write(to: URL(filePath: "\(old.folder)/live-\(name)"), options: .atomic)
        }
        for name in ["ca.pem", "G-1.pem", "G-1.key"] { try put(old, name) }
        @Sendable func live(_ port: Int) -> PlatformAddress {
            PlatformAddress(
                url: "https://localhost:\(port)", authorityPath: old.path("live-ca.pem"),
                certificatePath: old.path("live-G-1.pem"), keyPath: old.path("live-G-1.key"),
                minimumTLS: address.minimumTLS)
        }
        let one = try readings(1...1)
        try await withPlatform(new) { _, _, port in
            try await withClient(live(port)) { client in
                #expect(!isAcknowledged(await client.send(one)))
                // The certificate first: until its key is there the old pair stays in use.
                try put(new, "ca.pem")
                try put(new, "G-1.pem")
                #expect(!isAcknowledged(await client.send(one)))
                #expect(client.certificateProblem?.reason.hasPrefix("does not belong to") == true)
                try put(new, "G-1.key")
                #expect(isAcknowledged(await client.send(one)))
                #expect(client.certificateProblem == nil)
                try Data("nothing".utf8).write(to: URL(filePath: old.path("live-G-1.pem")), options: .atomic)
                #expect(isAcknowledged(await client.send(one)))
                #expect(client.certificateProblem?.path == old.path("live-G-1.pem"))
            }
        }
    }

    @Test("through a proxy, which sees names and nothing else")
    func proxy() async throws {
        let certificates = try Certificates()
        let proxy = try ConnectProxy()
        defer { proxy.stop() }
        try await withPlatform(certificates) { _, _, port in
            let direct = certificates.address(port: port)
            let address = PlatformAddress(
                url: direct.url, authorityPath: direct.authorityPath, certificatePath: direct.certificatePath,
                keyPath: direct.keyPath, minimumTLS: .v13, proxy: "http://box:secret@127.0.0.1:\(proxy.port)")
            let outcome = try await withClient(address) { await $0.send(try readings(1...3)) }
            #expect(isAcknowledged(outcome))
            #expect(proxy.requests.count == 1)
            #expect(proxy.requests.first?.hasPrefix("CONNECT localhost:\(port) ") == true)
            #expect(proxy.requests.first?.lowercased().contains("proxy-authorization: basic ym94onnly3jlda==") == true)
        }
    }

    @Test("through tinyproxy, as Debian ships it; a wrong password brings nothing through")
    func realProxy() async throws {
        let certificates = try Certificates()
        let proxy = try TinyProxy(in: certificates.folder)
        // It ends with its last use.
        defer { withExtendedLifetime(proxy) {} }
        let proxyPort = proxy.port
        try await withPlatform(certificates) { _, store, port in
            let direct = certificates.address(port: port)
            func address(_ user: String) -> PlatformAddress {
                PlatformAddress(
                    url: direct.url, authorityPath: direct.authorityPath, certificatePath: direct.certificatePath,
                    keyPath: direct.keyPath, minimumTLS: .v13, proxy: "http://\(user)@127.0.0.1:\(proxyPort)")
            }
            let refused = try await withClient(address("box:wrong")) { await $0.send(try readings(1...3)) }
            guard case .noAnswer = refused else {
                Issue.record("answered: \(refused)")
                return
            }
            #expect(try store.gateways().isEmpty)
            let outcomes = try await withClient(address("box:secret")) { client in
                (await client.send(try readings(1...3)), await client.commands(after: 0))
            }
            #expect(isAcknowledged(outcomes.0))
            guard case .commands = outcomes.1 else {
                Issue.record("\(outcomes.1)")
                return
            }
        }
    }

    @Test("what is no proxy's address", arguments: ["https://proxy:1", "proxy:3128", "http://proxy", ""])
    func noProxy(text: String) throws {
        let good = try Certificates().address(port: 1)
        let address = PlatformAddress(
            url: good.url, authorityPath: good.authorityPath, certificatePath: good.certificatePath,
            keyPath: good.keyPath, minimumTLS: .v13, proxy: text)
        #expect(throws: UplinkSetupError.self) { try PlatformClient.check(address) }
    }

    @Test("readings in any order are kept once each, and the newest is the latest")
    func anyOrder() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { _, store, port in
            try await withClient(certificates.address(port: port)) { client in
                for range in [91...100 as ClosedRange<Int64>, 1...50, 51...90, 40...60, 101...101] {
                    let batch = try readings(range)
                    #expect(isAcknowledged(await client.send(batch)))
                }
            }
            #expect(try store.meters().first?.values == ["voltage": 230_101])
            #expect(try store.count(of: .telemetry) == 101)
        }
    }

    @Test("a platform that takes no columns gets records from then on; what it has taken is the same")
    func noColumns() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { server, store, port in
            let columns = try columnReadings(1...40)
            #expect(columns.form == .columns && columns.bytes.count < columns.asRecords.bytes.count / 4)
            try await withClient(certificates.address(port: port)) { client in
                #expect(isAcknowledged(await client.send(columns)))
                server.faults.set(.status(415, retryAfter: nil), on: .batches, count: 1)
                #expect(client.pack(columns).batch.form == .columns)
                #expect(isAcknowledged(await client.send(columns)))
                #expect(client.pack(columns).batch.form == .records)
                let more = try columnReadings(30...60)
                #expect(isAcknowledged(await client.send(more)))
            }
            #expect(try store.count(of: .telemetry) == 60)
            #expect(try store.gateways().first?.faults == 0)
        }
    }

    @Test("a fault that is asked for, for as long as it was asked for")
    func faults() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { server, store, port in
            try await withClient(certificates.address(port: port)) { client in
                let batch = try readings(1...1)
                server.faults.set(.status(429, retryAfter: "7"), on: .batches, count: 1)
                #expect(await client.send(batch) == .status(429, retryAfter: .seconds(7)))
                server.faults.set(.status(503, retryAfter: "9"), on: .commands, count: 1)
                #expect(
                    await client.commands(after: 0)
                        == .failed("the platform answered 503", retryAfter: .seconds(9)))
                server.faults.set(.status(302, retryAfter: nil), on: .batches, count: 1)
                #expect(await client.send(batch) == .status(302, retryAfter: nil))
                server.faults.set(.wrong, on: .batches, count: 1)
                #expect(await client.send(batch) == .invalidAnswer)
                server.faults.set(.cut, on: .batches, count: 1)
                guard case .noAnswer = await client.send(batch) else {
                    Issue.record("answered though cut")
                    return
                }
                #expect(try store.gateways().isEmpty)
                server.faults.set(.cutAfter, on: .batches, count: 1)
                guard case .noAnswer = await client.send(batch) else {
                    Issue.record("answered though cut")
                    return
                }
                #expect(try store.gateways().first?.telemetryThrough == 1)
                #expect(isAcknowledged(await client.send(batch)))
                #expect(try store.count(of: .telemetry) == 1)
            }
        }
    }
}

@Suite("A ledger record that the platform cannot take", .timeLimit(.minutes(5)))
struct WithheldTests {
    @Test("its place in the chain is taken, what follows is taken too, and the record itself may still come")
    func withheld() async throws {
        let certificates = try Certificates()
        let gateway = try #require(GatewayID(rawValue: "G-1"))
        let at = Timestamp(
            boot: BootID(rawValue: "b"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 0), trust: .untrusted)
        var previous = ChainHash.genesis(gateway: "G-1", epoch: "e1")
        var made: [LedgerRecord] = []
        for sequence in 1...3 as ClosedRange<Int64> {
            let record = LedgerRecord(
                sequence: sequence, at: at, actor: "gateway", body: .event(Event(.daemonStarted, .gateway)),
                previous: previous)
            made.append(record)
            previous = record.hash
        }
        let head = ChainHead(sequence: 3, hash: previous)
        let batches = made.compactMap { record in
            Batch(
                gateway: gateway, epoch: "e1", log: .ledger, chainHead: head,
                records: [(record.sequence, record.json)])
        }
        try await withPlatform(certificates) { _, store, port in
            try await withClient(certificates.address(port: port)) { client in
                func send(_ batch: Batch) async -> SendOutcome { await client.send(batch) }
                func taken(_ through: Int64) -> SendOutcome {
                    .acknowledged(Acknowledgement(gateway: gateway, epoch: "e1", log: .ledger, through: through))
                }
                #expect(await send(batches[0]) == taken(1))
                let withheld = try #require(batches[1].withholding(reason: "refused by the platform"))
                #expect(await send(withheld) == taken(2))
                #expect(await send(withheld) == taken(2))
                #expect(await send(batches[2]) == taken(3))
                #expect(await send(batches[1]) == taken(2))
                #expect(try store.gateways().first?.lastFault == "record 2 was withheld: refused by the platform")
            }
        }
    }
}
