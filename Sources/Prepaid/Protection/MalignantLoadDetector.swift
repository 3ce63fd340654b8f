internal import Metering

/// A load that came on and stayed, what it was taken for and what is to be done about it.
public struct MalignantFinding: Hashable, Sendable {
    public let step: LoadStep
    public let verdict: MalignantVerdict
    public let action: ProtectionMode
}

/// Finds loads that come on and stay on, in the power of one circuit sampled every 1 to 5 seconds, and says
/// what each of them is. Everything it keeps is bounded; of samples that come faster some are left out.
///
/// A load that was on already at the first sample, or that came during a silence of more than
/// `SteadyStates.longestGap`, has no step and is not found.
public struct MalignantLoadDetector: Hashable, Sendable {
    public let settings: MalignantLoadSettings
    private var states = SteadyStates()
    /// Loads that came on and are not judged yet.
    private var followed: [StepFollower] = []
    /// Increments that were judged to be no heater: two loads may have come on together.
    private var mixtures: [LoadStep] = []
    private var lastAt: MonotonicTime?

    public static let largestFollowedCount = 8
    /// What is kept of a movement must span `SteadyStates.shortestSteady`.
    static let shortestInterval = Duration.milliseconds(400)
    /// A mixture is what may hide a heater: less than this left of it, in thousandths, is nothing new.
    private static let remainderRange: ClosedRange<Int64> = 100...900

    public init(settings: MalignantLoadSettings) { self.settings = settings }

    /// Takes the next sample. A sample that is not later than the one before starts anew.
    public mutating func observe(_ sample: PowerSample) -> [MalignantFinding] {
        guard settings.mode != .off else { return [] }
        if let lastAt, sample.at > lastAt, sample.at - lastAt < Self.shortestInterval { return [] }
        lastAt = sample.at
        let state = states.observe(sample)
        switch state {
        case .restarted:
            followed = []
            mixtures = []
            return []
        case .changed(let change): note(change)
        case .steady, .moving: break
        }
        let level = states.level
        for index in followed.indices {
            followed[index].observe(sample, level: level, isSteady: state == .steady)
        }
        return judgeDue(isMoving: state == .moving)
    }

    /// The circuit was opened: what was followed has ended.
    public mutating func circuitOpened() {
        states = SteadyStates()
        followed = []
        mixtures = []
    }

    private mutating func note(_ change: SteadyStates.Change) {
        followed.removeAll { $0.hasGone(at: change.after) }
        for index in followed.indices { followed[index].otherSwitched() }
        let rise = change.after.activeMilliwatts - change.before.activeMilliwatts
        if rise > 0 {
            follow(StepFollower(change))
        } else {
            noteDeparture(change)
        }
    }

    private mutating func follow(_ follower: StepFollower) {
        guard follower.activeMilliwatts >= settings.smallestStepMilliwatts * 9 / 10 else { return }
        followed = followed.suffix(Self.largestFollowedCount - 1) + [follower]
    }

    /// A load went. Where it was a part of a mixture, the rest of that mixture is looked at as a step.
    private mutating func noteDeparture(_ change: SteadyStates.Change) {
        let gone = PowerLevel.difference(change.before, change.after)
        for (index, mixture) in mixtures.enumerated().reversed() {
            let left = mixture.activeMilliwatts - gone.activeMilliwatts
            guard left * 1_000 >= mixture.activeMilliwatts * Self.remainderRange.lowerBound else {
                mixtures.remove(at: index)
                continue
            }
            guard left * 1_000 <= mixture.activeMilliwatts * Self.remainderRange.upperBound,
                let whole = mixture.reactiveMillivars, let part = gone.reactiveMillivars,
                let reactive = change.after.reactiveMillivars
            else { continue }
            mixtures.remove(at: index)
            let before = PowerLevel(
                activeMilliwatts: change.after.activeMilliwatts - left, reactiveMillivars: reactive - (whole - part))
            follow(
                StepFollower(
                    SteadyStates.Change(
                        at: change.at, before: before, after: change.after,
                        peakMilliwatts: change.after.activeMilliwatts, samples: change.samples), isRemainder: true))
            return
        }
    }

    private mutating func judgeDue(isMoving: Bool) -> [MalignantFinding] {
        var findings: [MalignantFinding] = []
        followed.removeAll { follower in
            let step = follower.step
            guard step.lasting >= settings.dwell, !isMoving else { return false }
            let verdict = settings.judge(step)
            if verdict == .notResistive, settings.mayBecomeChopped(step) { return false }
            if verdict == .notResistive, !step.isRemainder {
                mixtures = mixtures.suffix(Self.largestFollowedCount - 1) + [step]
            }
            findings.append(MalignantFinding(step: step, verdict: verdict, action: settings.action(on: verdict)))
            return true
        }
        return findings
    }
}

extension PowerLevel {
    static func difference(_ one: PowerLevel, _ other: PowerLevel) -> PowerLevel {
        let reactive = one.reactiveMillivars.flatMap { reactive in other.reactiveMillivars.map { reactive - $0 } }
        return PowerLevel(
            activeMilliwatts: one.activeMilliwatts - other.activeMilliwatts, reactiveMillivars: reactive)
    }
}
