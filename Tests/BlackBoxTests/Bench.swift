import Foundation
import Testing
import UplinkProtocol

/// A program that runs beside the test.
final class Program {
    private let process = Process()
    private let output = Pipe()
    private var text = ""

    /// The programs are built beside the test bundle.
    private static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    static func path(of name: String) -> String { folder.appending(path: name).path }

    convenience init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        try self.init(at: Self.path(of: name), arguments, environment: environment)
    }

    init(at path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        if !environment.isEmpty {
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        }
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Reads what the program says until it has said `words` so many times, or it ends.
    func waitFor(_ words: String, times: Int = 1) throws {
        while text.components(separatedBy: words).count <= times {
            let data = output.fileHandleForReading.availableData
            try #require(!data.isEmpty, "\(process.executableURL?.lastPathComponent ?? "") ended: \(text)")
            text += String(decoding: data, as: UTF8.self)
        }
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Everything it said, and its exit code.
    func finish() -> (text: String, code: Int32) {
        text += String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (text, process.terminationStatus)
    }

    static func run(_ name: String, _ arguments: [String]) throws -> (text: String, code: Int32) {
        try Program(name, arguments).finish()
    }
}

/// A folder with a configuration, and a simulated bus where one is asked for.
final class Bench {
    let folder: String

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    init() throws {
        // Short: it holds sockets, whose paths have 107 bytes.
        folder = "/tmp/mk-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try write("gateway.yaml", configuration())
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func configuration(port: String = "/dev/ttyNOWHERE", data: String = "data", extra: String = "") -> String {
        """
        gateway: G-1
        data: \(data)
        socket: \(data).sock
        profiles: \(Self.root.path)/etc/profiles
        clock: assumed
        buses:
          - { id: bus1, port: \(port), baud: 115200, format: 8N1 }
        poll: { fast_ms: 200, normal_ms: 200, slow_ms: 2000, stale_seconds: 10 }
        telemetry: { interval_seconds: 1, commit_seconds: 1 }
        \(extra)
        """
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let path = "\(folder)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    var contents: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// Two meters with relays of their own; energy runs a thousand times as fast as the clock.
    func startSimulator() throws -> Program {
        try write(
            "world.yaml",
            """
            seed: 1
            energy_speed: 1000
            buses:
              - name: bus1
                link: \(folder)/bus1
                baud: 115200
                format: 8N1
                turnaround_us: [500, 1500]
                devices:
                  - { name: M-1, unit: 1, profile: acrel-ddsy1352-block, energy_wh: 1000, base_w: 300 }
                  - { name: M-2, unit: 2, profile: acrel-ddsy1352-block, energy_wh: 2000, base_w: 300 }
            """)
        let simulator = try Program(
            "metersim",
            [
                "run", "--world", "\(folder)/world.yaml", "--profiles", "\(Self.root.path)/etc/profiles", "--control",
                "\(folder)/sim.sock", "--write-log", "\(folder)/writes.jsonl",
            ])
        try simulator.waitFor("ready")
        return simulator
    }

    func startDaemon(_ file: String = "gateway.yaml") throws -> Program {
        let daemon = try Program("meterkeep", ["daemon", "--config", "\(folder)/\(file)"])
        try daemon.waitFor("] ready")
        return daemon
    }

    /// The daemon's answer to a command of the command line, as JSON.
    func ask(_ arguments: String...) throws -> JSONValue {
        let (text, _) = try Program.run("meterkeep", arguments + ["--json", "--socket", "\(folder)/data.sock"])
        return try StrictJSON.parse(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Asks again until the answer is right; each question takes its own time, so nothing sleeps here.
    func until(_ what: String, within seconds: Double = 30, _ isTrue: () throws -> Bool) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while try !isTrue() { try #require(Date() < deadline, "did not happen: \(what)") }
    }
}
