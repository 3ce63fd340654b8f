import ConfigurationReader
import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Concentrator

@Suite("Protection that an import file asks for")
struct ImportedProtectionTests {
    private func plan(_ cells: String) throws -> SiteImport {
        try SiteImport(
            file: "site.csv",
            text: """
                meter,bus,unit,profile,account,customer,issuer,price,overload_watts,forbidden_appliances
                M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,office,0.5000,\(cells)
                """,
            profiles: try EtcFolder.profiles(), buses: [try #require(BusID(rawValue: "bus1"))])
    }

    @Test("limits and modes are brought up to date; what else was set stays")
    func upToDate() async throws {
        let bench = try await SiteBench(count: 1)
        let circuit = try #require(CircuitID(rawValue: "M-1"))
        func rules() async throws -> CircuitRules { try #require(try await bench.site.view(of: circuit)).rules }
        _ = try await bench.site.install(try plan("3000,trip"))
        #expect(try await rules().overload == OverloadSettings(limitMilliwatts: 3_000_000))
        #expect(try await rules().malignant == MalignantLoadSettings(mode: .trip))
        let slow = "{\"circuits\":[\"M-1\"],\"overload\":{\"limit_mw\":3000000,\"delay_ms\":9000}}"
        #expect(try await bench.send("overload", slow).outcome == "applied")
        let iron = "{\"circuits\":[\"M-1\"],\"name\":\"iron\",\"power_mw\":1200000}"
        #expect(try await bench.send("learn_appliance", iron).outcome == "applied")
        _ = try await bench.site.install(try plan("4000,alarm"))
        #expect(
            try await rules().overload == OverloadSettings(limitMilliwatts: 4_000_000, delay: .seconds(9)))
        #expect(try await rules().malignant?.mode == .alarm)
        #expect(try await rules().malignant?.allowed.map(\.name) == ["iron"])
        _ = try await bench.site.install(try plan(","))
        #expect(try await rules().overload?.limitMilliwatts == 4_000_000)
    }

    @Test(
        "what cannot be is refused with its line",
        arguments: [
            ("-5,", "site.csv:2: overload_watts '-5' is no power in W; write a whole number like 3000, or nothing"),
            (",kettle", "site.csv:2: forbidden_appliances cannot be 'kettle'; write off, alarm or trip, or nothing"),
        ])
    func refused(cells: String, message: String) {
        #expect { try plan(cells) } throws: { "\($0)" == message }
    }
}
