import Foundation
import Synchronization
import Testing
import UplinkHTTP
import UplinkProtocol

@Suite("A box whose clock is wrong", .timeLimit(.minutes(5)))
struct ClockTests {
    /// What the client says of a platform all of whose certificates begin at a moment.
    private func reason(certificatesFrom start: Date) async throws -> String {
        let certificates = try Certificates(validFrom: start)
        let said = Mutex("")
        try await withPlatform(certificates) { _, _, port in
            try await withClient(certificates.address(port: port)) { client in
                if case .noAnswer(let reason) = await client.send(try readings(1...1)) { said.withLock { $0 = reason } }
            }
        }
        return said.withLock { $0 }
    }

    @Test("that it thinks it is long ago is said, not that a certificate is wrong")
    func longAgo() async throws {
        // To these certificates today is as 1970 is to real ones.
        let reason = try await reason(certificatesFrom: Date().addingTimeInterval(3 * 365 * 86_400))
        #expect(reason.hasPrefix("the clock shows "), "\(reason)")
        #expect(reason.contains("begins to be valid") && reason.contains("time source"), "\(reason)")
    }

    @Test("certificates that have ended are named")
    func ended() async throws {
        let reason = try await reason(certificatesFrom: Date().addingTimeInterval(-2 * 365 * 86_400))
        #expect(reason.contains(".pem was valid until") && reason.contains("new certificate"), "\(reason)")
    }

    @Test("a platform that is not believed for another reason: the clock is asked about first")
    func otherAuthority() async throws {
        let platform = try Certificates()
        let box = try Certificates()
        let said = Mutex("")
        try await withPlatform(platform) { _, _, port in
            try await withClient(platform.address(port: port, believing: box)) { client in
                if case .noAnswer(let reason) = await client.send(try readings(1...1)) { said.withLock { $0 = reason } }
            }
        }
        let reason = said.withLock { $0 }
        #expect(reason.hasPrefix("is the clock right? It shows 20"), "\(reason)")
    }
}
