import Foundation
import Testing

@Suite("Consumers that speak an older TLS", .timeLimit(.minutes(5)))
struct OldClientTests {
    /// What OpenSSL's own client says of a connection with one version of TLS.
    private func connect(_ bench: PullBench, _ version: String) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = [
            "s_client", "-connect", "localhost:\(bench.port)", version, "-cipher", "ALL:@SECLEVEL=0", "-CAfile",
            "\(bench.folder)/ca.pem", "-cert", "\(bench.folder)/billing.pem", "-key", "\(bench.folder)/billing.key",
        ]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    @Test("are not let in below 1.3, or below 1.2 where that is allowed", arguments: [false, true])
    func refused(allowsTLS12: Bool) async throws {
        try await PullBench.run(allowsTLS12: allowsTLS12) { bench in
            for version in ["-tls1", "-tls1_1", "-tls1_2", "-tls1_3"] {
                let isLetIn = version == "-tls1_3" || (version == "-tls1_2" && allowsTLS12)
                let said = try connect(bench, version)
                #expect(said.contains("Cipher is (NONE)") == !isLetIn, "\(version): \(said.suffix(400))")
            }
        }
    }
}
