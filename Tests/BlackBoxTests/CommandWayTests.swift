import Foundation
import Testing
import UplinkProtocol

@Suite("Commands from the platform to the bus", .serialized)
struct CommandWayTests {
    @Test("a tariff, a timer, forced off, a refund, a replacement, a reading and a reload come down and act")
    func commands() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let daemon = try bench.startDaemon()
        try bench.install(
            """
            meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,opening_balance,rated_watts
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,0.0100,10,5,100,10000000
            M-2,bus1,2,acrel-ddsy1352-block,A-2,C-2,0.0100,10,5,100,10000000
            """)
        try bench.until("both supply") {
            try bench.circuit("M-1")["rule"] == .string("supply") && bench.circuit("M-2")["rule"] == .string("supply")
        }

        try bench.send("breaker_mode", "{\"circuits\":[\"M-1\"],\"mode\":\"forced_off\"}")
        try bench.until("M-1 is off") { try bench.circuit("M-1")["breaker"] == .string("open") }
        try bench.send("breaker_mode", "{\"circuits\":[\"M-1\"],\"mode\":\"automatic\"}")
        try bench.until("M-1 is on again") { try bench.circuit("M-1")["breaker"] == .string("closed") }

        try bench.send(
            "timer",
            """
            {"circuits":["M-2"],"timer":{"workday":[{"start":"00:00","action":"off"}],\
            "holiday":[{"start":"00:00","action":"off"}]}}
            """)
        try bench.until("M-2 is off by its timer") {
            try bench.circuit("M-2")["breaker"] == .string("open")
                && bench.circuit("M-2")["rule"] == .string("timer_off")
        }

        let refund = "{\"account\":\"A-2\",\"customer_number\":\"C-2\",\"issuer\":\"office\",\"amount\":\"20\"}"
        try bench.send("refund", refund)
        try bench.until("A-2 has less") {
            try (bench.circuit("M-2")["balance_microunits"]?.integer ?? .max) < 80_000_001
        }

        // A thousand times as dear: 300 W a thousand times as fast are about 0.83 a second.
        try bench.send("tariff", "{\"accounts\":[\"A-1\"],\"tariff\":{\"price\":\"10\"}}")
        try bench.until("the tariff bills") {
            try (bench.circuit("M-1")["balance_microunits"]?.integer ?? .max) < 95_000_000
        }

        let read = try bench.send("read_now", "{\"meters\":[\"M-1\",\"M-2\"]}")
        #expect(read["detail"] == .object(["M-1": .string("applied"), "M-2": .string("applied")]))
        // On the box itself, by the operator's command.
        let locked = try Program.run("meterkeep", ["lock", "M-1", "--socket", "\(bench.folder)/data.sock"])
        #expect(locked.code == 0, "\(locked.text)")
        try bench.until("M-1 is locked") { try bench.circuit("M-1")["rule"] == .string("maintenance_lock") }
        let sale = try bench.write("sale.json", "{\"kind\":\"refund\",\"refund\":\(refund)}")
        let refused = try Program.run("meterkeep", ["execute", sale, "--socket", "\(bench.folder)/data.sock"])
        #expect(refused.code == 65 && refused.text.contains("not_on_site"), "\(refused.text)")

        let energy = try #require(
            try bench.circuit("M-2")["values"]?.object?["energy_import"]?.integer)
        let exchange = try bench.send(
            "replace_meter", "{\"circuit\":\"M-2\",\"old_last\":\(energy),\"new_first\":\(energy)}")
        #expect(exchange["detail"]?.object?["billed"] == .string("0"))

        // What a running daemon takes it takes at once.
        try bench.send("reload", "{}")
        try daemon.waitFor("the configuration is applied")
        // With another zone the daemon starts anew, and everything is as it was set.
        let text = try String(contentsOfFile: "\(bench.folder)/gateway.yaml", encoding: .utf8)
        try bench.write("gateway.yaml", text + "\ntime_zone: Etc/UTC\n")
        try bench.send("reload", "{}")
        // Until then it is the old one that answers.
        try daemon.waitFor("] ready", times: 2)
        try bench.until("all of it is there") {
            // Nobody answers while the daemon starts.
            let rules = ["M-1", "M-2"].map { try? bench.circuit($0)["rule"]?.string }
            return rules == ["maintenance_lock", "timer_off"]
        }
        let verified = try bench.ask("ledger", "verify").object ?? [:]
        #expect(verified["sound"] == .boolean(true))
        daemon.signal(SIGTERM)
        let (said, code) = daemon.finish()
        #expect(code == 0)
        #expect(said.components(separatedBy: "] ready").count == 3, "it has become ready twice: \(said)")
        platform.signal(SIGTERM)
        _ = platform.finish()
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }
}

extension Bench {
    /// Sends a command from the platform and waits for its answer.
    @discardableResult
    fileprivate func send(_ kind: String, _ fields: String) throws -> [String: JSONValue] {
        let (text, code) = try Program.run(
            "meterkeep-platform",
            ["send", "G-1", kind, fields, "--wait", "30", "--socket", "\(folder)/platform.sock"])
        #expect(code == 0, "\(kind): \(text)")
        return try StrictJSON.parse(text.trimmingCharacters(in: .whitespacesAndNewlines)).object ?? [:]
    }
}
