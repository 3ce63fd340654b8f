import Failpoints
import Foundation
import Metering
import SampleLoad
import Storage
import UplinkProtocol

/// A simulated site with a platform, around a daemon that is killed.
final class KillBench {
    /// Meters; the first two have little money and are cut again and again.
    static let meterCount = 6
    static let poorCount = 2
    static let gateway = "G-1"

    let folder: String
    private let profiles: String
    private let simulator: ChildProgram
    private let platform: ChildProgram
    private var starts = 0

    init(profiles: String) throws {
        self.profiles = profiles
        // Short: it holds sockets, whose paths have 107 bytes.
        folder = "/tmp/mk-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Self.world(folder).write(toFile: "\(folder)/world.yaml", atomically: true, encoding: .utf8)
        try Self.meters().write(toFile: "\(folder)/meters.csv", atomically: true, encoding: .utf8)
        _ = try ChildProgram.ask(
            "meterkeep-platform", ["make-certificates", "\(folder)/tls", "--gateway", Self.gateway])
        simulator = try ChildProgram(
            "metersim",
            [
                "run", "--world", "\(folder)/world.yaml", "--profiles", profiles, "--control", "\(folder)/sim.sock",
                "--write-log", "\(folder)/writes.jsonl",
            ], log: "\(folder)/simulator.log")
        platform = try ChildProgram(
            "meterkeep-platform",
            [
                "serve", "--database", "\(folder)/platform.db", "--authority", "\(folder)/tls/ca.pem", "--certificate",
                "\(folder)/tls/platform.pem", "--key", "\(folder)/tls/platform.key", "--port", "0", "--port-file",
                "\(folder)/port", "--socket", "\(folder)/platform.sock",
            ], log: "\(folder)/platform.log")
        try simulator.waitFor("ready")
        try platform.waitFor("ready")
        let port = try String(contentsOfFile: "\(folder)/port", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        try Self.configuration(folder, profiles: profiles, port: port)
            .write(toFile: "\(folder)/gateway.yaml", atomically: true, encoding: .utf8)
    }

    deinit {
        platform.end(SIGTERM)
        simulator.end(SIGTERM)
        try? FileManager.default.removeItem(atPath: folder)
    }

    func startDaemon(_ failpoint: (Failpoint, passes: Int)? = nil) throws -> ChildProgram {
        starts += 1
        var environment: [String: String] = [:]
        if let failpoint { environment[Failpoint.variable] = "\(failpoint.0.rawValue):\(failpoint.passes)" }
        return try ChildProgram(
            "meterkeep", ["daemon", "--config", "\(folder)/gateway.yaml", "--log-level", "info"],
            log: "\(folder)/daemon.log", environment: environment)
    }

    func install() throws {
        _ = try ChildProgram.ask("meterkeep", ["import", "\(folder)/meters.csv", "--socket", "\(folder)/g.sock"])
    }

    func sell(_ id: String, to account: Int, amount: String) throws {
        _ = try ChildProgram.ask(
            "meterkeep-platform",
            [
                "recharge", Self.gateway, "A-\(account)", amount, "--customer", "C-\(account)", "--id", id, "--socket",
                "\(folder)/platform.sock",
            ])
    }

    func keep(_ words: String...) throws -> JSONValue {
        try ChildProgram.ask("meterkeep", words + ["--json", "--socket", "\(folder)/g.sock"])
    }

    func platform(_ words: String...) throws -> [[String: JSONValue]] {
        let answer = try ChildProgram.ask("meterkeep-platform", words + ["--socket", "\(folder)/platform.sock"])
        return (answer.array ?? []).compactMap(\.object)
    }

    func simulate(_ words: String...) throws -> JSONValue {
        try ChildProgram.ask("metersim", ["control", "\(folder)/sim.sock"] + words)
    }

    /// The ledger of a daemon that does not run.
    func withLedger<Value>(_ body: (LedgerStore) throws -> Value) throws -> Value {
        let directory = try DataDirectory(path: "\(folder)/data")
        let store = try LedgerStore(
            path: directory.ledgerPath, gateway: try need(GatewayID(rawValue: Self.gateway)), newEpoch: "none")
        defer { try? store.close() }
        return try body(store)
    }

    /// The readings of a daemon that does not run.
    func withTelemetry<Value>(_ body: (TelemetryStore) throws -> Value) throws -> Value {
        let directory = try DataDirectory(path: "\(folder)/data")
        let store = try TelemetryStore(path: directory.telemetryPath, newEpoch: "none")
        defer { try? store.close() }
        return try body(store)
    }

    /// Takes the files of a daemon that does not run back to their first layouts.
    func takeFilesBack() throws {
        let directory = try DataDirectory(path: "\(folder)/data")
        try OlderLayout.takeLedgerBack(directory.ledgerPath, to: 1)
        // Numbers that went upstream from memory are accounted for when it is opened.
        try TelemetryStore(path: directory.telemetryPath, newEpoch: "none").close()
        try OlderLayout.takeTelemetryBack(directory.telemetryPath)
    }

    /// Asks until it is so.
    func until(_ what: String, seconds: Double = 60, _ isSo: () throws -> Bool) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while !((try? isSo()) ?? false) {
            guard Date() < deadline else { throw SetupProblem("within \(seconds) s it did not happen: \(what)") }
            usleep(100_000)
        }
    }

    private static func world(_ folder: String) -> String {
        var text = """
            seed: 1
            energy_speed: 1000
            buses:
              - name: bus1
                link: \(folder)/bus1
                baud: 115200
                format: 8N1
                turnaround_us: [300, 900]
                devices:

            """
        for meter in 1...meterCount {
            text += "      - { name: M-\(meter), unit: \(meter), profile: acrel-ddsy1352-block, "
            text += "energy_wh: \(meter)000, base_w: \(200 + 30 * meter) }\n"
        }
        return text
    }

    private static func configuration(_ folder: String, profiles: String, port: String) -> String {
        """
        gateway: \(gateway)
        data: data
        socket: g.sock
        profiles: \(profiles)
        clock: assumed
        buses:
          - { id: bus1, port: \(folder)/bus1, baud: 115200, format: 8N1 }
        poll: { fast_ms: 100, normal_ms: 150, slow_ms: 2000, stale_seconds: 10 }
        telemetry: { interval_seconds: 1, commit_seconds: 1 }
        uplink: { url: "https://localhost:\(port)", authority: tls/ca.pem, certificate: tls/\(gateway).pem, \
        key: tls/\(gateway).key }
        """
    }

    private static func meters() -> String {
        var text =
            "meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,hoarding_cap,opening_balance,rated_watts\n"
        for meter in 1...meterCount {
            let opening = meter <= poorCount ? "0.5" : "100000"
            text += "M-\(meter),bus1,\(meter),acrel-ddsy1352-block,A-\(meter),C-\(meter),1.0000,0.20,0.10,1000000,"
            text += "\(opening),10000000\n"
        }
        return text
    }
}
