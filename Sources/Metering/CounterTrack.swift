/// A counter's value at a moment.
public struct CounterMark: Hashable, Sendable {
    /// In the channel's unit: Wh or litres.
    public let value: Int64
    public let at: Timestamp

    public init(value: Int64, at: Timestamp) {
        self.value = value
        self.at = at
    }
}

/// What an observed counter value led to.
public enum CounterFinding: Hashable, Sendable {
    /// The first value ever seen on this counter.
    case baseline
    case accepted(delta: Int64)
    /// Not billed yet: waits until the time is known or two further readings agree.
    case pending
    /// The counter moved in a way that nothing explains; billing stops at the last accepted value.
    case quarantined(UnexplainedMove)
    /// Still in quarantine.
    case waiting
    /// It was a passing glitch: the counter is back where the last accepted value lets it be.
    case recovered(delta: Int64)
    /// Two further readings agreed with the new value: billing goes on from there, and the move between
    /// the two marks is disputed until a person decides.
    case released(from: CounterMark, to: CounterMark)
}

/// Follows one counter over its readings and keeps garbage out of what is billed.
public struct CounterTrack: Hashable, Sendable {
    public let rules: CounterRules
    /// The last value that may be billed up to.
    public private(set) var lastAccepted: CounterMark?
    /// Plausible readings since the daemon started, as far as the doubt rule needs them (0, 1, 2).
    public private(set) var agreeingSinceStart: Int
    public private(set) var suspicion: Suspicion?

    /// A value that is not believed yet.
    public struct Suspicion: Hashable, Sendable {
        /// Nil where only the elapsed time is missing.
        public fileprivate(set) var move: UnexplainedMove?
        public fileprivate(set) var candidate: CounterMark
        public fileprivate(set) var agreeing: Int
    }

    /// Further readings that must agree with a suspicious one before it is believed.
    public static let readingsToAgree = 2

    public init(rules: CounterRules, lastAccepted: CounterMark?) {
        self.rules = rules
        self.lastAccepted = lastAccepted
        agreeingSinceStart = 0
        suspicion = nil
    }

    public var isQuarantined: Bool { suspicion?.move != nil }

    /// Takes the next reading of the counter.
    public mutating func observe(_ mark: CounterMark) -> CounterFinding {
        guard let lastAccepted else {
            guard rules.canShow(mark.value) else { return quarantine(mark, .outOfRange, after: nil) }
            accept(mark)
            return .baseline
        }
        let move = rules.judge(
            previous: lastAccepted.value, current: mark.value, elapsed: mark.at.elapsed(since: lastAccepted.at))
        switch move {
        case .normal(let delta), .rollOver(let delta):
            let wasQuarantined = isQuarantined
            accept(mark)
            return wasQuarantined ? .recovered(delta: delta) : .accepted(delta: delta)
        case .pending(let delta):
            return suspect(mark, move: nil) ? acceptPending(mark, delta: delta) : .pending
        case .unexplained(let move):
            return quarantine(mark, move, after: lastAccepted)
        }
    }

    private mutating func quarantine(
        _ mark: CounterMark, _ move: UnexplainedMove, after known: CounterMark?
    ) -> CounterFinding {
        let isNew = suspicion?.move == nil
        guard suspect(mark, move: move), let known else { return isNew ? .quarantined(move) : .waiting }
        accept(mark)
        return .released(from: known, to: mark)
    }

    private mutating func accept(_ mark: CounterMark) {
        lastAccepted = mark
        suspicion = nil
        agreeingSinceStart = min(agreeingSinceStart + 1, Self.readingsToAgree)
    }

    private mutating func acceptPending(_ mark: CounterMark, delta: Int64) -> CounterFinding {
        accept(mark)
        return .accepted(delta: delta)
    }

    /// Notes a suspicious value; true when enough readings have agreed with it. A zero never agrees (a
    /// meter that has just powered up shows zeros for a while), nor does what the register cannot hold.
    private mutating func suspect(_ mark: CounterMark, move: UnexplainedMove?) -> Bool {
        agreeingSinceStart = 0
        guard var known = suspicion, known.move == nil || move != nil, mark.value != 0, rules.canShow(mark.value),
            case .normal = rules.judge(
                previous: known.candidate.value, current: mark.value,
                elapsed: mark.at.elapsed(since: known.candidate.at))
        else {
            suspicion = Suspicion(move: move, candidate: mark, agreeing: 0)
            return false
        }
        known.agreeing += 1
        known.move = move
        known.candidate = mark
        suspicion = known
        return known.agreeing >= Self.readingsToAgree
    }
}

extension CounterRules {
    /// What was counted between two accepted values, over a roll-over where `to` is the smaller.
    /// Nil where the two cannot follow one another.
    public func quantity(from: Int64, to: Int64) -> Int64? {
        guard from >= 0, to >= 0 else { return nil }
        if to >= from { return to - from }
        guard let modulus, from < modulus else { return nil }
        return modulus - from + to
    }

    /// Where billing goes on at a start: the last accepted mark where it followed the posted one, else the
    /// posted one. The two are kept apart and a crash may lose the newer of the accepted: one from before a
    /// disputed move must not be taken for consumption.
    public func resumed(posted: CounterMark, lastAccepted: CounterMark) -> CounterMark {
        let elapsed = lastAccepted.at.elapsed(since: posted.at)
        if elapsed != nil, lastAccepted.at.boot == posted.at.boot {
            return quantity(from: posted.value, to: lastAccepted.value) == nil ? posted : lastAccepted
        }
        switch judge(previous: posted.value, current: lastAccepted.value, elapsed: elapsed) {
        case .normal, .rollOver: return lastAccepted
        case .pending, .unexplained: return posted
        }
    }
}
