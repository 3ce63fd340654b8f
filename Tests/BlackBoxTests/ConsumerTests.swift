import Foundation
import FreePort
import Testing
import UplinkProtocol

@Suite("The ways beside the push: pull and a broker", .serialized)
struct ConsumerTests {
    /// A Mosquitto that takes TLS 1.3 with client certificates and nothing else.
    /// - Parameter topics: where the gateway may publish.
    private func startBroker(_ bench: Bench, port: Int, topics: [String] = ["#"]) throws -> Program {
        let rights = topics.map { "topic write meterkeep/G-1/\($0)\n" }.joined()
        try bench.write("access", "user billing\ntopic #\nuser G-1\ntopic read meterkeep/G-1/commands\n\(rights)")
        try bench.write(
            "mosquitto.conf",
            """
            listener \(port) 127.0.0.1
            cafile \(bench.folder)/tls/ca.pem
            certfile \(bench.folder)/tls/platform.pem
            keyfile \(bench.folder)/tls/platform.key
            tls_version tlsv1.3
            require_certificate true
            use_identity_as_username true
            allow_anonymous false
            persistence false
            user root
            acl_file \(bench.folder)/access
            """)
        let broker = try Program(at: "/usr/sbin/mosquitto", ["-c", "\(bench.folder)/mosquitto.conf"])
        try broker.waitFor("running")
        return broker
    }

    /// What every client of the broker says of itself, as `billing`.
    private func client(_ bench: Bench, port: Int) -> [String] {
        let tls = "\(bench.folder)/tls"
        return [
            "-h", "localhost", "-p", "\(port)", "-q", "1", "--cafile", "\(tls)/ca.pem", "--cert", "\(tls)/billing.pem",
            "--key", "\(tls)/billing.key",
        ]
    }

    private func subscribe(_ topic: String, _ client: [String]) throws -> Program {
        // Line by line, though it writes to a pipe.
        let words = ["-oL", "/usr/bin/mosquitto_sub"] + client
        let program = try Program(
            at: "/usr/bin/stdbuf", words + ["-t", "meterkeep/G-1/\(topic)", "-W", "120", "-v", "-d"])
        try program.waitFor("Subscribed")
        return program
    }

    private func makeCertificates(_ folder: String) throws {
        let words = ["make-certificates", folder, "--gateway", "G-1", "--gateway", "billing"]
        #expect(try Program.run("meterkeep-platform", words).code == 0)
    }

    private func configure(_ bench: Bench, pullPort: Int, brokerPort: Int, version: String) throws {
        try bench.write(
            "gateway.yaml",
            bench.configuration(
                port: "\(bench.folder)/bus1",
                extra: """
                    pull:
                      listen: localhost:\(pullPort)
                      authority: tls/ca.pem
                      certificate: tls/platform.pem
                      key: tls/platform.key
                      consumers: [{ name: billing, certificate: tls/billing.pem }]
                    mqtt:
                      host: localhost
                      port: \(brokerPort)
                      authority: tls/ca.pem
                      certificate: tls/G-1.pem
                      key: tls/G-1.key
                      version: "\(version)"
                    """))
    }

    @Test("a consumer pulls both logs; a broker gets records, brings recharges, and tells of the daemon's death")
    func pullAndBroker() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        try makeCertificates("\(bench.folder)/tls")
        // Ports that were free a moment ago.
        let (pullPort, brokerPort) = (try FreePort.find(), try FreePort.find())
        let broker = try startBroker(bench, port: brokerPort)
        let client = client(bench, port: brokerPort)
        func subscribe(_ topic: String) throws -> Program { try self.subscribe(topic, client) }
        for (number, version) in ["3.1.1", "5"].enumerated() {
            try configure(bench, pullPort: pullPort, brokerPort: brokerPort, version: version)
            // There before the daemon, so that they miss nothing.
            let (states, ledger) = (try subscribe("state"), try subscribe("ledger"))
            let (readings, results) = (try subscribe("telemetry"), try subscribe("results"))
            let daemon = try bench.startDaemon()
            if number == 0 { try installOne(bench) }
            try states.waitFor("\"state\":\"online\"")
            try readings.waitFor("\"meter\":\"M-1\"")
            let id = "r-\(number + 1)"
            let recharge = """
                {"id":"\(id)","kind":"recharge","recharge":{"account":"A-1","customer_number":"C-1",\
                "issuer":"office","number":\(number + 1),"amount":"5"}}
                """
            // Ids make repeats harmless.
            try bench.until("the recharge \(id) is in the ledger") {
                let words = client + ["-t", "meterkeep/G-1/commands", "-m", recharge]
                _ = try Program(at: "/usr/bin/mosquitto_pub", words).finish()
                return try bench.isApplied(id)
            }
            try results.waitFor("\"id\":\"\(id)\"")
            try ledger.waitFor("\"command\":\"\(id)\"")
            if number == 0 { try pull(bench, port: pullPort, from: 1) }
            daemon.signal(SIGKILL)
            _ = daemon.finish()
            try states.waitFor("\"state\":\"offline\"")
            ledger.signal(SIGKILL)
            let lines = ledger.finish().text.split(separator: "\n").filter { $0.contains("\"record\":") }
            // The start was before there was a connection, the recharge came over it.
            #expect(lines.contains { $0.contains("daemon_started") && $0.contains("\"is_historical\":true") })
            #expect(lines.contains { $0.contains("\"command\":\"\(id)\"") && $0.contains("\"is_historical\":false") })
            kill([states, readings, results])
        }
        kill([broker, simulator])
    }

    @Test("what a broker refuses waits, with its reason; what was under way when it stopped comes again, as history")
    func brokerThatRefusesAndStops() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        try makeCertificates("\(bench.folder)/tls")
        let (pullPort, port) = (try FreePort.find(), try FreePort.find())
        let client = client(bench, port: port)
        func broker() throws -> [String: JSONValue] { try bench.ask("status").object?["mqtt"]?.object ?? [:] }
        let first = try startBroker(bench, port: port, topics: ["state", "telemetry", "results"])
        let readings = try subscribe("telemetry", client)
        try configure(bench, pullPort: pullPort, brokerPort: port, version: "5")
        let daemon = try bench.startDaemon()
        try installOne(bench)
        try readings.waitFor("\"meter\":\"M-1\"")
        try bench.until("the refusal is shown") { try broker()["condition"] == .string("refused") }
        let problem = try broker()["problem"]?.string ?? ""
        #expect(problem.contains("localhost:\(port)") && problem.contains("meterkeep/G-1/ledger: Not authorized (135)"))
        let status = try bench.ask("status").object
        let head = status?["chain_head"]?.object?["seq"]
        #expect(head != nil && status?["mqtt"]?.object?["ledger_queued"] == head, "nothing counts as delivered")
        let doctor = try bench.command("doctor", "--config", "\(bench.folder)/gateway.yaml")
        #expect(doctor.text.contains("does not let this gateway use meterkeep/G-1/ledger"), "\(doctor.text)")
        // It goes on until the connection is cut with records under way.
        first.signal(SIGSTOP)
        #expect(try bench.command("mode", "guarantee", "M-1").code == 0)
        kill([first, readings])
        try bench.until("the end is seen") { try broker()["condition"] == .string("unreachable") }
        // The subscriptions are there before the daemon is again.
        daemon.signal(SIGSTOP)
        let second = try startBroker(bench, port: port)
        let (states, ledger) = (try subscribe("state", client), try subscribe("ledger", client))
        let results = try subscribe("results", client)
        daemon.signal(SIGCONT)
        try states.waitFor("\"state\":\"online\"")
        try ledger.waitFor("daemon_started")
        try ledger.waitFor("breaker_mode")
        let command = "{\"id\":\"n-1\",\"kind\":\"read_now\",\"read_now\":{\"meters\":[\"M-1\"]}}"
        _ = try Program(
            at: "/usr/bin/mosquitto_pub", client + ["-t", "meterkeep/G-1/commands", "-m", command]
        ).finish()
        try results.waitFor("\"kind\":\"read_now\",\"outcome\":\"applied\"")
        try bench.until("everything is there") { try broker()["ledger_queued"] == .integer(0) }
        #expect(try broker()["condition"] == .string("up"))
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        try states.waitFor("\"state\":\"offline\"")
        ledger.signal(SIGKILL)
        let lines = ledger.finish().text.split(separator: "\n").filter { $0.contains("\"record\":") }
        #expect(lines.first?.contains("\"seq\":1}") == true)
        #expect(lines.contains { $0.contains("breaker_mode") && $0.contains("\"is_historical\":true") })
        #expect(!lines.contains { $0.contains("breaker_mode") && $0.contains("\"is_historical\":false") })
        #expect(lines.contains { $0.contains("\"id\":\"n-1\"") && $0.contains("\"is_historical\":false") })
        kill([second, states, results, simulator])
    }

    @Test("certificates that are replaced under their paths are taken by a reload")
    func rotation() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let tls = "\(bench.folder)/tls"
        try makeCertificates(tls)
        let port = try FreePort.find()
        try configure(bench, pullPort: port, brokerPort: try FreePort.find(), version: "5")
        let daemon = try bench.startDaemon()
        try installOne(bench)
        try pull(bench, port: port)
        #expect(try bench.command("reload").text == "nothing is different\n")
        let fresh = "\(bench.folder)/fresh"
        try makeCertificates(fresh)
        try FileManager.default.moveItem(atPath: tls, toPath: "\(bench.folder)/old")
        try FileManager.default.moveItem(atPath: fresh, toPath: tls)
        let reloaded = try bench.command("reload")
        #expect(reloaded.code == 0 && reloaded.text.contains("pull") && reloaded.text.contains("mqtt"))
        try daemon.waitFor("consumers may pull", times: 2)
        try pull(bench, port: port)
        // What cannot be used changes nothing.
        try bench.write("tls/platform.pem", "nothing")
        let refused = try bench.command("reload")
        #expect(refused.code == 65 && refused.text.contains("tls/platform.pem: is not in PEM form"), "\(refused.text)")
        try pull(bench, port: port)
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        kill([simulator])
    }

    private func installOne(_ bench: Bench) throws {
        let file = try bench.write(
            "meters.csv",
            """
            meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,opening_balance,rated_watts
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,0.0100,1,0.5,100,10000000
            """)
        #expect(try Program.run("meterkeep", ["import", file, "--socket", "\(bench.folder)/data.sock"]).code == 0)
    }

    /// - Parameter first: the ledger record that is to come first; nil where none may be new.
    private func pull(_ bench: Bench, port: Int, from first: Int? = nil) throws {
        let pulled = try Program.run(
            "meterkeep-platform",
            [
                "pull", "G-1", "--url", "https://localhost:\(port)", "--database", "\(bench.folder)/pulled.db",
                "--authority", "\(bench.folder)/tls/ca.pem", "--certificate", "\(bench.folder)/tls/billing.pem",
                "--key", "\(bench.folder)/tls/billing.key", "--once",
            ])
        #expect(pulled.code == 0, "\(pulled.text)")
        if let first { #expect(pulled.text.contains("ledger \(first) to"), "\(pulled.text)") }
    }

    private func kill(_ programs: [Program]) {
        for program in programs {
            program.signal(SIGKILL)
            _ = program.finish()
        }
    }
}

extension Bench {
    /// A command of the command line, as a person gives it.
    fileprivate func command(_ arguments: String...) throws -> (text: String, code: Int32) {
        try Program.run("meterkeep", arguments + ["--socket", "\(folder)/data.sock"])
    }
}
