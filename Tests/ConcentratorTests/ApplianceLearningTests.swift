import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Concentrator

@Suite("What a circuit learns to allow")
struct ApplianceLearningTests {
    private let bench: SiteBench
    private let started: Timestamp

    init() async throws {
        bench = try await SiteBench(count: 1)
        started = bench.clock.now()
        let watched = "{\"circuits\":[\"M-1\"],\"malignant_load\":{\"mode\":\"alarm\"}}"
        #expect(try await bench.send("malignant_load", watched).outcome == "applied")
    }

    /// Samples one second apart: 100 W, then 1500 W of a heater on top for 20 s.
    private func heat(from second: Int) async {
        for offset in 0..<40 {
            let watts: Int64 = offset < 20 ? 100 : 1600
            let passed = Duration.seconds(second + offset)
            let at = Timestamp(
                boot: started.boot, monotonic: started.monotonic + passed, wall: started.wall + passed,
                trust: started.trust)
            let values: [Channel: Int64] = [
                Channel(.energyImport): 1000, Channel(.activePower): watts * 1000, Channel(.reactivePower): 30_000,
            ]
            await bench.site.take(.answered(bench.meters[0].id, values: values, positions: [1: .closed], at: at))
        }
    }

    private func alarms() async throws -> Int { try await bench.codes().count { $0 == "malignant_alarm" } }

    private func view() async throws -> CircuitView {
        let circuit = try #require(CircuitID(rawValue: "M-1"))
        return try #require(try await bench.site.view(of: circuit))
    }

    @Test("the heater that was found last is learned, passes from then on, and is forbidden again")
    func learned() async throws {
        let rice = "{\"circuits\":[\"M-1\"],\"name\":\"rice cooker\"}"
        #expect(try await bench.send("learn_appliance", rice).outcome == "nothing_found")
        await heat(from: 0)
        #expect(try await alarms() == 1)
        #expect(try await view().lastFinding?.step.activeMilliwatts == 1_500_000)
        #expect(try await bench.send("learn_appliance", rice).outcome == "applied")
        #expect(try await view().rules.malignant?.allowed.map(\.activeMilliwatts) == [1_500_000])
        await heat(from: 100)
        #expect(try await alarms() == 1)
        #expect(try await bench.send("forget_appliance", rice).outcome == "applied")
        #expect(try await bench.send("forget_appliance", rice).outcome == "not_learned")
        await heat(from: 200)
        #expect(try await alarms() == 2)
    }

    @Test("a power can be given; what cannot be is refused with its reason, and nothing changes")
    func given() async throws {
        func learn(_ fields: String) async throws -> String {
            try await bench.send("learn_appliance", "{\"circuits\":[\"M-1\"],\"name\":\"iron\",\(fields)}").outcome
        }
        #expect(try await learn("\"power_mw\":1200000") == "applied")
        #expect(try await learn("\"power_mw\":-5").hasPrefix("invalid: "))
        #expect(try await learn("\"power_mw\":1200000,\"tolerance_thousandths\":900").hasPrefix("invalid: "))
        #expect(try await learn("\"power_mw\":1200000,\"power_factor_millionths\":2000000") == "invalid")
        #expect(try await view().rules.malignant?.allowed.count == 1)
        #expect(try await bench.send("malignant_load", "{\"circuits\":[\"M-1\"]}").outcome == "applied")
        #expect(try await learn("\"power_mw\":1200000") == "not_watched")
    }
}
