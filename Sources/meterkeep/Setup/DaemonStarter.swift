import Concentrator
import Console
import Foundation

/// Has a daemon run for the self-test: the one that runs, the service, or one of our own that ends with the test.
struct DaemonStarter {
    let configuration: GatewayConfiguration
    let path: String

    private static let patienceSeconds = 20.0

    struct Running {
        fileprivate let own: Process?
        fileprivate let client: LocalClient

        /// Ends a daemon of our own; another goes on.
        func stop() {
            guard let own, own.isRunning else { return }
            own.terminate()
            own.waitUntilExit()
        }

        /// Imports a file where it has devices.
        func take(_ csv: String, from file: String) async throws {
            let lines = csv.split(separator: "\n").filter { !$0.hasPrefix("#") }
            guard lines.count > 1 else { return }
            do { _ = try await client.post("/v1/import?file=\(file.forQuery)", body: csv) } catch {
                throw GatewayProblem.configuration("\(error)")
            }
        }
    }

    func start(_ tell: (String) -> Void) async throws -> Running {
        let client = LocalClient(socketPath: configuration.socketPath)
        if (try? await client.get("/v1/status")) != nil { return Running(own: nil, client: client) }
        if FileManager.default.fileExists(atPath: "/run/systemd/system"), path == "/etc/meterkeep/gateway.yaml" {
            tell("Starting the service meterkeepd ...")
            let process = try Process.run(
                URL(filePath: "/usr/bin/env"), arguments: ["systemctl", "enable", "--now", "meterkeepd"])
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                throw GatewayProblem.device("the service does not start; see: journalctl -u meterkeepd -n 30")
            }
            try await wait(for: client, whileRunning: nil)
            return Running(own: nil, client: client)
        }
        tell("Starting a daemon for the test ...")
        let folder = URL(filePath: configuration.socketPath).deletingLastPathComponent().path
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["daemon", "--config", path, "--log-level", "warning"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let words = Pipe()
        process.standardError = words
        try process.run()
        do { try await wait(for: client, whileRunning: process) } catch {
            if process.isRunning { process.terminate() }
            process.waitUntilExit()
            let said = String(decoding: words.fileHandleForReading.availableData, as: UTF8.self)
            throw GatewayProblem.device("\(error)\n\(said.suffix(600))")
        }
        // Nobody reads what it says from here on, and it must not wait for that.
        words.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
        return Running(own: process, client: client)
    }

    private func wait(for client: LocalClient, whileRunning process: Process?) async throws {
        let deadline = Date().addingTimeInterval(Self.patienceSeconds)
        while (try? await client.get("/v1/status")) == nil {
            guard Date() < deadline, process?.isRunning != false else {
                throw GatewayProblem.device("the daemon does not answer; see: meterkeep doctor --config \(path)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
