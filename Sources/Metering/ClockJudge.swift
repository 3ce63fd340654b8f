/// What a boot's monotonic zero is in wall time. Appended as a record when trust arrives and when a
/// trusted clock steps, so that moments recorded before can be dated; nothing written is changed.
public struct ClockAnchor: Hashable, Sendable {
    /// The wall time at which the monotonic clock of this boot read zero.
    public let monotonicZero: WallTime

    public init(monotonicZero: WallTime) { self.monotonicZero = monotonicZero }

    /// The anchor that makes `monotonic` and `wall` the same moment.
    public init(monotonic: MonotonicTime, wall: WallTime) {
        monotonicZero = WallTime(
            millisecondsSince1970: wall.millisecondsSince1970.clampedSubtracting(monotonic.nanoseconds / 1_000_000))
    }

    /// The wall time of a moment of the same boot.
    public func wall(at monotonic: MonotonicTime) -> WallTime {
        WallTime(
            millisecondsSince1970: monotonicZero.millisecondsSince1970.clampedAdding(monotonic.nanoseconds / 1_000_000))
    }
}

/// What is known beforehand about the clock.
public struct ClockRules: Hashable, Sendable {
    /// How long a clock is believed after its time source has gone.
    public let holdoverLimit: Duration
    /// The wall clock against the monotonic clock, from one look to the next: a larger change is a step.
    public let stepThreshold: Duration
    /// No present moment is earlier than the program's own build.
    public let buildDate: WallTime
    /// The latest wall time that an earlier run trusted, from disk; nil on a new box.
    public let lastKnownWall: WallTime?

    public init(
        holdoverLimit: Duration = .seconds(86_400), stepThreshold: Duration = .seconds(1), buildDate: WallTime,
        lastKnownWall: WallTime?
    ) {
        self.holdoverLimit = holdoverLimit
        self.stepThreshold = stepThreshold
        self.buildDate = buildDate
        self.lastKnownWall = lastKnownWall
    }

    /// No present moment is earlier: the later of the build date and the last known time. A wall clock behind it
    /// is put there before TLS checks certificate dates against it; it is trusted no more for that.
    public var earliestPresent: WallTime { max(buildDate, lastKnownWall ?? buildDate) }
}

/// One look at the clocks.
public struct ClockSample: Hashable, Sendable {
    /// Whether the kernel says that a time source disciplines the wall clock (adjtimex(2)).
    public let isSynchronised: Bool
    public let monotonic: MonotonicTime
    public let wall: WallTime

    public init(isSynchronised: Bool, monotonic: MonotonicTime, wall: WallTime) {
        self.isSynchronised = isSynchronised
        self.monotonic = monotonic
        self.wall = wall
    }
}

/// What a look at the clocks showed.
public struct ClockVerdict: Hashable, Sendable {
    public let trust: ClockTrust
    /// How far the wall clock has jumped since the look before, forward positive; nil where it has not.
    public let step: Duration?
    /// A clock-anchor record is due.
    public let anchor: ClockAnchor?

    public init(trust: ClockTrust, step: Duration? = nil, anchor: ClockAnchor? = nil) {
        self.trust = trust
        self.step = step
        self.anchor = anchor
    }
}

/// Judges the wall clock of one boot, look by look.
public struct ClockJudge: Hashable, Sendable {
    public let rules: ClockRules
    public private(set) var trust: ClockTrust = .untrusted
    /// When the clock was last trusted; nil if never in this boot.
    public private(set) var lastTrusted: MonotonicTime?

    private var isSetByOperator = false
    private var lastSample: ClockSample?

    public init(rules: ClockRules) { self.rules = rules }

    public mutating func judge(_ sample: ClockSample) -> ClockVerdict {
        let step = step(to: sample)
        // A jump that no time source vouches for may have come from anywhere.
        if step != nil, !sample.isSynchronised {
            isSetByOperator = false
            lastTrusted = nil
        }
        let before = trust
        trust = trust(of: sample)
        if trust == .trusted { lastTrusted = sample.monotonic }
        lastSample = sample
        let isAnchorDue = trust == .trusted && (before == .untrusted || step != nil)
        return ClockVerdict(
            trust: trust, step: step,
            anchor: isAnchorDue ? ClockAnchor(monotonic: sample.monotonic, wall: sample.wall) : nil)
    }

    /// An operator has set the wall clock to what `sample` shows, and answers for it until the next jump or boot.
    public mutating func setByOperator(_ sample: ClockSample) -> ClockVerdict {
        let step = step(to: sample)
        isSetByOperator = sample.wall >= rules.buildDate
        lastSample = sample
        let verdict = judge(sample)
        guard verdict.trust == .trusted else { return ClockVerdict(trust: verdict.trust, step: step) }
        return ClockVerdict(
            trust: .trusted, step: step, anchor: ClockAnchor(monotonic: sample.monotonic, wall: sample.wall))
    }

    private func trust(of sample: ClockSample) -> ClockTrust {
        // The last known time has no say here: it may itself come from a clock that was ahead.
        guard sample.wall >= rules.buildDate else { return .untrusted }
        if sample.isSynchronised || isSetByOperator { return .trusted }
        guard let lastTrusted, sample.monotonic - lastTrusted <= rules.holdoverLimit else { return .untrusted }
        return .holdover
    }

    private func step(to sample: ClockSample) -> Duration? {
        guard let lastSample else { return nil }
        let jump = (sample.wall - lastSample.wall) - (sample.monotonic - lastSample.monotonic)
        return jump.magnitude > rules.stepThreshold ? jump : nil
    }
}

extension Duration {
    fileprivate var magnitude: Duration { self < .zero ? .zero - self : self }
}
