import Foundation
import Testing
import UplinkProtocol

@Suite("The ways beside the push: pull and a broker", .serialized)
struct ConsumerTests {
    @Test("a consumer pulls both logs; a broker gets records, brings a recharge, and tells of the daemon's death")
    func pullAndBroker() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let made = try Program.run(
            "meterkeep-platform",
            ["make-certificates", "\(bench.folder)/tls", "--gateway", "G-1", "--gateway", "billing"])
        #expect(made.code == 0)
        // Ports that were free a moment ago.
        let (pullPort, brokerPort) = (try bench.freePort(), try bench.freePort())
        try bench.write(
            "mosquitto.conf",
            "listener \(brokerPort) 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n")
        let broker = try Program(at: "/usr/sbin/mosquitto", ["-c", "\(bench.folder)/mosquitto.conf"])
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
                    mqtt: { host: localhost, port: \(brokerPort) }
                    """))
        let daemon = try bench.startDaemon()
        let file = try bench.write(
            "meters.csv",
            """
            meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,opening_balance,rated_watts
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,1.0000,1,0.5,100,10000000
            """)
        #expect(try Program.run("meterkeep", ["import", file, "--socket", "\(bench.folder)/data.sock"]).code == 0)

        func subscribe(_ topic: String) throws -> Program {
            try Program(
                at: "/usr/bin/mosquitto_sub",
                ["-p", "\(brokerPort)", "-q", "1", "-t", "meterkeep/G-1/\(topic)", "-W", "60", "-v"])
        }
        let states = try subscribe("state")
        try states.waitFor("\"state\":\"online\"")
        let readings = try subscribe("telemetry")
        try readings.waitFor("\"meter\":\"M-1\"")
        let results = try subscribe("results")
        // The subscriber is there when the answer to its own retained state would be; ids make repeats harmless.
        let recharge = """
            {"id":"r-1","kind":"recharge","recharge":{"account":"A-1","customer_number":"C-1","issuer":"office",\
            "number":1,"amount":"5"}}
            """
        try bench.until("the recharge is in the ledger") {
            _ = try Program(
                at: "/usr/bin/mosquitto_pub",
                ["-p", "\(brokerPort)", "-q", "1", "-t", "meterkeep/G-1/commands", "-m", recharge]
            ).finish()
            let verified = try bench.ask("ledger", "verify").object ?? [:]
            let balance = verified["balances_microunits"]?.object?["A-1"]?.integer ?? 0
            return balance > 100_000_000
        }
        try results.waitFor("\"id\":\"r-1\"")

        let pulled = try Program.run(
            "meterkeep-platform",
            [
                "pull", "G-1", "--url", "https://localhost:\(pullPort)", "--database", "\(bench.folder)/pulled.db",
                "--authority", "\(bench.folder)/tls/ca.pem", "--certificate", "\(bench.folder)/tls/billing.pem",
                "--key", "\(bench.folder)/tls/billing.key", "--once",
            ])
        #expect(pulled.code == 0, "\(pulled.text)")
        #expect(pulled.text.contains("ledger 1 to") && pulled.text.contains("telemetry 1 to"))

        daemon.signal(SIGKILL)
        _ = daemon.finish()
        try states.waitFor("\"state\":\"offline\"")
        for program in [states, readings, results, broker, simulator] {
            program.signal(SIGKILL)
            _ = program.finish()
        }
    }
}
