import Foundation
import Testing
import UplinkProtocol

/// The first hour of a box, with the real programs on simulated lines.
@Suite("Setting a box up", .serialized)
struct SetupTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private var profiles: String { "\(Bench.root.path)/etc/profiles" }

    /// Two lines: one whose adapter echoes, with two meters and a board; one with swapped wires.
    private func startSimulator() throws -> Program {
        try FileManager.default.removeItem(atPath: "\(bench.folder)/gateway.yaml")
        try bench.write(
            "world.yaml",
            """
            seed: 1
            buses:
              - name: bus1
                link: \(bench.folder)/p1
                baud: 9600
                format: 8N1
                wiring: echo
                turnaround_us: [500, 1500]
                devices:
                  - { name: M-1, unit: 1, profile: acrel-ddsy1352-block, energy_wh: 101130, base_w: 300 }
                  - { name: M-2, unit: 2, profile: eastron-sdm120, energy_wh: 201640, base_w: 230 }
                  - { name: R-1, unit: 100, profile: waveshare-relay-8, feeds: { 1: M-2 } }
              - { name: bus2, link: \(bench.folder)/p2, baud: 9600, format: 8N1, wiring: swapped, devices: [] }
            """)
        let simulator = try Program(
            "metersim",
            [
                "run", "--world", "\(bench.folder)/world.yaml", "--profiles", profiles, "--control",
                "\(bench.folder)/sim.sock", "--write-log", "\(bench.folder)/writes.jsonl",
            ])
        try simulator.waitFor("ready")
        return simulator
    }

    private var options: [String] {
        [
            "--config", "\(bench.folder)/gateway.yaml", "--profiles", profiles, "--data", "\(bench.folder)/data",
            "--socket", "\(bench.folder)/data.sock",
        ]
    }

    private func guided(_ answers: [String], ports: String) throws -> (text: String, code: Int32) {
        let input = try bench.write("answers", answers.joined(separator: "\n") + "\n")
        let command = (["setup", "--ports", ports] + options).map { "'\($0)'" }.joined(separator: " ")
        return try Program(at: "/bin/sh", ["-c", "'\(Program.path(of: "meterkeep"))' \(command) < '\(input)'"]).finish()
    }

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(bench.folder)/\(name)", encoding: .utf8)
    }

    @Test("guided, left and gone on with: swapped wires are named, meters and board found, a breaker heard, a report")
    func guided() throws {
        let simulator = try startSimulator()
        let ports = "\(bench.folder)/p1,\(bench.folder)/p2"
        let first = try guided(
            ["HOUSE-9", "Asia/Shanghai", "y", "s", "1-2,100", "k", "y", "n", "", "FLAT-1 C-1", "q"], ports: ports)
        #expect(first.code == 75, "\(first.text)")
        #expect(
            first.text.contains("Good: units 1, 2, 100") && first.text.contains("The adapter echoes"), "\(first.text)")
        #expect(first.text.contains("A and B are probably swapped"))
        #expect(first.text.contains("The answers are kept"))
        #expect(!bench.contents.contains("gateway.yaml") && bench.contents.contains("setup-progress.yaml"))

        let second = try guided(
            // The model of unit 2 is plausible only: the first choice; it has no switch, though a board was found.
            ["1", "FLAT-2 C-2", "-", "BOARD", "0.6180", "10", "50", "-", "y", "y", "FLAT-1 FLAT-1"],
            ports: ports)
        #expect(second.text.contains("Device 2 of 3: bus1 unit 2"), "\(second.text)")
        #expect(second.text.contains("1: eastron-sdm120"), "\(second.text)")
        #expect(second.text.contains("switch FLAT-1") && second.text.contains("opened and closed"), "\(second.text)")
        #expect(second.text.contains("Done."), "\(second.text)")
        #expect(bench.contents.contains("self-test.html") && !bench.contents.contains("setup-progress.yaml"))
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    private func site(_ devices: String, scan: String = "1-2,100") throws -> String {
        try bench.write(
            "site-in.yaml",
            """
            gateway: "BOX-1"
            clock: assumed
            buses: [{ id: bus1, port: auto, scan: "\(scan)" }]
            customers: { price: "0.6180", alarm_1: "10", alarm_2: "5", opening_balance: "50", rated_watts: "10000000" }
            devices:
            \(devices)
            more: |
              poll: { fast_ms: 200, normal_ms: 200, slow_ms: 1000 }
            """)
    }

    @Test("from a site file: nothing is asked, models come from the scan, the switch test leaves all as it was")
    func unattended() throws {
        let simulator = try startSimulator()
        let file = try site(
            """
              - { name: FLAT-1, unit: 1, account: A-1, customer: C-1 }
              - { name: FLAT-2, unit: 2, profile: eastron-sdm120, account: A-2, customer: C-2, breaker_bus: bus1, breaker_unit: "100", breaker_point: "1" }
              - { name: BOARD, unit: 100, profile: waveshare-relay-8 }
            """)
        let arguments = ["setup", "--site", file, "--ports", "\(bench.folder)/p1", "--switch", "FLAT-2"] + options
        let (said, code) = try Program.run("meterkeep", arguments)
        #expect(code == 0, "\(said)")
        #expect(said.contains("METERKEEP SELF-TEST: PASSED"), "\(said)")
        #expect(said.contains("[ok  ] switch FLAT-2") && said.contains("opened and closed, both read back"), "\(said)")
        let report = try text("self-test.txt")
        #expect(report.contains("box     BOX-1") && report.contains("101.130 kWh") && report.contains("201.640 kWh"))
        let page = try text("self-test.html")
        #expect(page.contains("<!DOCTYPE html>") && page.contains("FLAT-2") && !page.contains("http"))
        let writes = try text("writes.jsonl").split(separator: "\n")
        #expect(
            writes.count { $0.contains(#""closed":false"#) } == 1 && writes.last?.contains(#""closed":true"#) == true)
        // The very same again changes nothing and passes again, with the ledger of before.
        let again = try Program.run("meterkeep", arguments.filter { $0 != "--switch" && $0 != "FLAT-2" })
        #expect(again.code == 0 && again.text.contains("unchanged"), "\(again.text)")
        #expect(!bench.contents.contains("gateway.yaml.new"))
        // Another site never takes the place of this one.
        let before = try text("gateway.yaml")
        try bench.write("site-in.yaml", try text("site-in.yaml").replacing("BOX-1", with: "BOX-2"))
        let other = try Program.run("meterkeep", arguments)
        #expect(other.code == 73 && other.text.contains("is there already and stays"), "\(other.text)")
        #expect(try text("gateway.yaml") == before)
        // What it left beside is no reason against this one.
        try bench.write("site-in.yaml", try text("site-in.yaml").replacing("BOX-2", with: "BOX-1"))
        let own = try Program.run("meterkeep", arguments.filter { $0 != "--switch" && $0 != "FLAT-2" })
        #expect(own.code == 0 && bench.contents.contains("gateway.yaml.new"), "\(own.text)")
        // A running daemon is not set up under its feet.
        let daemon = try bench.startDaemon()
        let late = try Program.run("meterkeep", arguments)
        #expect(late.code == 75 && late.text.contains("meterkeep scan --out"), "\(late.text)")
        daemon.signal(SIGTERM)
        _ = daemon.finish()
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    @Test("a site file with pairing codes: the box enrols itself, asks for signatures, and its codes stay nowhere")
    func enrolment() throws {
        let simulator = try startSimulator()
        let signing = try Program(
            at: "/bin/sh",
            [
                "-c",
                "cd '\(bench.folder)' && openssl genpkey -algorithm ed25519 -out sign.key && "
                    + "openssl pkey -in sign.key -pubout -out sign.pem",
            ]
        ).finish()
        #expect(signing.code == 0, "\(signing.text)")
        let platform = try bench.startEnrollingPlatform("--command-key", "\(bench.folder)/sign.pem")
        let code = try bench.pair("BOX-1")
        let office = "https://localhost:\(try bench.port("enrol-port"))"
        let file = try site("  - { name: FLAT-1, unit: 1, account: A-1, customer: C-1 }", scan: "1")
        let text = try text("site-in.yaml")
        func unattended(_ codes: String) throws -> (text: String, code: Int32) {
            try bench.write(
                "site-in.yaml",
                text + """

                    uplink: { url: "https://localhost:\(try bench.port("port"))" }
                    enrolment: { platform: "\(office)", codes: { \(codes) } }
                    """)
            let arguments = ["setup", "--site", file, "--ports", "\(bench.folder)/p1"] + options
            return try Program.run("meterkeep", arguments)
        }
        // The box of another one: it is set up, not enrolled, and says what to do.
        let nameless = try unattended("BOX-2: \(code)")
        #expect(nameless.code == 1 && nameless.text.contains("no pairing code for BOX-1"), "\(nameless.text)")
        #expect(nameless.text.contains("METERKEEP SELF-TEST"), "\(nameless.text)")
        let (said, exit) = try unattended("BOX-1: \(code), BOX-2: \(code)")
        #expect(exit == 0 && said.contains("BOX-1 is enrolled"), "\(said)")
        for name in bench.contents where name.hasSuffix(".yaml") && name != "site-in.yaml" {
            #expect(!(try self.text(name)).contains(code), "\(name)")
        }
        let again = try unattended("BOX-1: \(code)")
        #expect(again.code == 0 && !again.text.contains("enrolled"), "\(again.text)")
        let daemon = try bench.startDaemon()
        try bench.until("the uplink is up") {
            try bench.ask("status").object?["uplink"]?.object?["condition"] == .string("up")
        }
        let unsigned = try Program.run(
            "meterkeep-platform",
            [
                "recharge", "BOX-1", "A-1", "5", "--customer", "C-1", "--id", "R-1", "--socket",
                "\(bench.folder)/platform.sock",
            ])
        #expect(unsigned.code == 0, "\(unsigned.text)")
        try bench.until("what is not signed is refused") {
            try bench.platform("commands").contains { "\($0)".contains("signature") }
        }
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        bench.end(platform, simulator)
    }

    @Test("the switch test that is interrupted closes the breaker again", arguments: [SIGINT, SIGHUP])
    func interrupted(signal: Int32) throws {
        let simulator = try bench.startSimulator()
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let sheet = try bench.write(
            "site.csv", "meter,bus,unit,profile,rated_watts\nM-1,bus1,1,acrel-ddsy1352-block,13800\n")
        let daemon = try bench.startDaemon()
        #expect(try Program.run("meterkeep", ["import", sheet, "--socket", "\(bench.folder)/data.sock"]).code == 0)
        let test = try Program(
            "meterkeep",
            [
                "self-test", "--socket", "\(bench.folder)/data.sock", "--config", "\(bench.folder)/gateway.yaml",
                "--report", bench.folder, "--switch", "M-1", "--yes",
            ])
        try test.waitFor("Opening the breaker")
        test.signal(signal)
        let (said, code) = test.finish()
        #expect(code == 1, "\(said)")
        let circuit = try bench.ask("circuit", "M-1").object
        #expect(
            circuit?["mode"] == .string("automatic") && circuit?["circuit"]?.object?["breaker"] == .string("closed"))
        daemon.signal(SIGTERM)
        _ = daemon.finish()
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    @Test("a meter that is dead fails the self-test and is named, with what to do")
    func deadMeter() throws {
        let simulator = try startSimulator()
        _ = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock", "fault", "M-2", "dead", "on"])
        let file = try site(
            """
              - { name: FLAT-1, unit: 1 }
              - { name: FLAT-2, unit: 2, profile: eastron-sdm120 }
            """, scan: "1-2")
        let arguments =
            ["setup", "--site", file, "--ports", "\(bench.folder)/p1", "--patience", "3"] + options
        let (said, code) = try Program.run("meterkeep", arguments)
        #expect(code == 1, "\(said)")
        #expect(said.contains("FLAT-2 (unit 2) does not answer"), "\(said)")
        #expect(said.contains("[FAIL] meters") && said.contains("not read: FLAT-2"), "\(said)")
        #expect(said.contains("WHAT IS LEFT TO DO") && said.contains("check its power"), "\(said)")
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    @Test("what cannot be: a port too few, a site file that is wrong, a folder that may not be written")
    func refusals() throws {
        try FileManager.default.removeItem(atPath: "\(bench.folder)/gateway.yaml")
        let file = try site("  - { name: FLAT-1, unit: 1 }")
        let none = try Program.run("meterkeep", ["setup", "--site", file, "--ports", ""] + options)
        #expect(none.code == 65 && none.text.contains("no serial port is left"), "\(none.text)")
        let absent = try Program.run("meterkeep", ["setup", "--site", file, "--ports", "/dev/ttyNOWHERE"] + options)
        #expect(absent.code == 74 && absent.text.contains("does not exist"), "\(absent.text)")
        try bench.write(
            "site-in.yaml", "gateway: A B\nbuses: [{ id: bus1, port: /dev/null, baud: 9600, format: 8N1 }]\n")
        let name = try Program.run("meterkeep", ["setup", "--site", file] + options)
        #expect(name.code == 65 && name.text.contains("is no name"), "\(name.text)")
        #expect(!bench.contents.contains("gateway.yaml"))
    }
}
