import Foundation
import FoundationNetworking
import Testing
import UplinkProtocol

/// What a bus does wrong, as an operator and a platform get to know of it, with the real programs.
@Suite("The real daemon and a bus that is not as it should be", .serialized)
struct BusFaultTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// A model, and the same with firmware that lacks two of its registers.
    private func profile(lacking: Bool) -> String {
        let more = """
              - { channel: voltage, address: 0x0100, scale: 0.1, unit: V }
              - { channel: current, address: 0x0102, scale: 0.01, unit: A }
            """
        return """
            id: lacking
            title: A meter whose firmware lacks registers
            source: made for this test
            verified: true
            commodity: electricity
            serial: { baud: 9600, format: 8N1 }
            limits: { registers_per_read: 20, response_timeout_ms: 300 }
            registers:
              - { channel: energy_import, address: 0x0000, encoding: u32, scale: 0.01, unit: kWh }
              - { channel: active_power, address: 0x0002, unit: W }
            \(lacking ? "" : more)
            billing: { channel: energy_import, step: 10, modulus: 1000000000 }
            """
    }

    private func startSimulator() throws -> Program {
        try bench.write(
            "world.yaml",
            """
            seed: 1
            buses:
              - name: bus1
                link: \(bench.folder)/bus1
                baud: 115200
                format: 8N1
                turnaround_us: [500, 1500]
                devices:
                  - { name: M-1, unit: 1, profile: lacking, energy_wh: 1000, base_w: 300 }
                  - { name: M-2, unit: 2, profile: acrel-ddsy1352-block, energy_wh: 2000, base_w: 300 }
            """)
        let simulator = try Program(
            "metersim",
            [
                "run", "--world", "\(bench.folder)/world.yaml", "--profiles", "\(bench.folder)/lacking", "--control",
                "\(bench.folder)/sim.sock", "--request-log", "\(bench.folder)/requests.jsonl",
            ])
        try simulator.waitFor("ready")
        return simulator
    }

    private func meterkeep(_ arguments: String...) throws -> (text: String, code: Int32) {
        try Program.run("meterkeep", arguments + ["--socket", "\(bench.folder)/data.sock"])
    }

    private func fault(_ words: String...) throws {
        _ = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock", "fault"] + words)
    }

    /// How often M-1 was asked for a register that it does not have.
    private func askedInVain() throws -> (times: Int, requests: Int) {
        let lines = try String(contentsOfFile: "\(bench.folder)/requests.jsonl", encoding: .utf8)
            .split(separator: "\n").filter { $0.contains("\"unit\":1,") }
        return (lines.count { $0.contains("\"address\":256,") || $0.contains("\"address\":258,") }, lines.count)
    }

    @Test("refused registers are learned once for ever, line faults are told and kept, breaker writes are timed")
    func faults() throws {
        for (folder, lacking) in [("full", false), ("lacking", true)] {
            try FileManager.default.copyItem(
                atPath: "\(Bench.root.path)/etc/profiles", toPath: "\(bench.folder)/\(folder)")
            try bench.write("\(folder)/lacking.yaml", profile(lacking: lacking))
        }
        let simulator = try startSimulator()
        let port = 20_000 + Int(getpid()) % 20_000 + 1
        try bench.write(
            "gateway.yaml",
            bench.configuration(port: "\(bench.folder)/bus1", extra: "metrics: { port: \(port) }")
                .replacing("\(Bench.root.path)/etc/profiles", with: "full"))
        let daemon = try bench.startDaemon()
        let file = try bench.write(
            "meters.csv",
            """
            meter,bus,unit,profile,account,customer,price,opening_balance
            M-1,bus1,1,lacking,A-1,C-1,0.5,100
            M-2,bus1,2,acrel-ddsy1352-block,A-2,C-2,0.5,100
            """)
        let (said, code) = try meterkeep("import", file)
        #expect(code == 0, "\(said)")
        try bench.until("both answer") { try bench.ask("status").object?["answering"]?.integer == 2 }
        try learnsHoles()
        try writesAreTimed(port: port)
        try lineFaultIsTold()
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        let learned = try askedInVain()
        let again = try bench.startDaemon()
        try bench.until("it is read again") { try askedInVain().requests > learned.requests + 20 }
        #expect(try askedInVain().times == learned.times)
        again.signal(SIGTERM)
        #expect(again.finish().code == 0)
        simulator.signal(SIGTERM)
        #expect(simulator.finish().code == 0)
    }

    private func learnsHoles() throws {
        try bench.until("M-1 is asked no more for what it does not have") {
            let before = try askedInVain()
            let isLearned = before.times > 0
            try bench.until("it is asked on") { try askedInVain().requests > before.requests + 20 }
            return try isLearned && askedInVain().times == before.times
        }
        #expect(try bench.ask("status").object?["answering"]?.integer == 2)
    }

    private func writesAreTimed(port: Int) throws {
        #expect(try meterkeep("mode", "forced-off", "M-2").code == 0)
        try bench.until("the write is timed") {
            let writes = try bench.ask("bus").array?.first?.object?["breaker_writes"]?.object
            return writes?["count"]?.integer == 1 && writes?["p99_us"]?.integer ?? 0 > 0
        }
        let (text, _) = try meterkeep("bus")
        #expect(text.contains("breaker writes  1, on the wire "), "\(text)")
        let page = String(
            decoding: try Data(contentsOf: try #require(URL(string: "http://127.0.0.1:\(port)/metrics"))), as: UTF8.self
        )
        let sample = "\nmeterkeep_breaker_write_delay_seconds{bus=\"bus1\",quantile=\"0.99\"} 0."
        #expect(page.contains(sample), "\(page)")
    }

    private func lineFaultIsTold() throws {
        try fault("M-2", "noise", "on")
        try bench.until("the ledger has it") {
            try meterkeep("ledger", "export", "--all").text.contains(",event,bus:bus1,line_fault,")
        }
        let words = "answers of unit 2 come broken"
        for command in ["status", "meters", "bus"] {
            let (text, _) = try meterkeep(command)
            #expect(text.contains(words), "\(command): \(text)")
        }
        try fault("M-2", "noise", "off")
    }
}
