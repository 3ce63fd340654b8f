import Foundation
import Testing
import UplinkProtocol

/// What an installer does with the meters themselves, with the real programs: their settings, their
/// addresses, their replacement.
@Suite("The real daemon and its meters", .serialized)
struct MeterCareTests {
    private let bench: Bench

    init() throws {
        bench = try Bench()
        try FileManager.default.copyItem(
            atPath: "\(Bench.root.path)/etc/profiles", toPath: "\(bench.folder)/profiles")
        // A model that keeps a clock and a limit, which none of the shipped maps is known to do.
        try bench.write(
            "profiles/clocked.yaml",
            """
            id: clocked
            title: A meter with a clock
            source: made for this test
            verified: true
            commodity: electricity
            serial: { baud: 9600, format: 8N1 }
            limits: { registers_per_read: 20, response_timeout_ms: 300 }
            registers:
              - { channel: energy_import, address: 0x0000, encoding: u32, scale: 0.01, unit: kWh }
              - { channel: active_power, address: 0x0002, unit: W }
            billing: { channel: energy_import, step: 10, modulus: 1000000000 }
            settings:
              - { name: clock, address: 0x003C, clock: bcd_ymdhms, write: multiple }
              - { name: overload_limit, address: 0x0050, scale: 0.01, unit: kW, write: single, factory: 5.5 }
              - { name: serial_number, address: 0x0060, encoding: u32, factory: 4711 }
              - { name: address, address: 0x0070, write: single }
            """)
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
                  - { name: M-1, unit: 1, profile: clocked, energy_wh: 100000, base_w: 100 }
                  - { name: N-9, unit: 9, profile: eastron-sdm120, energy_wh: 0, base_w: 0 }
            """)
        let simulator = try Program(
            "metersim",
            [
                "run", "--world", "\(bench.folder)/world.yaml", "--profiles", "\(bench.folder)/profiles",
                "--control", "\(bench.folder)/sim.sock",
            ])
        try simulator.waitFor("ready")
        return simulator
    }

    private func meterkeep(_ arguments: String...) throws -> (text: String, code: Int32) {
        try Program.run("meterkeep", arguments + ["--socket", "\(bench.folder)/data.sock"])
    }

    @Test("settings are compared and set, a meter gets its address, another is replaced")
    func care() throws {
        let simulator = try startSimulator()
        try configure()
        let daemon = try bench.startDaemon()
        let file = try bench.write(
            "meters.csv",
            "meter,bus,unit,profile,account,customer,price,rated_watts\nM-1,bus1,1,clocked,A-1,C-1,0.5,10000000\n")
        #expect(try meterkeep("import", file).code == 0)
        try bench.until("it answers") { try bench.ask("status").object?["answering"]?.integer == 1 }
        try settings()
        try address()
        try replacement()
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        simulator.signal(SIGTERM)
        #expect(simulator.finish().code == 0)
    }

    /// In a time zone where no midnight and no full hour is near.
    private func configure() throws {
        let minute = Calendar(identifier: .iso8601).component(.minute, from: Date())
        let section = """
            meter_settings: { patrol_minutes: 1, expected: { clocked: { overload_limit: 8.8 } } }
            time_zone: \((15...45).contains(minute) ? "UTC" : "Asia/Kolkata")
            """
        try bench.write(
            "gateway.yaml",
            bench.configuration(port: "\(bench.folder)/bus1", extra: section)
                .replacing("\(Bench.root.path)/etc/profiles", with: "profiles"))
    }

    @Test("expected settings of a meter outlive the daemon; a returned meter is looked at; its clock is kept; it moves")
    func patrol() throws {
        let simulator = try startSimulator()
        try configure()
        var daemon = try bench.startDaemon()
        let file = try bench.write(
            "meters.csv",
            """
            meter,bus,unit,profile,account,customer,price,rated_watts,expect_overload_limit
            M-1,bus1,1,clocked,A-1,C-1,0.5,10000000,5.5
            """)
        #expect(try meterkeep("import", file).code == 0)
        try bench.until("it answers") { try bench.ask("status").object?["answering"]?.integer == 1 }
        #expect(try row("overload_limit")["by"] == .string("import"))
        #expect(try verdict("overload_limit") == "agrees")
        // The simulated clock starts at midnight: it is left alone there, and set when somebody has turned it.
        #expect(try verdict("clock") == "differs")
        let near = try meterkeep("settings", "apply", "--meter", "M-1", "--settings", "clock", "--yes")
        #expect(near.code == 65 && near.text.contains("too near to midnight or a full hour"), "\(near.text)")
        try turn("clock", "2026-03-01T12:30:00")
        let set = try meterkeep("settings", "apply", "--meter", "M-1", "--settings", "clock", "--yes")
        #expect(set.code == 0, "\(set.text)")
        #expect(try verdict("clock") == "agrees")

        let expected = try meterkeep("settings", "expect", "--meter", "M-1", "overload_limit=7.7")
        #expect(expected.code == 0, "\(expected.text)")
        try told("setting_differs", 1)
        daemon.signal(SIGKILL)
        _ = daemon.finish()
        daemon = try bench.startDaemon()
        #expect(try row("overload_limit")["by"] == .string("operator"))
        let refused = try meterkeep("settings", "expect", "--meter", "M-1", "ct_ratio=40")
        #expect(refused.code == 65 && refused.text.contains("unknown_setting"), "\(refused.text)")
        try told("setting_differs", 2)
        let (said, code) = try meterkeep("settings", "apply", "--meter", "M-1", "--yes")
        #expect(code == 0, "\(said)")
        try told("setting_written", 1)
        try told("setting_agrees", 1)

        // Its supply fails, and somebody turns it back meanwhile.
        try control("fault", "M-1", "dead", "on")
        try bench.until("it is lost") { try count("meter_lost") == 1 }
        try turn("overload_limit", "1.1")
        try turn("clock", "2026-03-01T12:30:00")
        // The operator's and, where the patrol came just then, one of its own.
        let clockSets = try count("meter_clock_set")
        try control("fault", "M-1", "dead", "off")
        try told("setting_differs", 3)
        try told("meter_clock_set", clockSets + 1)
        #expect(try verdict("clock") == "agrees")

        let moved = try meterkeep("address", "--meter", "M-1", "--to", "33", "--yes")
        #expect(moved.code == 0, "\(moved.text)")
        try bench.until("it answers there") { try bench.ask("status").object?["answering"]?.integer == 1 }
        let taken = try meterkeep("address", "--meter", "M-1", "--to", "9", "--yes")
        #expect(taken.code == 65 && taken.text.contains("something answers at unit 9"), "\(taken.text)")
        #expect(try bench.ask("ledger", "verify").object?["sound"]?.boolean == true)
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    private func control(_ words: String...) throws {
        let (text, code) = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock"] + words)
        #expect(code == 0 && !text.contains("error"), "\(text)")
    }

    private func turn(_ setting: String, _ value: String) throws {
        try control("set", "M-1", "setting", setting, value)
    }

    private func events() throws -> [Substring] {
        try meterkeep("ledger", "export", "--all").text.split(separator: "\n")
    }

    private func count(_ code: String) throws -> Int { try events().count { $0.contains(code) } }

    /// The event is in the ledger so many times.
    private func told(_ code: String, _ times: Int) throws {
        try bench.until("\(times) times \(code)") { try count(code) >= times }
        let counted = try events().filter { $0.contains(code) }
        #expect(counted.count == times, "\(code): \(counted)")
    }

    private func row(_ setting: String) throws -> [String: JSONValue] {
        let rows = try bench.ask("settings", "--meter", "M-1").array?.compactMap(\.object) ?? []
        return rows.first { $0["setting"]?.string == setting } ?? [:]
    }

    private func verdict(_ setting: String) throws -> String? {
        let rows = try bench.ask("settings", "--meter", "M-1").array?.compactMap(\.object) ?? []
        return rows.first { $0["setting"]?.string == setting }?["verdict"]?.string
    }

    private func settings() throws {
        #expect(try verdict("overload_limit") == "differs")
        #expect(try verdict("serial_number") == "free")
        let (table, _) = try meterkeep("settings")
        #expect(table.contains("overload_limit") && table.contains("5.5 kW") && table.contains("8.8 kW"), "\(table)")
        let (said, code) = try meterkeep("settings", "apply", "--meter", "M-1", "--settings", "overload_limit", "--yes")
        #expect(code == 0 && said.contains("overload_limit: set, and read back"), "\(said)")
        #expect(try verdict("overload_limit") == "agrees")
        let again = try meterkeep("settings", "apply", "--meter", "M-1", "--settings", "serial_number", "--yes")
        #expect(again.code == 65 && again.text.contains("nobody said what it should be"), "\(again.text)")
        let unknown = try meterkeep("settings", "--meter", "M-7")
        #expect(unknown.code == 65 && unknown.text.contains("there is no meter 'M-7'"), "\(unknown.text)")
    }

    private func address() throws {
        func give(_ from: String, _ to: String) throws -> (text: String, code: Int32) {
            try meterkeep(
                "address", "--bus", "bus1", "--profile", "eastron-sdm120", "--from", from, "--to", to, "--yes")
        }
        let taken = try give("9", "1")
        #expect(taken.code == 65 && taken.text.contains("unit 1 is that of meter M-1"), "\(taken.text)")
        let nobody = try give("8", "20")
        #expect(nobody.code == 65 && nobody.text.contains("connect exactly one new meter"), "\(nobody.text)")
        let given = try give("9", "17")
        #expect(given.code == 0 && given.text.contains("unit 17: set"), "\(given.text)")
        let gone = try give("9", "18")
        #expect(gone.code == 65, "\(gone.text)")
        let occupied = try give("8", "17")
        #expect(occupied.code == 65 && occupied.text.contains("something answers at unit 17"), "\(occupied.text)")
    }

    /// The old meter ended at 100.05 kWh; the new one starts at 0.
    private func replacement() throws {
        _ = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock", "fault", "M-1", "counter_reset", "on"])
        let wrong = try meterkeep(
            "replace", "--circuit", "M-1", "--old-last", "100.05", "--serial", "4712", "--yes")
        #expect(wrong.code == 65 && wrong.text.contains("says its number is 4711, not 4712"), "\(wrong.text)")
        let back = try meterkeep("replace", "--circuit", "M-1", "--old-last", "99", "--yes")
        #expect(back.code == 65 && back.text.contains("does not follow its last accepted one"), "\(back.text)")
        // Guided: a wrong circuit and a wrong reading are asked for again.
        let answers = ["M-7", "M-1", "99", "", "4711", "", "100.05", "", "y"].joined(separator: "\n") + "\n"
        let input = try bench.write("answers", answers)
        let command = "'\(Program.path(of: "meterkeep"))' replace --socket '\(bench.folder)/data.sock' < '\(input)'"
        let (said, code) = try Program(at: "/bin/sh", ["-c", command]).finish()
        #expect(code == 0, "\(said)")
        #expect(
            said.contains("! there is no circuit M-7") && said.contains("! the old meter's last reading"), "\(said)")
        #expect(said.contains("still to be billed   0.050") && said.contains("new meter starts at  0.000"), "\(said)")
        // 50 Wh at 0.5 a kWh.
        try bench.until("the balance shows it") {
            try bench.ask("meters").object?["circuits"]?.array?.first?.object?["balance_microunits"]?.integer
                == -25_000
        }
        try bench.until("the new counter is believed") {
            let circuit = try bench.ask("meters").object?["circuits"]?.array?.first?.object
            return circuit?["quarantined"]?.boolean == false
                && circuit?["values"]?.object?["energy_import"]?.integer == 0
        }
        #expect(try bench.ask("ledger", "verify").object?["sound"]?.boolean == true)
    }
}
