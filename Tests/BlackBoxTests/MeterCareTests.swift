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
        let section = "meter_settings: { patrol_minutes: 1, expected: { clocked: { overload_limit: 8.8 } } }"
        try bench.write(
            "gateway.yaml",
            bench.configuration(port: "\(bench.folder)/bus1", extra: section)
                .replacing("\(Bench.root.path)/etc/profiles", with: "profiles"))
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
        let (said, code) = try meterkeep(
            "replace", "--circuit", "M-1", "--old-last", "100.05", "--serial", "4711", "--yes")
        #expect(code == 0, "\(said)")
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
