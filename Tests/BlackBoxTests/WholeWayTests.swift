import Foundation
import Testing
import UplinkProtocol

@Suite("The real programs, from the bus to the platform and back", .serialized)
struct WholeWayTests {
    @Test("readings go up, a recharge comes down, kill -9 and a restart change no money")
    func wholeWay() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let daemon = try bench.startDaemon()
        try bench.install(
            """
            meter,bus,unit,profile,account,customer,price,alarm_1,alarm_2,opening_balance,rated_watts
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,1.0000,0.10,0.05,0.15,10000000
            M-2,bus1,2,acrel-ddsy1352-block,A-2,C-2,1.0000,1,0.5,100,10000000
            """)

        // 300 W a thousand times as fast at 1.00 are about 0.08 a second: A-1 is cut within seconds.
        try bench.until("M-1 is cut") { try circuit("M-1", bench)["breaker"] == .string("open") }
        #expect(try circuit("M-2", bench)["breaker"] == .string("closed"))
        let writes = try String(contentsOfFile: "\(bench.folder)/writes.jsonl", encoding: .utf8)
        #expect(writes.contains("\"device\":\"M-1\"") && writes.contains("\"closed\":false"))
        #expect(!writes.contains("\"device\":\"M-2\""))

        _ = try Program.run(
            "meterkeep-platform",
            ["recharge", "G-1", "A-1", "50", "--customer", "C-1", "--socket", "\(bench.folder)/platform.sock"])
        try bench.until("M-1 is closed again") { try circuit("M-1", bench)["breaker"] == .string("closed") }

        daemon.signal(SIGKILL)
        _ = daemon.finish()
        let restarted = try bench.startDaemon()
        try bench.until("the platform has the whole ledger and its balances") {
            let verified = try bench.ask("ledger", "verify").object ?? [:]
            #expect(verified["sound"] == .boolean(true))
            let (text, _) = try Program.run(
                "meterkeep-platform", ["balances", "--socket", "\(bench.folder)/platform.sock"])
            let shown = try StrictJSON.parse(text.trimmingCharacters(in: .whitespacesAndNewlines)).array ?? []
            let pairs = shown.compactMap(\.object).compactMap { account in
                account["account"]?.string.map { ($0, account["balance_microunits"] ?? .null) }
            }
            return verified["balances_microunits"]
                == .object(Dictionary(pairs, uniquingKeysWith: { first, _ in first }))
        }
        restarted.signal(SIGTERM)
        #expect(restarted.finish().code == 0)
        let offline = try Program.run(
            "meterkeep", ["ledger", "verify", "--offline", "\(bench.folder)/data", "--gateway", "G-1"])
        #expect(offline.code == 0, "\(offline.text)")
        platform.signal(SIGTERM)
        #expect(platform.finish().code == 0)
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    private func circuit(_ name: String, _ bench: Bench) throws -> [String: JSONValue] {
        let circuits = try bench.ask("meters").object?["circuits"]?.array ?? []
        return circuits.compactMap(\.object).first { $0["circuit"] == .string(name) } ?? [:]
    }
}
