import Foundation
import Testing
import UplinkProtocol

extension Bench {
    /// A platform with certificates of its own, and a configuration that pushes to it.
    /// - Parameter extra: further sections of the configuration.
    func startPlatform(batchRecords: Int = 200, data: String = "data", extra: String = "") throws -> Program {
        let certificates = try Program.run(
            "meterkeep-platform", ["make-certificates", "\(folder)/tls", "--gateway", "G-1"])
        #expect(certificates.code == 0)
        let platform = try servePlatform(port: "0")
        try write(
            "gateway.yaml",
            configuration(
                port: "\(folder)/bus1", data: data,
                extra: """
                    uplink: { url: "https://localhost:\(try port("port"))", authority: tls/ca.pem, certificate: tls/G-1.pem, \
                    key: tls/G-1.key, batch_records: \(batchRecords) }
                    \(extra)
                    """))
        return platform
    }

    /// The platform, as it was left where it ran before.
    func servePlatform(port: String, _ options: [String] = []) throws -> Program {
        let platform = try Program(
            "meterkeep-platform",
            [
                "serve", "--database", "\(folder)/platform.db", "--authority", "\(folder)/tls/ca.pem",
                "--certificate", "\(folder)/tls/platform.pem", "--key", "\(folder)/tls/platform.key",
                "--port", port, "--port-file", "\(folder)/port", "--socket", "\(folder)/platform.sock",
            ] + options)
        try platform.waitFor("ready: https")
        return platform
    }

    /// A platform that makes boxes known, on a port of its own.
    func startEnrollingPlatform(_ options: String...) throws -> Program {
        _ = try Program.run("meterkeep-platform", ["make-certificates", "\(folder)/tls", "--gateway", "other"])
        let platform = try servePlatform(
            port: "0",
            [
                "--authority-key", "\(folder)/tls/ca.key", "--enrol-port", "0", "--enrol-port-file",
                "\(folder)/enrol-port",
            ] + options)
        try platform.waitFor("ready: enrolment")
        return platform
    }

    /// The port that a program wrote to a file of the bench's folder.
    func port(_ file: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A pairing code for a box.
    func pair(_ gateway: String) throws -> String {
        let (text, code) = try Program.run(
            "meterkeep-platform", ["pair", gateway, "--socket", "\(folder)/platform.sock"])
        #expect(code == 0, "\(text)")
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Two rooms with money enough for the whole test.
    static let twoRooms = """
        meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,opening_balance,rated_watts
        M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,0.0100,1,0.5,100,10000000
        M-2,bus1,2,acrel-ddsy1352-block,A-2,C-2,0.0100,1,0.5,100,10000000
        """

    /// - Parameter meters: an import file.
    func install(_ meters: String = twoRooms) throws {
        let file = try write("meters.csv", meters)
        let imported = try Program.run("meterkeep", ["import", file, "--socket", "\(folder)/data.sock"])
        #expect(imported.code == 0, "\(imported.text)")
    }

    /// What the platform answers, as JSON.
    func platform(_ words: String...) throws -> [[String: JSONValue]] {
        let (text, _) = try Program.run("meterkeep-platform", words + ["--socket", "\(folder)/platform.sock"])
        let json = try StrictJSON.parse(text.trimmingCharacters(in: .whitespacesAndNewlines))
        return (json.array ?? [json]).compactMap(\.object)
    }

    func sell(_ amount: String, to account: String, id: String) throws {
        let sold = try Program.run(
            "meterkeep-platform",
            [
                "recharge", "G-1", "A-\(account)", amount, "--customer", "C-\(account)", "--id", id, "--socket",
                "\(folder)/platform.sock",
            ])
        #expect(sold.code == 0, "\(sold.text)")
    }

    /// What the daemon says of itself.
    func status(_ path: String...) throws -> JSONValue? {
        let status = try ask("status")
        return path.reduce(JSONValue?.some(status)) { $0?.object?[$1] }
    }

    func circuit(_ name: String) throws -> [String: JSONValue] {
        let circuits = try ask("meters").object?["circuits"]?.array ?? []
        return circuits.compactMap(\.object).first { $0["circuit"] == .string(name) } ?? [:]
    }

    /// How many requests the simulated bus has heard.
    func requests() throws -> Int64 {
        let (text, _) = try Program.run("metersim", ["control", "\(folder)/sim.sock", "stats"])
        let stats = try StrictJSON.parse(text.trimmingCharacters(in: .whitespacesAndNewlines)).array ?? []
        return stats.reduce(0) { $0 + ($1.object?["requests"]?.integer ?? 0) }
    }

    /// Whether a command is in the ledger; at the platform it may show later.
    func isApplied(_ id: String) throws -> Bool {
        try ask("ledger", "show", "A-1").array?.contains {
            $0.object?["posting"]?.object?["command"] == .string(id)
        } ?? false
    }

    func end(_ programs: Program...) {
        for program in programs {
            program.signal(SIGTERM)
            _ = program.finish()
        }
    }
}
