import ConfigurationReader
import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Concentrator
@testable import Storage

extension SiteService {
    /// As after a restored backup.
    func hold() throws { try ledger.adopt([], hold: "restored: in a test") }
}

@Suite("While all money is held")
struct MoneyHoldTests {
    private func plan(price: String, more: String = "") throws -> SiteImport {
        let bus = try #require(BusID(rawValue: "bus1"))
        let text = """
            meter,bus,unit,profile,account,customer,issuer,price,alarm_1,alarm_2,opening_balance,rated_watts
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,office,\(price),0.5,0.2,1,13800\(more)
            """
        return try SiteImport(file: "bench", text: text, profiles: try EtcFolder.profiles(), buses: [bus])
    }

    @Test("an import is refused whole; released, it bills what was used at the price before it")
    func importing() async throws {
        let bench = try await SiteBench(count: 1)
        await bench.settleIn()
        let money = "\"account\":\"A-1\",\"customer_number\":\"C-1\",\"issuer\":\"office\""
        try await bench.send("preset", "{\(money),\"amount\":\"100\"}")
        await bench.report(bench.meters[0], energy: 1005)
        try await bench.site.hold()
        let another = "\nM-2,bus1,2,acrel-ddsy1352-block,A-2,C-2,office,1,0.5,0.2,50,13800"
        let plan = try plan(price: "1.0000", more: another)
        let refusal = await #expect(throws: ConfigurationProblems.self) { try await bench.site.install(plan) }
        #expect(refusal?.description.contains("meterkeep ledger release") == true)
        #expect(try await bench.site.stored().accounts.map(\.id.rawValue) == ["A-1"])
        #expect(try await bench.site.releaseLedger(actor: "operator"))
        _ = try await bench.site.install(plan)
        // 5 Wh at 1000.0000 a kWh; the opening balance once.
        #expect(try await bench.account("A-1").balance == Money(microunits: 95_000_000))
        #expect(try await bench.account("A-2").balance == Money(microunits: 50_000_000))
        #expect(try await bench.site.isSound())
    }
}
