import Crypto
import Foundation
import GatewayIdentity
import Hummingbird
import HummingbirdTLS
import Metering
import ReferencePlatform
import SwiftASN1
import Testing
import UplinkHTTP
import UplinkProtocol
import X509

/// A platform with its enrolment side, and a folder for a box.
private struct Counter: Sendable {
    let server: PlatformServer
    let store: PlatformStore
    let office: CertificateOffice
    let enrolPort: Int
    let port: Int
    let certificates: Certificates

    let gateway: GatewayID
    var box: IdentityFolder { IdentityFolder(path: certificates.path("identity")) }

    func pair(_ name: String = "G-9", for time: Duration = .seconds(600)) throws -> PairingCode {
        try store.pair(try #require(GatewayID(rawValue: name)), office: office, for: time, now: Self.now)
    }

    static var now: WallTime { WallTime(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000)) }

    /// What a box does with a code.
    func enrol(
        _ code: PairingCode, as name: String = "G-9", folder: IdentityFolder? = nil, request: String? = nil,
        port: Int? = nil
    ) async throws -> IssuedIdentity {
        let gateway = try #require(GatewayID(rawValue: name))
        let client = try EnrolmentClient(url: "https://localhost:\(port ?? enrolPort)")
        let authority = try await client.authority(named: code)
        let signing = try request ?? (folder ?? box).prepare(for: gateway)
        return try await client.enrol(
            EnrolmentRequest(gateway: gateway, secret: code.secret, signingRequest: signing), authority: authority)
    }

    func address(_ folder: IdentityFolder) -> PlatformAddress {
        PlatformAddress(
            url: "https://localhost:\(port)", authorityPath: folder.authorityPath,
            certificatePath: folder.certificatePath, keyPath: folder.keyPath, minimumTLS: .v13)
    }
}

private func withCounter(
    commandKeyPath: String? = nil, _ work: @Sendable (Counter) async throws -> Void
) async throws {
    let certificates = try Certificates()
    let gateway = try #require(GatewayID(rawValue: "G-9"))
    let office = try CertificateOffice(
        authorityPath: certificates.path("ca.pem"), keyPath: certificates.path("ca.key"),
        commandKeyPath: commandKeyPath)
    let store = try PlatformStore(path: certificates.path("platform.db"))
    let server = PlatformServer(store: store, office: office)
    let tls = try certificates.serverTLS()
    let enrolTLS = try PlatformServer.enrolmentTLS(
        certificatePath: certificates.path("platform.pem"), keyPath: certificates.path("platform.key"))
    try await serving({ onReady in
        try server.application(tls: tls, host: "localhost", port: 0, logger: quiet, onReady: onReady)
    }) { port in
        try await serving({ onReady in
            try server.enrolment(tls: enrolTLS, host: "localhost", port: 0, logger: quiet, onReady: onReady)
        }) { enrolPort in
            try await work(
                Counter(
                    server: server, store: store, office: office, enrolPort: enrolPort, port: port,
                    certificates: certificates, gateway: gateway))
        }
    }
}

private func refusal(_ work: () async throws -> IssuedIdentity) async -> PairingRefusal? {
    do {
        _ = try await work()
        return nil
    } catch EnrolmentProblem.refused(let refusal) { return refusal } catch {
        Issue.record("\(error)")
        return nil
    }
}

@Suite("Enrolment at a platform, over TLS", .timeLimit(.minutes(5)))
struct EnrolmentTests {
    @Test("a box with a code gets a certificate for a key that it keeps, and is let in with it")
    func enrolled() async throws {
        try await withCounter { counter in
            let box = counter.box
            #expect(!box.isEnrolled && box.life == nil)
            let issued = try await counter.enrol(try counter.pair())
            try box.install(issued, for: counter.gateway, takesCommandKey: true)
            #expect(box.isEnrolled)
            let key = try FileManager.default.attributesOfItem(
                atPath: URL(filePath: box.keyPath).resolvingSymlinksInPath().path)
            #expect(key[.posixPermissions] as? Int == 0o600)
            #expect(!issued.certificate.contains("PRIVATE"))
            try counter.server.issue(
                .object(["id": .string("c-1"), "kind": .string("reload")]), gateway: counter.gateway)
            let outcome = try await withClient(counter.address(box), as: "G-9") { await $0.commands(after: 0) }
            guard case .commands(let list) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(list.commands.map(\.id) == ["c-1"])
        }
    }

    @Test("what is refused: no such code, another gateway's, a used one, an old one, a request signed by another key")
    func refused() async throws {
        try await withCounter { counter in
            let stranger = try counter.pair("G-9")
            var generator = SystemRandomNumberGenerator()
            let authority = try Data(contentsOf: URL(filePath: counter.certificates.path("ca.pem")))
            let der = try Certificate(pemEncoded: String(decoding: authority, as: UTF8.self))
            let invented = PairingCode(authority: try der.serializeAsPEM().derBytes, using: &generator)
            #expect(await refusal { try await counter.enrol(invented) } == .unknownCode)

            let elsewhere = try counter.pair("G-1")
            #expect(await refusal { try await counter.enrol(elsewhere) } == .wrongGateway)

            let expired = try counter.pair(for: .seconds(-1))
            #expect(await refusal { try await counter.enrol(expired) } == .expiredCode)

            _ = try await counter.enrol(stranger)
            let other = IdentityFolder(path: counter.certificates.path("other"))
            #expect(await refusal { try await counter.enrol(stranger, folder: other) } == .usedCode)

            let request = try counter.box.prepare(for: counter.gateway)
            let fresh = try counter.pair()
            #expect(await refusal { try await counter.enrol(fresh, request: try forged(request)) } == .badRequest)
            #expect(await refusal { try await counter.enrol(fresh, request: "nothing") } == .badRequest)
            let named = try IdentityFolder(path: counter.certificates.path("named"))
                .prepare(for: try #require(GatewayID(rawValue: "G-1")))
            #expect(await refusal { try await counter.enrol(fresh, request: named) } == .badRequest)
            // None of that has used the code up.
            _ = try await counter.enrol(fresh)
        }
    }

    /// The same request, with one bit of its signature changed.
    private func forged(_ pem: String) throws -> String {
        let request = try CertificateSigningRequest(pemEncoded: pem)
        let stranger = try CertificateSigningRequest(
            version: .v1, subject: request.subject, privateKey: .init(P256.Signing.PrivateKey()),
            attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256)
        return try CertificateSigningRequest(
            version: .v1, subject: request.subject, publicKey: request.publicKey, attributes: .init(),
            signatureAlgorithm: .ecdsaWithSHA256, signature: stranger.signature
        ).serializeAsPEM().pemString
    }

    @Test("five boxes of another name void a code")
    func voided() async throws {
        try await withCounter { counter in
            let code = try counter.pair("G-1")
            for _ in 0..<5 { #expect(await refusal { try await counter.enrol(code) } == .wrongGateway) }
            let right = IdentityFolder(path: counter.certificates.path("right"))
            #expect(await refusal { try await counter.enrol(code, as: "G-1", folder: right) } == .expiredCode)
        }
    }

    @Test("after ten wrong secrets nobody is heard")
    func guessing() async throws {
        try await withCounter { counter in
            let good = try counter.pair()
            var generator = SystemRandomNumberGenerator()
            let client = try EnrolmentClient(url: "https://localhost:\(counter.enrolPort)")
            let authority = try await client.authority(named: good)
            let request = try counter.box.prepare(for: counter.gateway)
            for _ in 0..<10 {
                let secret = PairingCode(authority: [], using: &generator).secret
                let outcome = await refusal {
                    try await client.enrol(
                        EnrolmentRequest(gateway: counter.gateway, secret: secret, signingRequest: request),
                        authority: authority)
                }
                #expect(outcome == .unknownCode)
            }
            #expect(await refusal { try await counter.enrol(good) } == .tooManyAttempts)
        }
    }

    @Test("an answer that was lost comes again: the same key, the same certificate, one code")
    func lostAnswer() async throws {
        try await withCounter { counter in
            let code = try counter.pair()
            counter.server.faults.set(.cutAfter, on: .enrolments, count: 1)
            await #expect(throws: EnrolmentProblem.self) { try await counter.enrol(code) }
            #expect(try counter.store.certificates(of: counter.gateway) == 1)
            let first = try await counter.enrol(code)
            #expect(try await counter.enrol(code) == first)
            #expect(try counter.store.certificates(of: counter.gateway) == 1)
            try counter.box.install(first, for: counter.gateway, takesCommandKey: true)
        }
    }

    @Test("a platform that the code does not name gets neither secret nor request")
    func otherPlatform() async throws {
        try await withCounter { counter in
            let code = try counter.pair()
            // It has a certificate of its own authority, and may show the right authority's certificate as its own.
            let thief = try Certificates()
            for shown in [thief.path("ca.pem"), counter.certificates.path("ca.pem")] {
                let authority = try String(contentsOfFile: shown, encoding: .utf8)
                let asked = Signalled()
                let router = Router()
                router.get("/v1/authority") { _, _ in
                    Response(
                        status: .ok,
                        body: .init(
                            byteBuffer: .init(
                                bytes: JSONValue.object(["authority": .string(authority)]).canonicalBytes())))
                }
                router.post("/v1/enrol") { _, _ in
                    asked.set()
                    return Response(status: .ok)
                }
                let tls = try PlatformServer.enrolmentTLS(
                    certificatePath: thief.path("platform.pem"), keyPath: thief.path("platform.key"))
                try await serving({ onReady in
                    Application(
                        router: router, server: try .tls(.http1(), tlsConfiguration: tls),
                        configuration: .init(address: .hostname("localhost", port: 0)),
                        onServerRunning: { onReady($0.localAddress?.port ?? 0) }, logger: quiet)
                }) { port in
                    await #expect(throws: EnrolmentProblem.self) { try await counter.enrol(code, port: port) }
                }
                #expect(!asked.isSet)
            }
        }
    }

    @Test("the certificate is renewed with a new key, used from the next request on, and keeps the command key")
    func renewed() async throws {
        let key = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString).pem").path
        try
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n"
            .write(toFile: key, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: key) }
        try await withCounter(commandKeyPath: key) { counter in
            let box = counter.box
            let issued = try await counter.enrol(try counter.pair())
            try box.install(issued, for: counter.gateway, takesCommandKey: true)
            #expect(box.commandKeyPath != nil)
            let before = try String(contentsOfFile: box.keyPath, encoding: .utf8)
            try await withClient(counter.address(box), as: "G-9") { client in
                for _ in 0..<3 {
                    let request = RenewalRequest(signingRequest: try box.prepare(for: counter.gateway))
                    counter.server.faults.set(.cutAfter, on: .enrolments, count: 1)
                    await #expect(throws: EnrolmentProblem.self) { try await client.renew(request) }
                    // The daemon died here: what was prepared is still there.
                    let again = RenewalRequest(signingRequest: try box.prepare(for: counter.gateway))
                    #expect(again == request)
                    let next = try await client.renew(again)
                    try box.install(
                        IssuedIdentity(gateway: next.gateway, certificate: next.certificate, authority: next.authority),
                        for: counter.gateway, takesCommandKey: false)
                }
                #expect(client.certificateProblem == nil)
            }
            #expect(try counter.store.certificates(of: counter.gateway) == 4)
            #expect(try String(contentsOfFile: box.keyPath, encoding: .utf8) != before)
            #expect(box.commandKeyPath != nil)
            // Not more than the one in use and the one before stay.
            let kept = try FileManager.default.contentsOfDirectory(atPath: box.path).sorted()
            #expect(kept == ["3", "4", "current"])
        }
    }

    @Test("a gateway renews its own certificate only")
    func renewalOfAnother() async throws {
        try await withCounter { counter in
            let request = RenewalRequest(signingRequest: try counter.box.prepare(for: counter.gateway))
            let outcome = try await withClient(counter.certificates.address(port: counter.port)) { client in
                await refusal { try await client.renew(request) }
            }
            #expect(outcome == .badRequest)
            #expect(try counter.store.certificates(of: counter.gateway) == 0)
        }
    }
}

@Suite("What a box takes for its identity")
struct IdentityFolderTests {
    @Test("anything that does not fit changes nothing", .timeLimit(.minutes(5)))
    func misfits() async throws {
        try await withCounter { counter in
            let box = counter.box
            let good = try await counter.enrol(try counter.pair())
            let stranger = try await counter.enrol(
                try counter.pair(), folder: IdentityFolder(path: counter.certificates.path("other")))
            let strangers = try Certificates()
            let elsewhere = try String(contentsOfFile: strangers.path("ca.pem"), encoding: .utf8)
            let other = try #require(GatewayID(rawValue: "G-1"))
            let wrong = [
                IssuedIdentity(gateway: other, certificate: good.certificate, authority: good.authority),
                IssuedIdentity(gateway: good.gateway, certificate: stranger.certificate, authority: good.authority),
                IssuedIdentity(gateway: good.gateway, certificate: good.certificate, authority: elsewhere),
                IssuedIdentity(gateway: good.gateway, certificate: good.certificate, authority: ""),
                IssuedIdentity(gateway: good.gateway, certificate: "", authority: good.authority),
                IssuedIdentity(gateway: good.gateway, certificate: good.authority, authority: good.authority),
                IssuedIdentity(
                    gateway: good.gateway, certificate: good.certificate + elsewhere, authority: good.authority),
                IssuedIdentity(
                    gateway: good.gateway, certificate: good.certificate, authority: good.authority,
                    commandKey: good.certificate),
            ]
            for issued in wrong {
                #expect(throws: IdentityProblem.self) {
                    try box.install(issued, for: counter.gateway, takesCommandKey: true)
                }
                #expect(!box.isEnrolled)
            }
            try box.install(good, for: counter.gateway, takesCommandKey: true)
            #expect(box.isEnrolled)
        }
    }

    @Test("a folder that cannot be written is named, with what to do")
    func unwritable() throws {
        let gateway = try #require(GatewayID(rawValue: "G-1"))
        let folder = IdentityFolder(path: "/proc/nowhere/identity")
        let problem = #expect(throws: IdentityProblem.self) { try folder.prepare(for: gateway) }
        #expect(problem?.description.hasPrefix("/proc/nowhere/identity: ") == true)
    }
}
