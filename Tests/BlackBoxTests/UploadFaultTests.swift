import Foundation
import FreePort
import Testing
import UplinkProtocol

@Suite("A platform that does wrong, seen from the bus", .serialized)
struct UploadFaultTests {
    @Test("whatever it answers, everything arrives once and in order when it is well again")
    func faults() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let daemon = try bench.startDaemon()
        try bench.install()
        let faults: [[String]] = [
            ["status", "--status", "503", "--retry-after", "1"], ["status", "--status", "500"],
            ["status", "--status", "404"], ["wrong"],
            ["slow", "--milliseconds", "1500"], ["cut"], ["cut_after"],
        ]
        var sold: [String] = []
        for (number, fault) in faults.enumerated() {
            _ = try Program.run(
                "meterkeep-platform",
                ["fault"] + fault + ["--count", "2", "--socket", "\(bench.folder)/platform.sock"])
            let id = "sale-\(number)"
            try bench.sell("1", to: "1", id: id)
            sold.append(id)
            try bench.until("\(id) is answered after \(fault)") {
                try bench.platform("commands").contains {
                    $0["id"] == .string(id) && $0["outcome"] == .string("applied")
                }
            }
        }
        try bench.until("nothing waits") {
            try bench.status("uplink", "ledger_queued") == .integer(0)
                && (bench.status("uplink", "telemetry_queued")?.integer ?? .max) < 10
        }
        let gateway = try #require(try bench.platform("gateways").first)
        #expect(gateway["faults"] == .integer(0), "\(gateway)")
        #expect(gateway["ledger_through"]?.integer ?? 0 > 10)
        let shown = try bench.platform("ledger", "G-1", "A-1")
        let recharges = shown.compactMap { $0["posting"]?.object?["command"]?.string }
        #expect(recharges == sold)
        bench.end(daemon, platform, simulator)
    }

    @Test("a ledger record that the platform cannot take: the rest comes, an operator sees it, and it comes after all")
    func withheld() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let port = try FreePort.find()
        let platform = try bench.startPlatform(extra: "metrics: { port: \(port) }")
        let daemon = try bench.startDaemon()
        try bench.install()
        let socket = ["--socket", "\(bench.folder)/platform.sock"]
        let keep = ["--socket", "\(bench.folder)/data.sock"]
        func certain() throws -> JSONValue? {
            try bench.platform("balances").first { $0["account"] == .string("A-2") }?["certain"]
        }
        try bench.until("the platform hears of the accounts") { try bench.platform("balances").count == 2 }
        _ = try Program.run("meterkeep-platform", ["fault", "poison", "--text", "poisoned-1"] + socket)
        // Both its posting and its answer name it.
        try bench.sell("1", to: "2", id: "poisoned-1")
        try bench.until("two records are withheld") { try bench.status("uplink", "ledger_withheld") == .integer(2) }
        try bench.sell("1", to: "1", id: "sound-1")
        try bench.until("what follows comes") {
            try bench.platform("commands").contains {
                $0["id"] == .string("sound-1") && $0["outcome"] == .string("applied")
            }
        }
        #expect(try bench.platform("gateways").first?["withheld"] == .integer(2))
        #expect(try certain() == .boolean(false))
        // Seen by whoever looks, however they look.
        #expect(try Program.run("meterkeep", ["status"] + keep).text.contains("the platform refused 2 ledger records"))
        let doctor = try Program.run("meterkeep", ["doctor", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(doctor.text.contains("meterkeep ledger withheld"), "\(doctor.text)")
        let metrics = try Data(contentsOf: try #require(URL(string: "http://127.0.0.1:\(port)/metrics")))
        #expect(String(decoding: metrics, as: UTF8.self).contains("\nmeterkeep_uplink_withheld 2\n"))
        let shown = try Program.run("meterkeep", ["ledger", "withheld"] + keep)
        #expect(shown.code == 65 && shown.text.contains("posting recharge A-2 1.000000"), "\(shown.text)")
        // Refused again, they stay; a restart forgets nothing.
        let again = try Program.run("meterkeep", ["ledger", "withheld", "--offer"] + keep)
        #expect(again.code == 65 && again.text.contains("0 taken, 2 refused again"), "\(again.text)")
        daemon.signal(SIGKILL)
        _ = daemon.finish()
        let next = try bench.startDaemon()
        #expect(try bench.status("uplink", "ledger_withheld") == .integer(2))
        // The platform was mended.
        _ = try Program.run("meterkeep-platform", ["fault", "none"] + socket)
        let taken = try Program.run("meterkeep", ["ledger", "withheld", "--offer"] + keep)
        #expect(taken.code == 0 && taken.text.contains("2 taken, 0 refused again"), "\(taken.text)")
        #expect(try bench.status("uplink", "ledger_withheld") == .integer(0))
        let gateway = try #require(try bench.platform("gateways").first)
        #expect(gateway["withheld"] == .integer(0))
        #expect(try certain() == .boolean(true))
        let recharges = try bench.platform("ledger", "G-1", "A-2").compactMap {
            $0["posting"]?.object?["command"]?.string
        }
        #expect(recharges == ["poisoned-1"])
        #expect(
            try bench.platform("commands").contains {
                $0["id"] == .string("poisoned-1") && $0["outcome"] == .string("applied")
            })
        bench.end(next, platform, simulator)
    }

    @Test("readings that the platform refuses leave one event in the ledger, not one each")
    func refusedReadings() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let daemon = try bench.startDaemon()
        try bench.install()
        let socket = ["--socket", "\(bench.folder)/platform.sock"]
        func through() throws -> Int64 { try bench.platform("gateways").first?["telemetry_through"]?.integer ?? 0 }
        try bench.until("readings come") { try through() > 2 }
        // The name of a value: every batch of readings has it, and no record of the ledger.
        _ = try Program.run("meterkeep-platform", ["fault", "poison", "--text", "energy_import"] + socket)
        try bench.until("some are refused", within: 60) {
            try bench.status("uplink", "telemetry_refused")?.integer ?? 0 > 1
        }
        _ = try Program.run("meterkeep-platform", ["fault", "none"] + socket)
        let before = try through()
        try bench.until("others come") { try through() > before }
        let (text, _) = try Program.run(
            "meterkeep", ["ledger", "export", "--all", "--socket", "\(bench.folder)/data.sock"])
        #expect(text.components(separatedBy: "readings_refused").count == 2, "\(text)")
        bench.end(daemon, platform, simulator)
    }

    @Test("a platform that was put back to an older state gets the ledger again from where it expects it")
    func putBack() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        var platform = try bench.startPlatform()
        let daemon = try bench.startDaemon()
        try bench.install()
        func through() throws -> Int64 { try bench.platform("gateways").first?["ledger_through"]?.integer ?? 0 }
        func database(_ suffix: String) -> String { "\(bench.folder)/platform.db\(suffix)" }
        try bench.until("the platform hears of the accounts") { try bench.platform("balances").count == 2 }
        let port = try String(contentsOfFile: "\(bench.folder)/port", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        bench.end(platform)
        try FileManager.default.copyItem(atPath: database(""), toPath: database(".old"))
        platform = try bench.servePlatform(port: port)
        for id in ["r-1", "r-2"] {
            try bench.sell("1", to: "1", id: id)
            try bench.until("\(id) is answered") {
                try bench.platform("commands").contains {
                    $0["id"] == .string(id) && $0["outcome"] == .string("applied")
                }
            }
        }
        try bench.until("nothing waits") { try bench.status("uplink", "ledger_queued") == .integer(0) }
        let before = try through()
        bench.end(platform)
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: database(suffix)) }
        try FileManager.default.moveItem(atPath: database(".old"), toPath: database(""))
        platform = try bench.servePlatform(port: port)
        let old = try through()
        #expect(old < before)
        // Anything new makes the platform say what it expects.
        try bench.write(
            "command.json", #"{"kind":"breaker_mode","breaker_mode":{"circuits":["M-1"],"mode":"guarantee"}}"#)
        _ = try Program.run(
            "meterkeep", ["execute", "\(bench.folder)/command.json", "--socket", "\(bench.folder)/data.sock"])
        try bench.until("it is said which record is expected") {
            try bench.status("uplink", "problem")?.string?.hasSuffix("came, \(old + 1) was expected") ?? false
        }
        #expect(try bench.status("uplink", "condition") == .string("refused"))
        let doctor = try Program.run("meterkeep", ["doctor", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(doctor.text.contains("meterkeep ledger resend --from"), "\(doctor.text)")
        let resend = try Program.run(
            "meterkeep", ["ledger", "resend", "--from", "\(old + 1)", "--socket", "\(bench.folder)/data.sock"])
        #expect(resend.code == 0, "\(resend.text)")
        try bench.until("the platform has it all again", within: 90) {
            try through() > before && bench.status("uplink", "ledger_queued") == .integer(0)
        }
        let recharges = try bench.platform("ledger", "G-1", "A-1").compactMap {
            $0["posting"]?.object?["command"]?.string
        }
        #expect(recharges == ["r-1", "r-2"])
        bench.end(daemon, platform, simulator)
    }

    @Test(
        "after an outage the newest readings come before the backlog is through, and go on coming",
        arguments: [false, true])
    func liveFirst(isKilledMeanwhile: Bool) throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform(batchRecords: 2)
        var daemon = try bench.startDaemon()
        try bench.install()
        func fault(_ words: String...) throws {
            _ = try Program.run(
                "meterkeep-platform", ["fault"] + words + ["--socket", "\(bench.folder)/platform.sock"])
        }
        func queued() throws -> Int64 { try bench.status("uplink", "telemetry_queued")?.integer ?? 0 }
        // Asked for once a second, so that it is noticed at once when all is well again.
        try fault("status", "--status", "503", "--retry-after", "1")
        try bench.until("a backlog has gathered", within: 60) { try queued() >= 44 }
        if isKilledMeanwhile {
            // Numbers that were reserved are a gap from now on.
            daemon.signal(SIGKILL)
            _ = daemon.finish()
            daemon = try bench.startDaemon()
        }
        // Each batch of two takes a while now: the backlog needs many seconds.
        try fault("slow", "--milliseconds", "1200")
        for _ in 0..<2 {
            let asked = Int64(Date().timeIntervalSince1970 * 1000)
            try bench.until("the platform has a reading from after the outage", within: 60) {
                try bench.platform("meters").contains { ($0["read_at_ms"]?.integer ?? 0) > asked }
            }
        }
        #expect(try queued() >= 12, "the backlog was through before the live readings")
        try fault("none")
        try bench.until("the backlog is through") { try queued() < 10 }
        #expect(try bench.platform("gateways").first?["faults"] == .integer(0))
        bench.end(daemon, platform, simulator)
    }

    @Test("a recharge is applied while an upload hangs")
    func cloggedUpload() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let daemon = try bench.startDaemon()
        try bench.install()
        try bench.until("the platform hears of the accounts") { try bench.platform("balances").count == 2 }
        _ = try Program.run(
            "meterkeep-platform",
            ["fault", "slow", "--milliseconds", "25000", "--socket", "\(bench.folder)/platform.sock"])
        let through = try bench.platform("gateways").first?["ledger_through"]
        // The first one clogs the way up; the second one finds it clogged.
        for id in ["r-1", "r-2"] {
            try bench.sell("1", to: "1", id: id)
            try bench.until("\(id) is in the ledger") { try bench.isApplied(id) }
        }
        let now = try bench.platform("gateways").first?["ledger_through"]
        // At most what was under way when the fault was set has come up.
        #expect((now?.integer ?? 0) - (through?.integer ?? 0) <= 2)
        // It would wait for what hangs.
        platform.signal(SIGKILL)
        bench.end(daemon, platform, simulator)
    }
}
