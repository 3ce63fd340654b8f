import MeterProfiles
import Metering
import Prepaid
import Testing
import UplinkProtocol

@testable import Concentrator

@Suite("A meter that shows nonsense ends nothing")
struct ExtremeReadingTests {
    private static let extremes: [Int64] = [
        .min, .min + 1, -1_000_000_000_000_000_000, -4_000_000_000, -1, 0, 1, 4_000_000_000, 1_000_000_000_000_000_000,
        .max - 1, .max,
    ]

    /// A circuit with every rule that looks at values.
    private func watched() async throws -> SiteBench {
        let bench = try await SiteBench(count: 1)
        let circuit = "\"circuits\":[\"M-1\"]"
        #expect(
            try await bench.send("malignant_load", "{\(circuit),\"malignant_load\":{\"mode\":\"trip\"}}").outcome
                == "applied")
        let overload = "{\(circuit),\"overload\":{\"limit_mw\":3000000,\"delay_ms\":0}}"
        #expect(try await bench.send("overload", overload).outcome == "applied")
        await bench.settleIn()
        return bench
    }

    private func at(_ second: Int, after started: Timestamp) -> Timestamp {
        Timestamp(
            boot: started.boot, monotonic: started.monotonic + .seconds(second), wall: started.wall + .seconds(second),
            trust: started.trust)
    }

    /// What becomes of the site afterwards: it is looked at, and its readings are kept.
    private func lookAt(_ bench: SiteBench) async throws {
        #expect(await bench.site.status().circuits.count == 1)
        let circuit = try #require(CircuitID(rawValue: "M-1"))
        #expect(try await bench.site.view(of: circuit) != nil)
        _ = await bench.site.telemetry.commit()
        #expect(await bench.site.telemetry.condition.problem == nil)
        #expect(try await bench.site.isSound())
    }

    @Test("whatever the values of a reading are, in any order")
    func values() async throws {
        let bench = try await watched()
        let started = bench.clock.now()
        let channels = Quantity.allCases.flatMap { quantity in Phase.allCases.map { Channel(quantity, $0) } }
        var second = 0
        for value in Self.extremes {
            for other in Self.extremes {
                for shown in [value, value, other] {
                    second += 1
                    let values = Dictionary(uniqueKeysWithValues: channels.map { ($0, shown) })
                    await bench.site.take(
                        .answered(
                            bench.meters[0].id, values: values, positions: [1: .closed],
                            at: at(second, after: started)))
                }
            }
        }
        try await lookAt(bench)
    }

    @Test("whatever stands in the registers of any model")
    func registers() async throws {
        let bench = try await watched()
        let started = bench.clock.now()
        var second = 0
        // Ones, the signs, the largest and the smallest float.
        let words: [UInt16] = [1, 0x7F7F, 0x7FFF, 0x8000, 0xFF7F, 0xFFFE]
        for profile in try EtcFolder.profiles().all {
            for high in words {
                for low in words {
                    var values: [Channel: Int64] = [:]
                    for register in profile.registers {
                        let content = (0..<register.encoding.registerCount).map { $0 % 2 == 0 ? high : low }
                        values[register.channel] = register.decode(content, scaleWord: low)
                    }
                    second += 1
                    await bench.site.take(
                        .answered(
                            bench.meters[0].id, values: values, positions: [1: .closed],
                            at: at(second, after: started)))
                }
            }
        }
        try await lookAt(bench)
    }
}
