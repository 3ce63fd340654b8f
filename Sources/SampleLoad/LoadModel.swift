public import Metering

/// Meters whose values move as those of rooms do: a noisy voltage, a load that is switched now and then,
/// counters that follow it.
public struct LoadModel {
    private var generator = SeededGenerator(seed: 7)
    private var watts: [Int64]
    private var wattSeconds: [Int64]

    public init(meters: Int) {
        watts = Array(repeating: 100, count: meters)
        wattSeconds = (0..<meters).map { Int64($0) * 3_600_000_000 }
    }

    /// 20 values a meter, so many seconds after the scan before.
    public mutating func scan(at: Timestamp, after seconds: Int64) -> [Reading] {
        watts.indices.compactMap { meter in
            if Int.random(in: 0..<6, using: &generator) == 0 {
                watts[meter] = [0, 60, 100, 180, 700, 2000].randomElement(using: &generator) ?? 0
            }
            wattSeconds[meter] += watts[meter] * seconds
            // 60 ms a poll.
            let milliseconds = Int64(60 * meter)
            return MeterID(rawValue: "M-\(meter)").map { name in
                Reading(
                    meter: name,
                    at: Timestamp(
                        boot: at.boot, monotonic: at.monotonic + .milliseconds(milliseconds),
                        wall: at.wall + .milliseconds(milliseconds), trust: at.trust), values: values(of: meter))
            }
        }
    }

    /// The counters of all meters.
    public func marks(at: Timestamp) -> [CircuitID: CounterMark] {
        var marks: [CircuitID: CounterMark] = [:]
        for meter in watts.indices {
            guard let circuit = CircuitID(rawValue: "M-\(meter)") else { continue }
            marks[circuit] = CounterMark(value: wattSeconds[meter] / 3600, at: at)
        }
        return marks
    }

    private mutating func values(of meter: Int) -> [Channel: Int64] {
        // Registers of 0.1 V, 1 mA, 1 W, 0.01 Hz: what such meters have.
        let volts = 230_000 + Int64.random(in: -40...40, using: &generator) * 100
        let power = watts[meter] == 0 ? 0 : (watts[meter] + Int64.random(in: -3...3, using: &generator)) * 1000
        let current = power * 1000 / volts
        let energy = wattSeconds[meter] / 3600
        return [
            Channel(.voltage): volts, Channel(.current): current, Channel(.activePower): power,
            Channel(.reactivePower): power / 10_000 * 1000, Channel(.apparentPower): power * 1005 / 1_000_000 * 1000,
            Channel(.powerFactor): power == 0 ? 1000 : 995,
            Channel(.frequency): 50_000 + Int64.random(in: -4...4, using: &generator) * 10,
            Channel(.energyImport): energy, Channel(.energyExport): 0, Channel(.energyTotal): energy,
            Channel(.reactiveEnergyImport): energy / 10, Channel(.reactiveEnergyExport): 0,
            Channel(.energySharp): 0, Channel(.energyPeak): energy / 2, Channel(.energyFlat): energy / 3,
            Channel(.energyValley): energy / 6, Channel(.current, .l1): current, Channel(.voltage, .l1): volts,
            Channel(.activePower, .l1): power, Channel(.powerFactor, .l1): power == 0 ? 1000 : 995,
        ]
    }
}
