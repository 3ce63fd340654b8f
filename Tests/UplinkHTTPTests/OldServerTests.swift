import Foundation
import Glibc
import Testing
import UplinkHTTP
import UplinkProtocol

/// OpenSSL's own server on a free port of the loopback, which offers one version of TLS and no other.
private final class OldServer {
    let port: Int
    private let process = Process()
    private let output = Pipe()

    /// - Parameter version: `-tls1_1`, ...
    init(_ certificates: Certificates, _ version: String) throws {
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = [
            "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", certificates.path("platform.pem"), "-key",
            certificates.path("platform.key"), version, "-cipher", "ALL:@SECLEVEL=0",
        ]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        var said = ""
        while !said.contains("ACCEPT 127.0.0.1:") || !said.hasSuffix("\n") {
            let data = output.fileHandleForReading.availableData
            try #require(!data.isEmpty, "openssl ended: \(said)")
            said += String(decoding: data, as: UTF8.self)
        }
        let line = try #require(said.split(separator: "\n").first { $0.hasPrefix("ACCEPT") })
        port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

@Suite("Servers that speak an older TLS", .timeLimit(.minutes(5)))
struct OldServerTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let version: String
        let minimum: PlatformAddress.MinimumTLS
        let comesThrough: Bool
        var testDescription: String { "\(version) where \(minimum.rawValue) is the least" }
    }

    @Test(
        "nothing is sent to them",
        arguments: [
            Sample(version: "-tls1_1", minimum: .v13, comesThrough: false),
            Sample(version: "-tls1_1", minimum: .v12, comesThrough: false),
            Sample(version: "-tls1_2", minimum: .v13, comesThrough: false),
            // That the samples above can fail: these are talked with, and give a page in place of an answer.
            Sample(version: "-tls1_2", minimum: .v12, comesThrough: true),
            Sample(version: "-tls1_3", minimum: .v13, comesThrough: true),
        ])
    func refused(sample: Sample) async throws {
        let certificates = try Certificates()
        let server = try OldServer(certificates, sample.version)
        defer { withExtendedLifetime(server) {} }
        let address = certificates.address(port: server.port, minimumTLS: sample.minimum)
        let asked = try await withClient(address) { await $0.commands(after: 0) }
        guard case .failed(let reason, _) = asked else {
            Issue.record("answered: \(asked)")
            return
        }
        if sample.comesThrough {
            #expect(reason.hasPrefix("the answer is no list of commands"), "\(reason)")
            return
        }
        #expect(reason.lowercased().contains("protocol"), "\(reason)")
        let sent = try await withClient(address) { await $0.send(try readings(1...1)) }
        guard case .noAnswer = sent else {
            Issue.record("answered: \(sent)")
            return
        }
    }
}
