import Board
import Foundation
import Logging
import MeterProfiles
import Metering
import Prepaid
import Storage
import Testing
import UplinkProtocol

@testable import Concentrator

struct MassCutTests {
    @Test func aWrongPriceDoesNotBlackOutTheHouse() async throws {
        let bench = try await SiteBench(count: 60)
        for meter in bench.meters {
            await bench.report(meter, energy: 1000)
            await bench.report(meter, energy: 1000)
        }
        #expect(bench.orders().isEmpty)
        // Every account is far below its limit, all within a moment.
        for meter in bench.meters {
            await bench.report(meter, energy: 1010)
            await bench.report(meter, energy: 1010)
        }
        let first = bench.orders()
        #expect(first.count == 6, "a tenth of the circuits is cut before the seventh raises the alarm")
        #expect(await bench.site.heldCuts == 54)
        #expect(try await bench.codes().count { $0 == "mass_cut_held" } == 1)
        await bench.site.tick()
        #expect(bench.orders().isEmpty)

        #expect(try await bench.site.confirmCuts(actor: "operator") == 54)
        #expect(bench.orders().count == 54)
        #expect(await bench.site.heldCuts == 0)
        #expect(try await bench.site.confirmCuts(actor: "operator") == 0)
        #expect(try await bench.codes().count { $0 == "mass_cut_confirmed" } == 1)
    }

    @Test func fourCutsAtOnceAreNoReasonForAlarm() async throws {
        let bench = try await SiteBench(count: 12)
        for meter in bench.meters {
            await bench.report(meter, energy: 1000)
            await bench.report(meter, energy: 1000)
        }
        for meter in bench.meters.prefix(4) {
            await bench.report(meter, energy: 1010)
            await bench.report(meter, energy: 1010)
        }
        let orders = bench.orders()
        #expect(orders.count == 4)
        #expect(orders.allSatisfy { $0.position == .open && $0.rule == .noCredit })
        #expect(await bench.site.heldCuts == 0)
    }
}
