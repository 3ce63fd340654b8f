import Foundation
import FoundationNetworking
import Testing
import UplinkProtocol

/// What an installer asks of a bus, with the real programs: two meters are installed, a third hangs on the
/// line, a fourth has the address of nobody and another rate.
@Suite("The real daemon and its buses", .serialized)
struct BusCommandTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

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
                  - { name: M-1, unit: 1, profile: acrel-ddsy1352-block, energy_wh: 1000, base_w: 300 }
                  - { name: M-2, unit: 2, profile: acrel-ddsy1352-block, energy_wh: 2000, base_w: 300 }
                  - { name: M-7, unit: 7, profile: acrel-ddsy1352-block, energy_wh: 7000, base_w: 300 }
                  - { name: X-9, unit: 9, profile: acrel-ddsy1352-block, energy_wh: 9000, base_w: 300 }
            """)
        let simulator = try Program(
            "metersim",
            [
                "run", "--world", "\(bench.folder)/world.yaml", "--profiles", "\(Bench.root.path)/etc/profiles",
                "--control", "\(bench.folder)/sim.sock",
            ])
        try simulator.waitFor("ready")
        return simulator
    }

    private func install(_ units: [Int]) throws {
        let lines = units.map { "M-\($0),bus1,\($0),acrel-ddsy1352-block,A-\($0),C-\($0),0.5" }
        let file = try bench.write(
            "meters.csv", (["meter,bus,unit,profile,account,customer,price"] + lines).joined(separator: "\n"))
        let (said, code) = try meterkeep("import", file)
        #expect(code == 0, "\(said)")
    }

    private func meterkeep(_ arguments: String...) throws -> (text: String, code: Int32) {
        try Program.run("meterkeep", arguments + ["--socket", "\(bench.folder)/data.sock"])
    }

    private func control(_ command: String...) throws {
        _ = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock"] + command)
    }

    @Test("scan, bus, trace and metrics of a daemon that polls on; then a scan without one")
    func busCommands() throws {
        let simulator = try startSimulator()
        let port = 20_000 + Int(getpid()) % 20_000
        try bench.write(
            "gateway.yaml",
            bench.configuration(port: "\(bench.folder)/bus1", extra: "metrics: { port: \(port) }"))
        let daemon = try bench.startDaemon()
        try install([1, 2])
        try bench.until("both answer") { try bench.ask("status").object?["answering"]?.integer == 2 }
        try scanFindsTheThird()
        try busTellsOfUnits()
        try traceShowsFrames()
        try metricsPage(port: port)
        #expect(try bench.ask("status").object?["answering"]?.integer == 3)
        try checkStatesFreshness()
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        try checkStatesFreshness()
        try scanAlone()
        simulator.signal(SIGTERM)
        #expect(simulator.finish().code == 0)
    }

    @Test(
        "Ctrl-C ends a scan with what it found; a daemon that stops ends traces and scans, and does not wait for them")
    func interrupted() throws {
        let simulator = try startSimulator()
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let daemon = try bench.startDaemon()
        let socket = ["--socket", "\(bench.folder)/data.sock"]
        let out = "\(bench.folder)/found.csv"
        let all = ["scan", "--rates", "115200", "--timeout", "2000"] + socket
        let scan = try Program("meterkeep", all + ["--out", out])
        try scan.waitFor("found  unit 1 at 115200")
        scan.signal(SIGINT)
        let (said, code) = scan.finish()
        #expect(code == 0, "\(said)")
        #expect(said.contains("ended early: ") && said.contains("of 247 places"), "\(said)")
        #expect(try String(contentsOfFile: out, encoding: .utf8).contains("\nbus1-1,bus1,1,acrel-ddsy1352-block,"))
        try install([1])
        let trace = try Program("meterkeep", ["trace"] + socket)
        try trace.waitFor("energy_import")
        let other = try Program("meterkeep", all)
        try other.waitFor("found  unit 1 at 115200")
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        _ = trace.finish()
        let stopped = other.finish()
        #expect(stopped.code == 74 && stopped.text.contains("the daemon stops"), "\(stopped.text)")
        simulator.signal(SIGTERM)
        #expect(simulator.finish().code == 0)
    }

    /// The file it writes is imported as it is.
    private func scanFindsTheThird() throws {
        try control("fault", "X-9", "shared_address", "on")
        let out = "\(bench.folder)/found.csv"
        let (said, code) = try meterkeep(
            "scan", "--rates", "115200,9600", "--addresses", "1-9", "--timeout", "40", "--out", out)
        #expect(code == 0, "\(said)")
        #expect(said.contains("18 places, 0 found, about"), "\(said)")
        #expect(said.contains("found  unit 7 at 115200 8N1  acrel-ddsy1352-block"), "\(said)")
        #expect(said.contains("done: 4 devices at 18 of 18 places"), "\(said)")
        #expect(said.contains("address"), "\(said)")
        let file = try String(contentsOfFile: out, encoding: .utf8)
        #expect(file.contains("# unit 1: installed already as M-1"))
        #expect(file.contains("\nbus1-7,bus1,7,acrel-ddsy1352-block,"))
        #expect(!file.contains("\nbus1-9,"))
        let imported = try meterkeep("import", out)
        #expect(imported.code == 0, "\(imported.text)")
        try bench.until("the third answers") { try bench.ask("status").object?["answering"]?.integer == 3 }
        let refused = try meterkeep("scan", "--bus", "bus7")
        #expect(refused.text.contains("there is no bus 'bus7'; use one of bus1"), "\(refused.text)")
        #expect(refused.code == 65)
        let unreadable = try meterkeep("scan", "--addresses", "0-300")
        #expect(unreadable.text.contains("'0-300' is no range of addresses; write them like 1-32,100"))
        #expect(unreadable.code == 65)
    }

    private func busTellsOfUnits() throws {
        let bus = try bench.ask("bus").array?.first?.object
        #expect(bus?["open"]?.boolean == true)
        #expect(bus?["load_per_mille"]?.integer ?? 0 > 0)
        #expect(bus?["transactions"]?.object?["normal"]?.integer ?? 0 > 0)
        #expect(bus?["transactions"]?.object?["scan"]?.integer ?? 0 > 18)
        let units = bus?["units"]?.array?.compactMap(\.object) ?? []
        #expect(units.map { $0["unit"]?.integer } == [1, 2, 7])
        #expect(units.allSatisfy { $0["median_us"]?.integer ?? 0 > 0 && $0["median_us"]?.integer ?? 0 < 1_000_000 })
        let (text, code) = try meterkeep("bus")
        #expect(code == 0)
        #expect(text.contains("bus bus1  \(bench.folder)/bus1 at 115200 8N1  load"), "\(text)")
        #expect(text.contains("time went to  requests"), "\(text)")
        #expect(text.contains("MEDIAN ms"), "\(text)")
    }

    private func traceShowsFrames() throws {
        let (all, code) = try meterkeep("trace", "--count", "12", "--bytes")
        #expect(code == 0)
        let lines = all.split(separator: "\n")
        #expect(lines.count == 12, "\(all)")
        #expect(lines.contains { $0.contains("  >  ") && $0.contains("read holding 0x02") }, "\(all)")
        #expect(lines.contains { $0.contains("  <  ") && $0.contains("active_power") }, "\(all)")
        try control("fault", "M-2", "dead", "on")
        let (failures, _) = try meterkeep("trace", "--failures", "--units", "2", "--count", "2")
        #expect(failures.contains("no answer in time"), "\(failures)")
        let told = "M-2: unit 2 on bus bus1 does not answer; check its power, the wires A and B"
        #expect(try meterkeep("meters").text.contains("! \(told)"))
        #expect(try meterkeep("status").text.contains("! \(told)"))
        try control("fault", "M-2", "dead", "off")
        try bench.until("it answers again") { try bench.ask("status").object?["answering"]?.integer == 3 }
        #expect(try bench.ask("meters").object?["troubles"]?.array == [])
    }

    private func metricsPage(port: Int) throws {
        let page = String(
            decoding: try Data(contentsOf: try #require(URL(string: "http://127.0.0.1:\(port)/metrics"))), as: UTF8.self
        )
        for sample in [
            "meterkeep_bus_open{bus=\"bus1\"} 1", "meterkeep_circuits 3", "meterkeep_ledger_usable 1",
            "meterkeep_bus_transactions_total{bus=\"bus1\",purpose=\"normal\"} ",
            "meterkeep_bus_seconds_total{bus=\"bus1\",phase=\"turnaround\"} ",
            "meterkeep_meter_response_seconds{bus=\"bus1\",meter=\"M-1\",quantile=\"0.5\"} 0.",
        ] {
            #expect(page.contains("\n\(sample)"), "\(sample)")
        }
        // Every sample belongs to a family that says what it is.
        let families = Set(
            page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] })
        for line in page.split(separator: "\n") where !line.hasPrefix("#") {
            let name = line.prefix { $0 != "{" && $0 != " " }
            #expect(families.contains(name), "\(line)")
            #expect(line.split(separator: " ").last.flatMap { Double($0) } != nil, "\(line)")
        }
        let taken = try bench.write(
            "second.yaml",
            bench.configuration(port: "\(bench.folder)/bus1", data: "second", extra: "metrics: { port: 70000 }"))
        let refused = try Program.run("meterkeep", ["daemon", "--check", "--config", taken])
        #expect(refused.code == 78 && refused.text.contains("port"), "\(refused.text)")
    }

    /// Of what is installed, and of a file that is not; nothing is made or changed by it.
    private func checkStatesFreshness() throws {
        let before = bench.contents
        let (said, code) = try Program.run(
            "meterkeep", ["daemon", "--check", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(code == 0, "\(said)")
        #expect(said.contains("  3 devices, "), "\(said)")
        #expect(said.contains("normal values at most"), "\(said)")
        let (planned, _) = try Program.run(
            "meterkeep",
            ["daemon", "--check", "--config", "\(bench.folder)/gateway.yaml", "--meters", "\(bench.folder)/meters.csv"])
        #expect(planned.contains("  2 devices, "), "\(planned)")
        #expect(bench.contents == before)
    }

    private func scanAlone() throws {
        let yaml = "\(bench.folder)/bus.yaml"
        let (said, code) = try Program.run(
            "meterkeep",
            [
                "scan", "--port", "\(bench.folder)/bus1", "--profiles", "\(Bench.root.path)/etc/profiles", "--rates",
                "9600,115200", "--addresses", "1,7", "--timeout", "40", "--yaml", yaml,
            ])
        #expect(code == 0, "\(said)")
        #expect(said.contains("done: 2 devices at 4 of 4 places"), "\(said)")
        let fragment = try String(contentsOfFile: yaml, encoding: .utf8)
        #expect(fragment.contains("- { id: bus1, port: \(bench.folder)/bus1, baud: 115200, format: 8N1 }"))
        let absent = try Program.run(
            "meterkeep", ["scan", "--port", "/dev/ttyNOWHERE", "--profiles", "\(Bench.root.path)/etc/profiles"])
        #expect(absent.code == 74)
        #expect(absent.text.contains("port /dev/ttyNOWHERE does not exist; plug the adapter in"), "\(absent.text)")
    }
}
