import Foundation
import Testing
import UplinkProtocol

@Suite("The doctor on real boxes", .serialized)
struct DoctorTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private func doctor(_ extra: String...) throws -> (text: String, code: Int32) {
        try Program.run("meterkeep", ["doctor", "--config", "\(bench.folder)/gateway.yaml"] + extra)
    }

    @Test("no daemon: the port that is not there comes before the daemon that does not run")
    func offline() throws {
        let (text, code) = try doctor()
        #expect(code == 1)
        let port = try #require(text.range(of: "[certain] bus bus1, /dev/ttyNOWHERE"), "\(text)")
        let daemon = try #require(text.range(of: "[likely] daemon"), "\(text)")
        #expect(port.lowerBound < daemon.lowerBound)
        #expect(text.contains("systemctl start meterkeepd"))
        #expect(!bench.contents.contains("data"), "it made something: \(bench.contents)")
    }

    @Test("a wrong configuration is told line by line; a missing one says how to make it")
    func configuration() throws {
        try bench.write("gateway.yaml", bench.configuration().replacing("115200", with: "9601"))
        let wrong = try doctor()
        #expect(
            wrong.code == 1 && wrong.text.contains("gateway.yaml:7:") && wrong.text.contains("9601"), "\(wrong.text)")
        try FileManager.default.removeItem(atPath: "\(bench.folder)/gateway.yaml")
        let absent = try doctor()
        #expect(absent.code == 1 && absent.text.contains("meterkeep setup"), "\(absent.text)")
    }

    @Test("a port that another program has, by name and process")
    func busy() throws {
        let simulator = try bench.startSimulator()
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let holder = try Program(
            "meterkeep", ["scan", "--port", "\(bench.folder)/bus1", "--profiles", "\(Bench.root.path)/etc/profiles"])
        try holder.waitFor("places")
        let (text, code) = try doctor()
        #expect(code == 1)
        #expect(text.contains("another program has the port: ") && text.contains("meterkeep (process "), "\(text)")
        holder.signal(SIGKILL)
        _ = holder.finish()
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    @Test("a running daemon: sound at first; then a meter is lost, another locked, the way upstream leads nowhere")
    func running() throws {
        let simulator = try bench.startSimulator()
        let made = try Program.run(
            "meterkeep-platform", ["make-certificates", "\(bench.folder)/tls", "--gateway", "G-1"])
        #expect(made.code == 0)
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let daemon = try bench.startDaemon()
        let file = try bench.write(
            "meters.csv",
            """
            meter,bus,unit,profile,account,customer,price,opening_balance,rated_watts
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,1.0000,1000,10000000
            M-2,bus1,2,acrel-ddsy1352-block,A-2,C-2,1.0000,1000,10000000
            """)
        #expect(try Program.run("meterkeep", ["import", file, "--socket", "\(bench.folder)/data.sock"]).code == 0)
        try bench.until("both answer") { try bench.ask("status").object?["answering"]?.integer == 2 }
        let sound = try doctor()
        #expect(sound.code == 0 && sound.text.contains("nothing is broken"), "\(sound.text)")

        _ = try Program.run("metersim", ["control", "\(bench.folder)/sim.sock", "fault", "M-2", "dead", "on"])
        _ = try Program.run("meterkeep", ["lock", "M-1", "--socket", "\(bench.folder)/data.sock"])
        try bench.until("M-2 is missed") { try bench.ask("status").object?["answering"]?.integer == 1 }
        // As the configuration will be read at the next start.
        try bench.write(
            "gateway.yaml",
            bench.configuration(
                port: "\(bench.folder)/bus1",
                extra: """
                    uplink: { url: "https://no-such-host.invalid", authority: tls/ca.pem, certificate: tls/G-1.pem, \
                    key: tls/G-1.key }
                    """))
        let (text, code) = try doctor()
        #expect(code == 1)
        #expect(text.contains("meter M-2") && text.contains("unit 2 on bus bus1 does not answer"), "\(text)")
        #expect(text.contains("the name no-such-host.invalid leads nowhere"), "\(text)")
        #expect(text.contains("[notice] circuit M-1") && text.contains("meterkeep unlock"), "\(text)")
        let json = try StrictJSON.parse(
            try doctor("--json").text.trimmingCharacters(in: .whitespacesAndNewlines))
        #expect(json.object?["sound"]?.boolean == false)
        #expect((json.object?["complaints"]?.array?.count ?? 0) >= 3)
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }
}
