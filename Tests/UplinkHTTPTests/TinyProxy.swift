import Foundation
import FreePort
import Glibc
import Testing

/// A real proxy on a free port of the loopback; it lets the user `box` with the password `secret` through.
final class TinyProxy {
    let port: Int
    private let process = Process()

    /// - Parameter folder: for its configuration.
    init(in folder: String) throws {
        port = try FreePort.find()
        let path = "\(folder)/tinyproxy.conf"
        try """
        Port \(port)
        Listen 127.0.0.1
        Timeout 60
        MaxClients 10
        BasicAuth box secret
        """.write(toFile: path, atomically: true, encoding: .utf8)
        process.executableURL = URL(filePath: "/usr/bin/tinyproxy")
        process.arguments = ["-d", "-c", path]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        while !FreePort.isTaken(port) { try #require(process.isRunning, "tinyproxy ended; is it installed?") }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
