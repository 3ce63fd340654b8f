public import Metering

/// A load that came on: the increment between two steady states of a circuit, and how it came.
public struct LoadStep: Hashable, Sendable {
    /// The first sample that was no longer the steady state before.
    public let at: MonotonicTime
    /// The steady states on both sides, mW and mvar.
    public let before: PowerLevel
    public let after: PowerLevel
    /// The highest power on the way and in the first samples, above the steady state after, mW.
    public let inrushMilliwatts: Int64
    /// How far the power moved between the first steady samples and the last that were judged, mW:
    /// positive where it fell.
    public let drift: Drift
    /// From the step to the last sample judged.
    public let lasting: Duration
    /// What is left of two loads that came on together after one of them went.
    public let isRemainder: Bool
    /// The samples around the step.
    public let evidence: [PowerSample]

    /// How the power moved after the step.
    public enum Drift: Hashable, Sendable {
        case milliwatts(Int64)
        /// Another load switched too soon after.
        case unknown
    }

    public var activeMilliwatts: Int64 { after.activeMilliwatts - before.activeMilliwatts }
    /// Nil where the meter gives no reactive power.
    public var reactiveMillivars: Int64? {
        guard let after = after.reactiveMillivars, let before = before.reactiveMillivars else { return nil }
        return after - before
    }

    /// Of the increment.
    public var powerFactor: PowerFactor? {
        reactiveMillivars.flatMap { PowerFactor(activeMilliwatts: activeMilliwatts, reactiveMillivars: $0) }
    }

    /// In thousandths of the increment.
    public var inrushThousandths: Int64 { inrushMilliwatts * 1_000 / max(activeMilliwatts, 1) }

    /// In thousandths of the increment; nil where unknown.
    public var driftThousandths: Int64? {
        guard case .milliwatts(let drift) = drift else { return nil }
        return drift * 1_000 / max(activeMilliwatts, 1)
    }
}

/// A steady state of a circuit.
public struct PowerLevel: Hashable, Sendable {
    public let activeMilliwatts: Int64
    public let reactiveMillivars: Int64?

    public init(activeMilliwatts: Int64, reactiveMillivars: Int64?) {
        self.activeMilliwatts = activeMilliwatts
        self.reactiveMillivars = reactiveMillivars
    }

    /// The medians of some samples; nil of none.
    init?(medianOf samples: some Collection<PowerSample>) {
        guard let active = median(of: samples, { $0.activeMilliwatts }) else { return nil }
        let isReactiveKnown = samples.allSatisfy { $0.reactiveMillivars != nil }
        self.init(
            activeMilliwatts: active,
            reactiveMillivars: isReactiveKnown ? median(of: samples) { $0.reactiveMillivars ?? 0 } : nil)
    }

    /// How far a sample may be from a steady state and still belong to it: 10 W, or 1.5 % of it.
    var toleranceMilliwatts: Int64 { max(10_000, abs(activeMilliwatts) * 15 / 1_000) }

    func holds(_ sample: PowerSample) -> Bool {
        abs(sample.activeMilliwatts - activeMilliwatts) <= toleranceMilliwatts
    }
}

/// The middle value, the lower of the two middle ones of an even count. Found by counting, not by sorting: a
/// state is a handful of samples, and this is asked at every reading.
private func median(of samples: some Collection<PowerSample>, _ value: (PowerSample) -> Int64) -> Int64? {
    let rank = (samples.count - 1) / 2
    for sample in samples {
        let candidate = value(sample)
        var below = 0
        var equal = 0
        for other in samples {
            if value(other) < candidate { below += 1 } else if value(other) == candidate { equal += 1 }
        }
        if below <= rank, rank < below + equal { return candidate }
    }
    return nil
}
