import Foundation
import FreePort
import Glibc
import ReferencePlatform
import UplinkMQTT

/// A real Mosquitto on a free port of the loopback, with TLS and client certificates.
final class Mosquitto {
    let port: Int
    let folder: String
    private var process = Process()

    /// - Parameters:
    ///   - access: an ACL file; without one everybody may do everything.
    ///   - security: what the plugin is given that knows rights to subscribe; nil: it is not there.
    init(access: String? = nil, security: String? = nil) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "mqtt-\(UUID().uuidString.prefix(8))").path
        try CertificateMaker.make(in: folder, gateways: ["G-1", "office"])
        port = try FreePort.find()
        try access?.write(toFile: "\(folder)/acl", atomically: true, encoding: .utf8)
        try security?.write(toFile: "\(folder)/security.json", atomically: true, encoding: .utf8)
        try """
        listener \(port) 127.0.0.1
        cafile \(folder)/ca.pem
        certfile \(folder)/platform.pem
        keyfile \(folder)/platform.key
        require_certificate true
        use_identity_as_username true
        allow_anonymous false
        persistence false
        user root
        \(access == nil ? "" : "acl_file \(folder)/acl")
        \(security == nil ? "" : Self.plugin(configured: "\(folder)/security.json"))
        """.write(toFile: "\(folder)/mosquitto.conf", atomically: true, encoding: .utf8)
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func plugin(configured path: String) -> String {
        let folders = ["x86_64", "aarch64"].map { "/usr/lib/\($0)-linux-gnu" }
        let plugins = folders.map { "\($0)/mosquitto_dynamic_security.so" }
        let plugin = plugins.first(where: FileManager.default.fileExists) ?? plugins[0]
        return "plugin \(plugin)\nplugin_opt_config_file \(path)"
    }

    func start() throws {
        process = Process()
        process.executableURL = URL(filePath: "/usr/sbin/mosquitto")
        process.arguments = ["-c", "\(folder)/mosquitto.conf"]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    func stop() {
        guard process.isRunning else { return }
        signal(SIGKILL)
        process.waitUntilExit()
    }

    func address(as name: String, version: BrokerAddress.Version) -> BrokerAddress {
        BrokerAddress(
            host: "localhost", port: port,
            tls: .init(
                authorityPath: "\(folder)/ca.pem", certificatePath: "\(folder)/\(name).pem",
                keyPath: "\(folder)/\(name).key", allowsTLS12: false),
            version: version)
    }
}

extension BrokerClient {
    /// The next connection; nil where the client was stopped.
    func nextConnection() async -> BrokerConnection? {
        for await link in links { if case .up(let connection, _) = link { return connection } }
        return nil
    }

    /// Why the connection ended; nil where the client was stopped.
    func nextEnd() async -> String? {
        for await link in links { if case .down(let reason) = link { return reason } }
        return nil
    }
}
