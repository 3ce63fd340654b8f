import Foundation
import Testing
import UplinkProtocol

@Suite("Another configuration in a running daemon", .serialized)
struct ReloadTests {
    @Test("is applied while the bus goes on, or refused as a whole; a bus that changes is the only one that stops")
    func reload() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let port = "\(bench.folder)/bus1"
        try bench.write("gateway.yaml", bench.configuration(port: port))
        let daemon = try bench.startDaemon()
        let file = try bench.write(
            "meters.csv",
            "meter,bus,unit,profile,account,customer,price,opening_balance\n"
                + "M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,1.0000,1000")
        #expect(try bench.run("import", file).code == 0)
        try bench.until("M-1 answers") { try bench.ask("status").object?["answering"] == .integer(1) }

        // Nothing different.
        #expect(try bench.run("reload").text == "nothing is different\n")

        // A mistake: file, line and remedy, and nothing changes.
        try bench.write(
            "gateway.yaml", bench.configuration(port: port).replacing("stale_seconds", with: "stale_second"))
        let mistaken = try bench.run("reload")
        #expect(mistaken.code == 65 && mistaken.text.contains("gateway.yaml:8"), "\(mistaken.text)")
        #expect(mistaken.text.contains("did you mean 'stale_seconds'"), "\(mistaken.text)")

        // A key that takes a new start; what else is new is not applied either.
        try bench.write(
            "gateway.yaml",
            bench.configuration(port: port, extra: "time_zone: Asia/Shanghai\nbreakers: { closing_gap_ms: 900 }"))
        let restarting = try bench.run("reload")
        #expect(restarting.code == 65 && restarting.text.contains("time_zone cannot be changed"), "\(restarting.text)")

        // A bus that installed meters hang on is kept.
        try bench.write("gateway.yaml", bench.configuration(port: port).replacing("id: bus1", with: "id: bus9"))
        let stranding = try bench.run("reload")
        #expect(stranding.code == 65 && stranding.text.contains("bus bus1 is not in the file"), "\(stranding.text)")

        // By signal, while the bus goes on: the counters of the bus go on too.
        let before = try requests(bench)
        try bench.write(
            "gateway.yaml", bench.configuration(port: port, extra: "breakers: { closing_gap_ms: 900 }"))
        daemon.signal(SIGHUP)
        try daemon.waitFor("the configuration is applied", times: 2)
        try bench.until("the bus went on") { try requests(bench) > before }

        // The entry of the bus: it is closed and opened with the new one, and its meter answers again.
        try bench.write(
            "gateway.yaml",
            bench.configuration(port: port).replacing("format: 8N1", with: "format: 8N1, extra_silence_us: 100"))
        let changed = try bench.run("reload")
        #expect(
            changed.code == 0 && changed.text.contains("breakers, buses")
                || changed.text.contains("buses, breakers"), "\(changed.text)")
        try bench.until("M-1 is read again") { try requests(bench) > 3 }
        try bench.until("M-1 answers") { try bench.ask("status").object?["answering"] == .integer(1) }

        daemon.signal(SIGTERM)
        let (text, code) = daemon.finish()
        #expect(code == 0, "\(text)")
        #expect(text.components(separatedBy: "] ready").count == 2, "it has become ready once: \(text)")
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    @Test("a start with a mistake in the file goes on with the configuration that was in use last")
    func lastGood() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let port = "\(bench.folder)/bus1"
        try bench.write("gateway.yaml", bench.configuration(port: port))
        let first = try bench.startDaemon()
        first.signal(SIGTERM)
        #expect(first.finish().code == 0)
        try bench.write("gateway.yaml", "gateway: SITE 1")
        // By hand it is refused; a service is not left without a daemon.
        let refused = try Program.run("meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(refused.code == 78, "\(refused.text)")
        let second = try Program(
            "meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"],
            environment: ["STATE_DIRECTORY": "\(bench.folder)/data"])
        try second.waitFor("] ready")
        #expect(try bench.ask("status").object?["gateway"] == .string("G-1"))
        #expect(try bench.run("status").text.contains("the new configuration is refused"), "the operator is told")
        second.signal(SIGTERM)
        let (text, code) = second.finish()
        #expect(code == 0 && text.contains("gateway.yaml:1"), "\(text)")
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    @Test(
        "so does a start whose file reads well and names what is not there",
        arguments: [
            ("profiles: ", "profiles: /nowhere # "), ("clock: assumed", "clock: assumed\ntime_zone: Nowhere/None"),
            ("clock: assumed", "clock: assumed\ncommands: { key: /nowhere/commands.pem }"),
            (
                "clock: assumed",
                """
                clock: assumed
                uplink:
                  url: https://platform.example
                  certificate: /nowhere/gateway.crt
                  key: /nowhere/gateway.key
                  ca: /nowhere/ca.crt
                """
            ),
        ])
    func namesNothing(old: String, new: String) throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let good = bench.configuration(port: "\(bench.folder)/bus1")
        try bench.write("gateway.yaml", good)
        let first = try bench.startDaemon()
        first.signal(SIGTERM)
        #expect(first.finish().code == 0)
        try bench.write("gateway.yaml", good.replacing(old, with: new))
        let refused = try Program.run("meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(refused.code == 78, "\(refused.text)")
        let second = try Program(
            "meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"],
            environment: ["STATE_DIRECTORY": "\(bench.folder)/data"])
        try second.waitFor("] ready")
        #expect(try bench.run("status").text.contains("the new configuration is refused"), "the operator is told")
        second.signal(SIGTERM)
        #expect(second.finish().code == 0)
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    private func requests(_ bench: Bench) throws -> Int64 {
        try bench.ask("bus").array?.first?.object?["transactions"]?.object?.values.compactMap(\.integer).reduce(0, +)
            ?? 0
    }
}

extension Bench {
    /// A command of the command line, as a person gives it.
    fileprivate func run(_ arguments: String...) throws -> (text: String, code: Int32) {
        try Program.run("meterkeep", arguments + ["--socket", "\(folder)/data.sock"])
    }
}
