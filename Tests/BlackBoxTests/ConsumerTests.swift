import Foundation
import FreePort
import Testing
import UplinkProtocol

@Suite("The ways beside the push: pull and a broker", .serialized)
struct ConsumerTests {
    /// A Mosquitto that takes TLS 1.3 with client certificates and nothing else.
    private func startBroker(_ bench: Bench, port: Int) throws -> Program {
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
        let made = try Program.run(
            "meterkeep-platform",
            ["make-certificates", "\(bench.folder)/tls", "--gateway", "G-1", "--gateway", "billing"])
        #expect(made.code == 0)
        // Ports that were free a moment ago.
        let (pullPort, brokerPort) = (try FreePort.find(), try FreePort.find())
        let broker = try startBroker(bench, port: brokerPort)
        let client = client(bench, port: brokerPort)
        func subscribe(_ topic: String) throws -> Program {
            // Line by line, though it writes to a pipe.
            let words = ["-oL", "/usr/bin/mosquitto_sub"] + client
            let program = try Program(
                at: "/usr/bin/stdbuf", words + ["-t", "meterkeep/G-1/\(topic)", "-W", "120", "-v", "-d"])
            try program.waitFor("Subscribed")
            return program
        }
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
            if number == 0 { try pull(bench, port: pullPort) }
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

    private func installOne(_ bench: Bench) throws {
        let file = try bench.write(
            "meters.csv",
            """
            meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,opening_balance,rated_watts
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,0.0100,1,0.5,100,10000000
            """)
        #expect(try Program.run("meterkeep", ["import", file, "--socket", "\(bench.folder)/data.sock"]).code == 0)
    }

    private func pull(_ bench: Bench, port: Int) throws {
        let pulled = try Program.run(
            "meterkeep-platform",
            [
                "pull", "G-1", "--url", "https://localhost:\(port)", "--database", "\(bench.folder)/pulled.db",
                "--authority", "\(bench.folder)/tls/ca.pem", "--certificate", "\(bench.folder)/tls/billing.pem",
                "--key", "\(bench.folder)/tls/billing.key", "--once",
            ])
        #expect(pulled.code == 0, "\(pulled.text)")
        #expect(pulled.text.contains("ledger 1 to") && pulled.text.contains("telemetry 1 to"))
    }

    private func kill(_ programs: [Program]) {
        for program in programs {
            program.signal(SIGKILL)
            _ = program.finish()
        }
    }
}
