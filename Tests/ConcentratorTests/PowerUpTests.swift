import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Concentrator

@Suite("Switches that say how they come back")
struct PowerUpTests {
    /// Circuit 2 is switched by a board whose relays fall open without power.
    private let bench: SiteBench
    private let board: MeterID

    init() async throws {
        bench = try await SiteBench(count: 1)
        board = try #require(MeterID(rawValue: "R-1"))
        let bus = try #require(BusID(rawValue: "bus1"))
        let plan = try SiteImport(
            file: "bench",
            text: """
                meter,bus,unit,profile,account,customer,issuer,price,opening_balance,breaker_bus,breaker_unit,breaker_point
                R-1,bus1,100,waveshare-relay-8,,,,,,,,
                M-2,bus1,2,acrel-ddsy1352-block,A-2,C-2,office,0.5000,100,bus1,100,1
                """,
            profiles: try EtcFolder.profiles(), buses: [bus])
        _ = try await bench.site.install(plan)
    }

    private func see(_ position: BreakerPosition) async {
        await bench.site.take(.answered(board, values: nil, positions: [1: position], at: bench.clock.now()))
    }

    private func rules(_ circuit: String) async throws -> SwitchingRules {
        let id = try #require(CircuitID(rawValue: circuit))
        return try #require(try await bench.site.view(of: id)).rules.switching
    }

    @Test("a board that lost its power is closed again; one whose relay fell open under power waits for a person")
    func fellOpen() async throws {
        let meter = try #require(MeterID(rawValue: "M-2"))
        for energy: Int64 in [1000, 1000] {
            await see(.closed)
            await bench.site.take(
                .answered(meter, values: [Channel(.energyImport): energy], positions: [:], at: bench.clock.now()))
        }
        await bench.site.take(.lost(board, at: bench.clock.now()))
        await bench.site.take(.found(board, at: bench.clock.now()))
        await see(.open)
        #expect(bench.orders().map(\.position) == [.closed])
        #expect(try await !bench.codes().contains("opened_elsewhere"))
        await see(.closed)
        await see(.open)
        #expect(bench.orders().isEmpty)
        #expect(try await bench.codes().contains("opened_elsewhere"))
    }

    @Test("what the profile says of the switch holds where the settings say nothing else")
    func completed() async throws {
        #expect(try await rules("M-2").powerUp == .open)
        #expect(try await rules("M-1").powerUp == nil)
        let fields = "{\"circuits\":[\"M-2\"],\"switching\":{\"travel_ms\":20000,\"power_up\":\"closed\"}}"
        #expect(try await bench.send("switching", fields).outcome == "applied")
        #expect(try await rules("M-2").powerUp == .closed)
        #expect(try await bench.send("switching", "{\"circuits\":[\"M-2\"],\"switching\":{}}").outcome == "applied")
        #expect(try await rules("M-2").powerUp == .open)
    }
}
