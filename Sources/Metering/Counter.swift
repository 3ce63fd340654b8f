/// What is known about a meter's cumulative register, from its profile and configuration.
public struct CounterRules: Hashable, Sendable {
    /// The register returns to zero when it would reach this value; nil when it never does in practice.
    public let modulus: Int64?
    /// The smallest increment the register can show, in the channel's unit, at the size it has now.
    public let step: Int64
    /// The most the circuit can draw, W (or l/h for water): bounds what may have been used in a time.
    public let ratedPerHour: Int64

    public init(modulus: Int64?, step: Int64, ratedPerHour: Int64) {
        self.modulus = modulus
        self.step = step
        self.ratedPerHour = ratedPerHour
    }

    private var twoSteps: Int64 { step.clampedAdding(step) }

    /// The most the counter can have moved in `elapsed`: rated × 1.2 × time + 2 steps.
    public func largestDelta(in elapsed: Duration) -> Int64 {
        let milliseconds = max(0, elapsed.wholeMilliseconds)
        let perHour = ratedPerHour.multipliedReportingOverflow(by: 12)
        guard !perHour.overflow else { return .max }
        let product = perHour.partialValue.multipliedFullWidth(by: milliseconds)
        let divisor: Int64 = 10 * 3_600_000
        guard product.high < divisor / 2 else { return .max }
        let (quotient, _) = divisor.dividingFullWidth(product)
        return quotient.clampedAdding(twoSteps)
    }
}

/// Why a counter's move cannot be billed as it stands.
public enum UnexplainedMove: String, Hashable, Sendable, CaseIterable {
    case backwards
    case tooFast = "too_fast"
    case zeroAfterNonZero = "zero_after_non_zero"
    /// Below zero, or not below the modulus: no value of this register.
    case outOfRange = "out_of_range"
}

/// What a new counter value means, compared with the last accepted one.
public enum CounterMove: Hashable, Sendable {
    case normal(delta: Int64)
    case rollOver(delta: Int64)
    /// The time since the last accepted reading is not known, and the move is too large to accept
    /// without it. Resolved when the time is known, or by two agreeing readings.
    case pending(delta: Int64)
    /// Never billed: quarantined until explained.
    case unexplained(UnexplainedMove)
}

extension CounterRules {
    /// Classifies the move from `previous` to `current`; `elapsed` is the time since the last
    /// *accepted* reading, or nil where it cannot be known.
    public func judge(previous: Int64, current: Int64, elapsed: Duration?) -> CounterMove {
        guard canShow(current) else { return .unexplained(.outOfRange) }
        if current == 0, previous > 0, !couldHaveRolledOver(previous: previous, current: 0, elapsed: elapsed) {
            return .unexplained(.zeroAfterNonZero)
        }
        if current < previous {
            guard let modulus, couldHaveRolledOver(previous: previous, current: current, elapsed: elapsed) else {
                return .unexplained(.backwards)
            }
            return .rollOver(delta: modulus - previous + current)
        }
        let delta = current.clampedSubtracting(previous)
        guard let elapsed else {
            return delta <= twoSteps ? .normal(delta: delta) : .pending(delta: delta)
        }
        return delta <= largestDelta(in: elapsed) ? .normal(delta: delta) : .unexplained(.tooFast)
    }

    /// Whether the register can hold this value at all.
    public func canShow(_ value: Int64) -> Bool {
        guard let modulus else { return value >= 0 }
        return (0..<max(1, modulus)).contains(value)
    }

    /// Without a known time a roll-over cannot be told from a reset, so it is not believed.
    private func couldHaveRolledOver(previous: Int64, current: Int64, elapsed: Duration?) -> Bool {
        guard let modulus, modulus > 0, let elapsed, (0..<modulus).contains(previous), (0..<modulus).contains(current)
        else {
            return false
        }
        return modulus - previous + current <= largestDelta(in: elapsed)
    }
}
