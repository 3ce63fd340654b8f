internal import Metering

/// A step whose load is still on, while it is watched.
struct StepFollower: Hashable, Sendable {
    let change: SteadyStates.Change
    let isRemainder: Bool
    private var inrushPeakMilliwatts: Int64
    private var evidence: [PowerSample]
    private var lastAt: MonotonicTime
    /// The last state in which no other load had switched, and the first, for the drift.
    private var settled: PowerLevel
    private let first: PowerLevel
    private var isAlone = true
    private var steadySince: MonotonicTime
    private var steadyUntil: MonotonicTime

    static let evidenceCount = 24
    /// A load is gone when less than this is left of its step, in thousandths.
    static let leastRemaining: Int64 = 700
    /// Drift is known only after so long without another load.
    static let shortestDrift = Duration.seconds(4)
    /// Peaks this soon after the step are its inrush.
    static let inrushPeriod = Duration.seconds(6)

    init(_ change: SteadyStates.Change, isRemainder: Bool = false) {
        self.change = change
        self.isRemainder = isRemainder
        inrushPeakMilliwatts = change.peakMilliwatts
        evidence = change.samples.suffix(Self.evidenceCount)
        lastAt = change.samples.last?.at ?? change.at
        steadySince = lastAt
        steadyUntil = lastAt
        settled = change.after
        first = change.after
    }

    var activeMilliwatts: Int64 { settled.activeMilliwatts - change.before.activeMilliwatts }

    /// Whether the circuit's power leaves no room for this load.
    func hasGone(at level: PowerLevel) -> Bool {
        level.activeMilliwatts < change.before.activeMilliwatts + activeMilliwatts * Self.leastRemaining / 1_000
    }

    mutating func observe(_ sample: PowerSample, level: PowerLevel?, isSteady: Bool) {
        lastAt = sample.at
        if evidence.count < Self.evidenceCount { evidence.append(sample) }
        guard isAlone else { return }
        if isSteady, let level {
            settled = level
            steadyUntil = sample.at
            if sample.at - change.at <= Self.inrushPeriod {
                inrushPeakMilliwatts = max(inrushPeakMilliwatts, sample.activeMilliwatts)
            }
        }
    }

    /// Another load has switched: from here on the level says nothing about this one.
    mutating func otherSwitched() { isAlone = false }

    /// What is known of the step now.
    var step: LoadStep {
        let isDriftKnown = steadyUntil - steadySince >= Self.shortestDrift
        return LoadStep(
            at: change.at, before: change.before, after: settled,
            inrushMilliwatts: max(0, inrushPeakMilliwatts - settled.activeMilliwatts),
            drift: isDriftKnown ? .milliwatts(first.activeMilliwatts - settled.activeMilliwatts) : .unknown,
            lasting: lastAt - change.at, isRemainder: isRemainder, evidence: evidence)
    }
}
