import Foundation
import Testing
import UplinkProtocol

/// What opens a breaker, with the real programs: appliances are switched on at simulated meters, and the
/// breaker is seen at the simulator.
@Suite("The real daemon protects circuits, and moves a valve", .serialized)
struct SafetyTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    @Test("an overload and a forbidden heater open their breakers after their delays, and are explained")
    func trips() throws {
        let simulator = try startSimulator(
            """
                  - { name: M-1, unit: 1, profile: acrel-ddsy1352-block, base_w: 300 }
                  - { name: M-2, unit: 2, profile: acrel-ddsy1352-block, base_w: 300 }
                  - { name: M-3, unit: 3, profile: acrel-ddsy1352-block, base_w: 300 }
            """)
        let daemon = try startDaemon(
            (1...3).map { "M-\($0),bus1,\($0),acrel-ddsy1352-block,A-\($0),C-\($0),0.5,100" }.joined(separator: "\n"))
        try execute(
            """
            {"kind":"overload","overload":{"circuits":["M-1"],"overload":{"limit_mw":2000000,"delay_ms":1500}}}
            """)
        try execute(
            """
            {"kind":"malignant_load","malignant_load":{"circuits":["M-2","M-3"],\
            "malignant_load":{"mode":"trip","dwell_ms":2000}}}
            """)
        try bench.until("all supply") {
            try (1...3).allSatisfy { try circuit("M-\($0)")["rule"]?.string == "supply" && isSupplied("M-\($0)") }
        }
        // Steady states take two seconds; only then is a step one.
        let began = Date()
        try bench.until("power is read for a while") { Date() > began.addingTimeInterval(3) }
        let overloadedAt = Date()
        try control("set", "M-1", "appliance", "iron", "on")
        // A kettle beside a motor, which is allowed.
        try control("set", "M-2", "appliance", "kettle", "on")
        try control("set", "M-3", "appliance", "vacuum_cleaner", "on")
        try bench.until("the overload opens the breaker") { try !isSupplied("M-1") }
        let afterOverload = Date().timeIntervalSince(overloadedAt)
        #expect((1.5...15).contains(afterOverload), "\(afterOverload) s")
        try bench.until("the heater opens the breaker") { try !isSupplied("M-2") }
        let afterHeater = Date().timeIntervalSince(overloadedAt)
        #expect((2...20).contains(afterHeater), "\(afterHeater) s")
        try bench.until("both are known to be open") {
            try circuit("M-1")["breaker"]?.string == "open" && circuit("M-2")["breaker"]?.string == "open"
        }
        try explained("M-1", rule: "overload", event: "overload_tripped")
        try explained("M-2", rule: "malignant_load", event: "malignant_tripped")
        #expect(try isSupplied("M-3"))
        #expect(try circuit("M-3")["rule"]?.string == "supply")
        #expect(try control("meter", "M-1")["wh_since_cut"]?.integer == 0)
        stop(daemon, simulator)
    }

    private func explained(_ name: String, rule: String, event: String) throws {
        let (said, code) = try meterkeep("circuit", name)
        #expect(code == 0)
        #expect(said.contains("wanted open because \(rule)"), "\(said)")
        #expect(said.contains("lockout   \(rule)"), "\(said)")
        #expect(said.contains("  \(rule)  2"), "\(said)")
        #expect(try hasEvent(event, of: name))
    }

    @Test("a valve is closed and opened by its balance's rules, and is given the time of its profile for its way")
    func valve() throws {
        let simulator = try startSimulator(
            "      - { name: W-1, unit: 1, profile: xintai-valve-water, energy_wh: 5000, base_w: 600, travel_s: 6 }")
        let daemon = try startDaemon("W-1,bus1,1,xintai-valve-water,A-1,C-1,3.5,100")
        try bench.until("water flows") {
            let values = try circuit("W-1")["values"]?.object
            return try circuit("W-1")["rule"]?.string == "supply" && values?["volume"]?.integer ?? 0 >= 5000
                && values?["flow"]?.integer == 600
        }
        try move("forced-off", to: "open", flows: false)
        #expect(try control("meter", "W-1")["wh_since_cut"]?.integer == 0)
        try move("automatic", to: "closed", flows: true)
        // One write each: a valve on its way is not told again, and is no mismatch.
        #expect(try writes() == [2, 1])
        #expect(try !hasEvent("breaker_mismatch", of: "W-1"))
        stop(daemon, simulator)
    }

    /// While the valve is on its way water still flows as before.
    private func move(_ mode: String, to position: String, flows: Bool) throws {
        let count = try writes().count
        #expect(try meterkeep("mode", mode, "W-1").code == 0)
        try bench.until("the valve is told") { try writes().count > count }
        #expect(try isSupplied("W-1") != flows)
        try bench.until("the valve is there") { try isSupplied("W-1") == flows }
        try bench.until("that is read back") {
            try circuit("W-1")["breaker"]?.string == position
                && circuit("W-1")["values"]?.object?["flow"]?.integer == (flows ? 600 : 0)
        }
    }

    /// What the valve was told, in order: 2 is close, 1 is open.
    private func writes() throws -> [Int] {
        let (text, _) = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock", "writes"])
        let writes = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]] ?? []
        return writes.compactMap { ($0["values"] as? [Int])?.first }
    }

    private func startSimulator(_ devices: String) throws -> Program {
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
            \(devices)
            """)
        let simulator = try Program(
            "metersim",
            [
                "run", "--world", "\(bench.folder)/world.yaml", "--profiles", "\(Bench.root.path)/etc/profiles",
                "--control", "\(bench.folder)/sim.sock", "--write-log", "\(bench.folder)/writes.jsonl",
            ])
        try simulator.waitFor("ready")
        return simulator
    }

    private func startDaemon(_ meters: String) throws -> Program {
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let daemon = try bench.startDaemon()
        let file = try bench.write(
            "meters.csv", "meter,bus,unit,profile,account,customer,price,opening_balance\n\(meters)\n")
        let (said, code) = try meterkeep("import", file)
        #expect(code == 0, "\(said)")
        return daemon
    }

    private func meterkeep(_ arguments: String...) throws -> (text: String, code: Int32) {
        try Program.run("meterkeep", arguments + ["--socket", "\(bench.folder)/data.sock"])
    }

    private func execute(_ command: String) throws {
        let (said, code) = try meterkeep("execute", try bench.write("command.json", command))
        #expect(code == 0, "\(said)")
    }

    @discardableResult
    private func control(_ command: String...) throws -> [String: JSONValue] {
        let (text, _) = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock"] + command)
        return try StrictJSON.parse(text.trimmingCharacters(in: .whitespacesAndNewlines)).object ?? [:]
    }

    private func isSupplied(_ meter: String) throws -> Bool { try control("meter", meter)["supplied"]?.boolean == true }

    private func circuit(_ name: String) throws -> [String: JSONValue] {
        try bench.ask("circuit", name).object?["circuit"]?.object ?? [:]
    }

    /// Whether the ledger has an event of this kind.
    private func hasEvent(_ code: String, of circuit: String) throws -> Bool {
        let (text, _) = try meterkeep("ledger", "export", "--all")
        return text.contains(",event,circuit:\(circuit),\(code),")
    }

    private func stop(_ programs: Program...) {
        for program in programs {
            program.signal(SIGTERM)
            #expect(program.finish().code == 0)
        }
    }
}
