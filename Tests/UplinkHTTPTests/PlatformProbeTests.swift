import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTLS
import Metering
import Testing
import UplinkHTTP

@Suite("One look at the way upstream", .timeLimit(.minutes(5)))
struct PlatformProbeTests {
    /// Asks a server that answers every list of commands like this.
    private func ask(
        status: HTTPResponse.Status = .ok, body: String = #"{"commands":[]}"#, of server: Certificates,
        as address: @escaping @Sendable (Int) -> PlatformAddress
    ) async throws -> PlatformReach? {
        let router = Router()
        router.get("/v1/gateways/G-1/commands") { request, _ in
            // From the first on: asking for later ones would confirm those before.
            #expect(request.uri.queryParameters.get("after") == "0")
            return Response(status: status, body: .init(byteBuffer: ByteBuffer(string: body)))
        }
        let tls = try server.serverTLS()
        let (outcomes, outcome) = AsyncStream<PlatformReach>.makeStream()
        try await serving({ onReady in
            Application(
                router: router, server: try .tls(.http1(), tlsConfiguration: tls),
                configuration: .init(address: .hostname("localhost", port: 0)),
                onServerRunning: { onReady($0.localAddress?.port ?? 0) }, logger: quiet)
        }) { port in
            outcome.yield(try await PlatformProbe.ask(address(port), gateway: "G-1"))
        }
        return await outcomes.first { _ in true }
    }

    @Test("an answer, a refusal, a portal")
    func answers() async throws {
        let certificates = try Certificates()
        let address: @Sendable (Int) -> PlatformAddress = { certificates.address(port: $0) }
        #expect(try await ask(of: certificates, as: address) == .answered)
        #expect(try await ask(status: .forbidden, of: certificates, as: address) == .status(403))
        let portal = try await ask(body: "<html>log in</html>", of: certificates, as: address)
        guard case .strangeAnswer = portal else {
            Issue.record("\(String(describing: portal))")
            return
        }
    }

    @Test("no trust, nobody there, no such name")
    func failures() async throws {
        let certificates = try Certificates()
        let others = try Certificates()
        let stranger = try await ask(of: certificates) { certificates.address(port: $0, believing: others) }
        guard case .tlsRefused = stranger else {
            Issue.record("\(String(describing: stranger))")
            return
        }
        let nobody = try await PlatformProbe.ask(certificates.address(port: 1), gateway: "G-1")
        guard case .unreachable = nobody else {
            Issue.record("\(nobody)")
            return
        }
        let address = certificates.address(port: 1)
        let nowhere = PlatformAddress(
            url: "https://no-such-host.invalid", authorityPath: address.authorityPath,
            certificatePath: address.certificatePath, keyPath: address.keyPath, minimumTLS: .v13)
        #expect(try await PlatformProbe.ask(nowhere, gateway: "G-1") == .nameUnknown(host: "no-such-host.invalid"))
    }

    @Test("the terms of the certificates are told, and which file is missing")
    func terms() throws {
        let certificates = try Certificates()
        let address = certificates.address(port: 1)
        let terms = try PlatformProbe.terms(address)
        #expect(terms.map(\.path) == [address.certificatePath, address.authorityPath])
        #expect(terms.allSatisfy { $0.from < $0.until })
        try FileManager.default.removeItem(atPath: address.keyPath)
        #expect(throws: UplinkSetupError.self) { try PlatformProbe.terms(address) }
    }
}
