import Foundation
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

    @Test("after an outage the newest readings come before the backlog is through")
    func liveFirst() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform(batchRecords: 4)
        let daemon = try bench.startDaemon()
        try bench.install()
        func fault(_ words: String...) throws {
            _ = try Program.run(
                "meterkeep-platform", ["fault"] + words + ["--socket", "\(bench.folder)/platform.sock"])
        }
        func queued() throws -> Int64 { try bench.status("uplink", "telemetry_queued")?.integer ?? 0 }
        // Asked for once a second, so that it is noticed at once when all is well again.
        try fault("status", "--status", "503", "--retry-after", "1")
        try bench.until("a backlog has gathered", within: 60) { try queued() >= 40 }
        // Each batch of four takes a while now: the backlog needs many seconds.
        let wellAgain = Int64(Date().timeIntervalSince1970 * 1000)
        try fault("slow", "--milliseconds", "700")
        try bench.until("the platform has a reading from after the outage", within: 60) {
            try bench.platform("meters").contains { ($0["read_at_ms"]?.integer ?? 0) > wellAgain }
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
