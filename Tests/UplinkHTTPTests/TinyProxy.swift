import Foundation
import Glibc
import Testing

/// A real proxy on a free port of the loopback; it lets the user `box` with the password `secret` through.
final class TinyProxy {
    let port: Int
    private let process = Process()

    /// - Parameter folder: for its configuration.
    init(in folder: String) throws {
        let (port, listener) = try Self.freePort()
        self.port = port
        let path = "\(folder)/tinyproxy.conf"
        try """
        Port \(port)
        Listen 127.0.0.1
        Timeout 60
        MaxClients 10
        BasicAuth box secret
        """.write(toFile: path, atomically: true, encoding: .utf8)
        close(listener)
        process.executableURL = URL(filePath: "/usr/bin/tinyproxy")
        process.arguments = ["-d", "-c", path]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        while !Self.isListening(port) { try #require(process.isRunning, "tinyproxy ended; is it installed?") }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        address.sin_port = in_port_t(port).bigEndian
        return address
    }

    private static func freePort() throws -> (port: Int, listener: Int32) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isBound)
        return (Int(in_port_t(bigEndian: address.sin_port)), listener)
    }

    private static func isListening(_ port: Int) -> Bool {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        var address = loopback(port)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
