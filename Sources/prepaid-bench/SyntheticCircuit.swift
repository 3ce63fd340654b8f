import Metering
import Prepaid

/// A circuit made of recorded active powers, with the reactive power that the appliances' power factors give
/// and the error of a meter.
struct SyntheticCircuit {
    /// How the reactive power of a trace is made.
    enum ReactivePower {
        /// None: a meter without it.
        case absent
        case byPowerFactor
        /// Up to 300 W at the appliance's power factor, what is above it as a heater.
        case heaterAbove300W
        /// As behind a diode: half the power, at 0.7071.
        case halfWave
    }

    let traces: [ApplianceTrace]
    let reactive: ReactivePower

    /// A meter's error of the reactive power: up to ±2 var and ±0.5 % of the active power.
    private static let errorVar = 2.0
    private static let errorShare = 0.005

    /// The samples at one phase of a poll.
    func samples(period: Int, phase: Int) -> [PowerSample] {
        guard let first = traces.map(\.firstSecond).min(),
            let end = traces.map({ $0.firstSecond + $0.watts.count }).max()
        else { return [] }
        var samples: [PowerSample] = []
        samples.reserveCapacity((end - first) / period + 1)
        var noise = Noise(seed: UInt64(first) &* 31 &+ UInt64(phase))
        let tangents = traces.map(\.appliance.tangent)
        for second in stride(from: first + phase, to: end, by: period) {
            var active = 0.0
            var reactivePower = 0.0
            var isKnown = false
            for (trace, tangent) in zip(traces, tangents) {
                let index = second - trace.firstSecond
                guard trace.watts.indices.contains(index) else { continue }
                // The first trace is the one judged: its gaps are the circuit's.
                guard let watts = trace.watts[index] else { continue }
                if trace.device == traces[0].device { isKnown = true }
                let (power, reactive) = split(Double(watts), tangent: tangent)
                active += power
                reactivePower += reactive
            }
            guard isKnown else { continue }
            let error = noise.next() * (Self.errorVar + Self.errorShare * active)
            samples.append(
                PowerSample(
                    at: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000),
                    activeMilliwatts: Int64(active * 1_000),
                    reactiveMillivars: reactive == .absent ? nil : Int64((reactivePower + error) * 1_000)))
        }
        return samples
    }

    private func split(_ watts: Double, tangent: Double) -> (Double, Double) {
        switch reactive {
        case .absent: (watts, 0)
        case .byPowerFactor: (watts, watts * tangent)
        case .heaterAbove300W:
            (watts, min(watts, 300) * tangent + max(0, watts - 300) * Appliance.tangent(0.9998))
        case .halfWave: (watts / 2, watts / 2)
        }
    }
}

/// The same numbers on every run, -1 ... 1.
private struct Noise {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> Double {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Double(state >> 11) / Double(1 << 52) - 1
    }
}
