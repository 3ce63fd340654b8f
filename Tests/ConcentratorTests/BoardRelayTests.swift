import BoardRules
import ConfigurationReader
import Metering
import Prepaid
import Storage
import Testing

@testable import Concentrator

private let relay = BoardRelay(
    point: 3, drive: .holding(BoardLine(name: "K3"), isClosedWhileActive: true), feedback: nil,
    travelTime: .milliseconds(20))

@Suite("A relay of the box is a circuit's breaker")
struct BoardRelayTests {
    @Test("it is ordered open for want of money, and confirmed by where it is seen")
    func cut() async throws {
        let bench = try await SiteBench(count: 1, boardRelays: [relay], breakers: "board,3")
        let meter = try #require(bench.meters.first)
        await bench.site.take(.boardRelays([3: .closed], at: bench.clock.now()))
        for energy in [1_000, 1_001, 1_003, 1_004, 1_005] as [Int64] { await bench.report(meter, energy: energy) }
        let order = try #require(bench.board.takeOrder())
        #expect(order.breaker == BreakerAddress(device: .board, point: 3))
        #expect(order.position == .open)
        #expect(bench.orders().isEmpty)
        await bench.site.take(.orderEnded(order, readBack: .open, at: bench.clock.now()))
        let status = try #require(await bench.site.status().circuits.first)
        #expect(status.breaker == .open)
        #expect(status.breakerAddress?.description == "board/1/3")
        #expect(try await bench.codes().suffix(2) == ["breaker_commanded", "breaker_confirmed"])
    }

    @Test("while the power fails nobody is cut for money; it is made up for when the power is back")
    func parked() async throws {
        let bench = try await SiteBench(count: 1, boardRelays: [relay], breakers: "board,3")
        let meter = try #require(bench.meters.first)
        await bench.site.take(.boardRelays([3: .closed], at: bench.clock.now()))
        await bench.report(meter, energy: 1_000)
        await bench.site.park(at: bench.clock.now())
        for energy in [1_001, 1_003, 1_004, 1_005] as [Int64] { await bench.report(meter, energy: energy) }
        #expect(bench.board.takeOrder() == nil)
        await bench.site.unpark(at: bench.clock.now())
        #expect(bench.board.takeOrder()?.position == .open)
        let codes = try await bench.codes()
        #expect(codes.contains("power_failing"))
        #expect(codes.contains("power_returned"))
    }

    @Test("a relay of the box that is not configured cannot be a breaker, nor can the box be a bus of meters")
    func unknown() throws {
        let text = """
            meter,bus,unit,profile,breaker_bus,breaker_unit,breaker_point
            M-1,bus1,1,eastron-sdm120,board,,4
            M-2,bus1,2,eastron-sdm120,board,7,3
            M-3,board,1,eastron-sdm120,,,
            """
        let profiles = try EtcFolder.profiles()
        let bus = try #require(BusID(rawValue: "bus1"))
        let problems = #expect(throws: ConfigurationProblems.self) {
            try SiteImport(file: "site.csv", text: text, profiles: profiles, buses: [bus], boardPoints: [3])
        }
        #expect(
            problems?.problems.map(\.description) == [
                "site.csv:3: the box itself has no units; leave 'breaker_unit' empty where 'breaker_bus' is board",
                "site.csv:4: the bus 'board' is not in gateway.yaml; use one of bus1",
                "site.csv:2: the box has no relay 4; add 'point: 4' under 'board.relays' in gateway.yaml, or correct 'breaker_point'",
            ])
    }
}
