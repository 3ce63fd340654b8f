import AsyncHTTPClient
import Foundation
import Hummingbird
import Metering
import NIOCore
import NIOSSL
import Prepaid
import ReferencePlatform
import Testing
import UplinkHTTP
import UplinkProtocol

@Suite("The gateway's client against the platform, over TLS", .timeLimit(.minutes(5)))
struct PlatformClientTests {
    @Test("a batch is acknowledged; the same batch again is kept once and answered the same")
    func acknowledged() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { _, store, port in
            let batch = try readings(1...3)
            let outcomes = try await withClient(certificates.address(port: port)) { client in
                [await client.send(batch), await client.send(batch)]
            }
            let answer = Acknowledgement(gateway: batch.gateway, epoch: "e1", log: .telemetry, through: 3)
            #expect(outcomes == [.acknowledged(answer), .acknowledged(answer)])
            #expect(try store.gateways().first?.telemetryThrough == 3)
            #expect(try store.meters().first?.values == ["voltage": 230_003])
        }
    }

    @Test("a ledger batch that skips what came before is answered with 409, and noted")
    func skipped() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { _, store, port in
            let gateway = try #require(GatewayID(rawValue: "G-1"))
            let at = Timestamp(
                boot: BootID(rawValue: "b"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 0),
                trust: .untrusted)
            let record = LedgerRecord(
                sequence: 2, at: at, actor: "gateway",
                body: .command(CommandRecord(id: "x", kind: "recharge", state: .rejected, outcome: "gap")),
                previous: .genesis(gateway: "G-1", epoch: "e1"))
            let records: [(sequence: Int64, json: JSONValue)] = [(2, record.json)]
            let head = ChainHead(sequence: 2, hash: record.hash)
            let batch = try #require(
                Batch(gateway: gateway, epoch: "e1", log: .ledger, chainHead: head, records: records))
            let outcome = try await withClient(certificates.address(port: port)) { await $0.send(batch) }
            #expect(outcome == .status(409, retryAfter: nil))
            _ = try await withClient(certificates.address(port: port)) { await $0.send(try readings(1...1)) }
            #expect(try store.gateways().first?.lastFault == "record 2 came, 1 was expected")
        }
    }

    @Test("a command issued while the gateway waits for one ends the wait")
    func longPoll() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { server, _, port in
            let gateway = try #require(GatewayID(rawValue: "G-1"))
            let account = try #require(AccountID(rawValue: "A-1"))
            let outcome = try await withClient(certificates.address(port: port)) { client in
                async let answer = client.commands(after: 0)
                try server.issue(
                    (account, "C-1", "office", Money(microunits: 12_500_000)), number: nil, gateway: gateway, id: "r-1")
                return await answer
            }
            guard case .commands(let list) = outcome, case let commands = list.commands else {
                Issue.record("\(outcome)")
                return
            }
            #expect(commands.map(\.id) == ["r-1"])
            #expect(
                commands.first?.body
                    == .recharge(
                        Recharge(
                            account: account, customerNumber: "C-1", issuer: "office", number: 1,
                            amount: Money(microunits: 12_500_000))))
        }
    }

    @Test("a gateway speaks for itself only")
    func otherGateway() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { _, store, port in
            let outcomes = try await withClient(certificates.address(port: port, as: "G-2")) { client in
                (await client.send(try readings(1...1)), await client.commands(after: 0))
            }
            #expect(outcomes.0 == .status(403, retryAfter: nil))
            #expect(outcomes.1 == .failed("the platform answered 403"))
            #expect(try store.gateways().isEmpty)
        }
    }

    @Test("a platform of another authority is not believed, nor a gateway of another authority let in")
    func otherAuthority() async throws {
        let certificates = try Certificates()
        let stranger = try Certificates()
        try await withPlatform(certificates) { _, store, port in
            for address in [
                certificates.address(port: port, believing: stranger),
                stranger.address(port: port, believing: certificates),
            ] {
                let outcome = try await withClient(address) { await $0.send(try readings(1...1)) }
                guard case .noAnswer = outcome else {
                    Issue.record("answered: \(outcome)")
                    continue
                }
            }
            #expect(try store.gateways().isEmpty)
        }
    }

    @Test("without a client certificate there is no answer")
    func noCertificate() async throws {
        let certificates = try Certificates()
        try await withPlatform(certificates) { _, _, port in
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(certificates.path("ca.pem")))
            let client = HTTPClient(
                eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
            let request = HTTPClientRequest(url: "https://localhost:\(port)/v1/gateways/G-1/commands?after=0")
            await #expect(throws: (any Error).self) { try await client.execute(request, timeout: .seconds(20)) }
            try await client.shutdown()
        }
    }

    @Test("a platform that offers no more than TLS 1.2 is refused, unless the setting allows it")
    func oldTLS() async throws {
        let certificates = try Certificates()
        var tls = try certificates.serverTLS()
        tls.maximumTLSVersion = .tlsv12
        try await withPlatform(certificates, tls: tls) { _, _, port in
            let strict = try await withClient(certificates.address(port: port)) { await $0.send(try readings(1...1)) }
            guard case .noAnswer = strict else {
                Issue.record("answered: \(strict)")
                return
            }
            let lenient = try await withClient(certificates.address(port: port, minimumTLS: .v12)) {
                await $0.send(try readings(1...1))
            }
            guard case .acknowledged = lenient else {
                Issue.record("not acknowledged: \(lenient)")
                return
            }
        }
    }

    struct Answer: Sendable, CustomTestStringConvertible {
        let status: HTTPResponse.Status
        var headers: HTTPFields = [:]
        var body = ""
        let outcome: SendOutcome
        var testDescription: String { "\(status.code) with '\(body.prefix(20))'" }
    }

    @Test(
        "answers that acknowledge nothing",
        arguments: [
            Answer(status: .ok, body: "<html>Log in</html>", outcome: .invalidAnswer),
            Answer(
                status: .ok,
                body: "{\"gateway\":\"G-1\",\"epoch\":\"e1\",\"log\":\"ledger\",\"through\":1,\"refused\":[]}",
                outcome: .invalidAnswer),
            Answer(
                status: .ok,
                body: "{\"gateway\":\"G-1\",\"epoch\":\"e1\",\"log\":\"telemetry\",\"through\":1,\"refused\":\"no\"}",
                outcome: .invalidAnswer),
            Answer(status: .noContent, outcome: .invalidAnswer),
            Answer(
                status: .serviceUnavailable, headers: [.retryAfter: "7"],
                outcome: .status(503, retryAfter: .seconds(7))),
            Answer(
                status: .tooManyRequests, headers: [.retryAfter: "Sun, 06 Nov 1994 08:49:37 GMT"],
                outcome: .status(429, retryAfter: .zero)),
            Answer(status: .found, headers: [.location: "/elsewhere"], outcome: .status(302, retryAfter: nil)),
            Answer(status: .internalServerError, outcome: .status(500, retryAfter: nil)),
        ])
    func answers(answer: Answer) async throws {
        let certificates = try Certificates()
        let response = Response(
            status: answer.status, headers: answer.headers, body: .init(byteBuffer: ByteBuffer(string: answer.body)))
        try await withAnswer(certificates, response) { port in
            let outcome = try await withClient(certificates.address(port: port)) { await $0.send(try readings(1...1)) }
            #expect(outcome == answer.outcome)
        }
    }

    @Test("an answer without end is not read to its end")
    func endless() async throws {
        let certificates = try Certificates()
        let body = ByteBuffer(repeating: UInt8(ascii: " "), count: 3 * 1024 * 1024)
        try await withAnswer(certificates, Response(status: .ok, body: .init(byteBuffer: body))) { port in
            let outcome = try await withClient(certificates.address(port: port)) { await $0.send(try readings(1...1)) }
            guard case .noAnswer = outcome else {
                Issue.record("answered: \(outcome)")
                return
            }
        }
    }
}

@Suite("What is checked before anything is connected")
struct PlatformAddressTests {
    private func problem(_ address: PlatformAddress) -> UplinkSetupError? {
        do {
            try PlatformClient.check(address)
            return nil
        } catch { return error }
    }

    @Test("files that are missing or are no PEM, each named with what to do")
    func files() throws {
        let certificates = try Certificates()
        #expect(problem(certificates.address(port: 1)) == nil)
        for name in ["ca.pem", "G-1.pem", "G-1.key"] {
            let path = certificates.path(name)
            let content = try Data(contentsOf: URL(filePath: path))
            try Data("nothing".utf8).write(to: URL(filePath: path))
            let broken = try #require(problem(certificates.address(port: 1)))
            #expect(broken.path == path)
            #expect(broken.reason.hasPrefix("is not in PEM form"))
            #expect(!broken.remedy.isEmpty)
            try FileManager.default.removeItem(atPath: path)
            let missing = try #require(problem(certificates.address(port: 1)))
            #expect(missing.path == path)
            #expect(missing.reason == "is missing or may not be read")
            try content.write(to: URL(filePath: path))
        }
    }

    @Test("an address without TLS is refused", arguments: ["http://localhost:1", "localhost:1", "https://", ""])
    func address(url: String) throws {
        let certificates = try Certificates()
        let good = certificates.address(port: 1)
        let address = PlatformAddress(
            url: url, authorityPath: good.authorityPath, certificatePath: good.certificatePath, keyPath: good.keyPath,
            minimumTLS: .v13)
        #expect(problem(address)?.reason == "is no HTTPS address")
    }
}
