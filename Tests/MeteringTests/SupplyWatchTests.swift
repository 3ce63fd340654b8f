import Metering
import Testing

@Suite("The supply of a meter")
struct SupplyWatchTests {
    private final class Box {
        var watch = SupplyWatch()
        func take(_ reading: Reading, limits: SupplyLimits) -> [SupplyWatch.Finding] {
            watch.take(reading, limits: limits)
        }
    }

    private func reading(_ values: [Channel: Int64]) throws -> Reading {
        Reading(
            meter: try #require(MeterID(rawValue: "M-1")),
            at: Timestamp(
                boot: BootID(rawValue: "b"), monotonic: .zero, wall: WallTime(millisecondsSince1970: 0),
                trust: .trusted), values: values)
    }

    private func single(_ volts: Int64, watts: Int64 = 0) throws -> Reading {
        try reading([Channel(.voltage): volts * 1_000, Channel(.activePower): watts * 1_000])
    }

    @Test("is told when it leaves its limits on two readings, and when it is back")
    func voltage() throws {
        let watch = Box()
        for volts in [230, 207, 253, 290, 230, 206] as [Int64] {
            #expect(watch.take(try single(volts), limits: .standard).isEmpty, "\(volts) V")
        }
        #expect(
            watch.take(try single(206), limits: .standard) == [
                .began(.voltageOutOfLimits(.all, millivolts: 206_000))
            ])
        #expect(watch.take(try single(200), limits: .standard).isEmpty, "said once")
        #expect(watch.take(try single(207), limits: .standard).isEmpty)
        #expect(watch.take(try single(230), limits: .standard) == [.ended(.voltage(.all))])
    }

    @Test("of three phases is told when one of them is far from the others")
    func imbalance() throws {
        let watch = Box()
        func three(_ volts: [Int64]) throws -> Reading {
            try reading([
                Channel(.voltage, .l1): volts[0] * 1_000, Channel(.voltage, .l2): volts[1] * 1_000,
                Channel(.voltage, .l3): volts[2] * 1_000,
            ])
        }
        for _ in 0..<3 { #expect(watch.take(try three([230, 226, 233]), limits: .standard).isEmpty) }
        _ = watch.take(try three([230, 210, 240]), limits: .standard)
        #expect(
            watch.take(try three([230, 210, 240]), limits: .standard) == [.began(.phaseImbalance(thousandths: 73))])
        let wide = SupplyLimits(nominalVolts: 230, tolerancePercent: 100)
        let dead = Box()
        for _ in 0..<3 { #expect(dead.take(try three([0, 0, 0]), limits: wide).isEmpty) }
    }

    @Test(
        "may be shown as anything: it is out of its limits, and nothing traps",
        arguments: [Int64.min, .min + 1, -100_000_000_000_000_000, 100_000_000_000_000_000, .max])
    func anything(value: Int64) throws {
        let watch = Box()
        let phases: [Phase] = [.all, .l1, .l2, .l3]
        let voltages = phases.map { (Channel(.voltage, $0), value) }
        let shown = try reading(
            Dictionary(voltages + [(Channel(.activePower), value)]) { first, _ in first })
        #expect(watch.take(shown, limits: .standard).isEmpty)
        let outside = phases.map { SupplyTrouble.voltageOutOfLimits($0, millivolts: value).kind }
        let begun = watch.take(shown, limits: .standard).compactMap { finding -> SupplyTrouble.Kind? in
            if case .began(let trouble) = finding { trouble.kind } else { nil }
        }
        #expect(begun == outside + (value < 0 ? [.reverse] : []))
    }

    @Test("that flows backwards is told; a little is measuring error")
    func reverse() throws {
        let watch = Box()
        for _ in 0..<3 { #expect(watch.take(try single(230, watts: -20), limits: .standard).isEmpty) }
        _ = watch.take(try single(230, watts: -500), limits: .standard)
        #expect(
            watch.take(try single(230, watts: -500), limits: .standard) == [
                .began(.reversePower(milliwatts: -500_000))
            ])
    }
}
