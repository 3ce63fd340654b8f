import Board
import Metering
import Testing

@testable import Concentrator

@Suite("The gateway's clock")
struct GatewayClockTests {
    @Test(
        "stays where it is when a time from outside is refused",
        arguments: [Int64.min, 0, 1_000_000_000_000, 1_800_000_000_000_000, .max])
    func refused(milliseconds: Int64) throws {
        let clock = GatewayClock(system: try SystemClock(), source: .kernel)
        let before = clock.now()
        #expect(!clock.take(time: WallTime(millisecondsSince1970: milliseconds)))
        let after = clock.now()
        #expect(after.trust == before.trust)
        #expect(after.wall - before.wall < .seconds(60) && after.wall >= before.wall)
        #expect(clock.takeNotice().step == nil)
    }
}
