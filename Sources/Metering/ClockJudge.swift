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
    /// The battery-backed clock is believed when it is no further than this from the wall clock.
    public let hardwareTolerance: Duration = .seconds(2)
    /// ... and when the box was off for no longer than this.
    public let longestOff: Duration = .seconds(30 * 86_400)
    /// No time further than this ahead of the earliest present is taken from outside, ten years: certificates do not
    /// last longer, so a box that is there reaches no platform any more, and what it kept would be where every later
    /// boot begins. A wrong unit, or a platform whose clock is lost, lies far beyond.
    public let farthestAhead: Duration = .seconds(10 * 365 * 86_400)

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

    /// Whether somebody outside may say that it is this time now. The last known time only widens what may be: it may
    /// itself come from a clock that was ahead.
    public func mayBeSet(to wall: WallTime) -> Bool {
        buildDate <= wall && wall <= earliestPresent + farthestAhead
    }
}

/// One look at the clocks.
public struct ClockSample: Hashable, Sendable {
    /// Whether the kernel says that a time source disciplines the wall clock (adjtimex(2)).
    public let isSynchronised: Bool
    public let monotonic: MonotonicTime
    public let wall: WallTime
    /// What the battery-backed clock shows that the wall clock was set from at boot; nil without one.
    public let hardwareWall: WallTime?

    public init(isSynchronised: Bool, monotonic: MonotonicTime, wall: WallTime, hardwareWall: WallTime? = nil) {
        self.isSynchronised = isSynchronised
        self.monotonic = monotonic
        self.wall = wall
        self.hardwareWall = hardwareWall
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
    /// The wall clock jumped, and no time source vouched for it.
    private var hasJumped = false
    private var lastSample: ClockSample?

    public init(rules: ClockRules) { self.rules = rules }

    public mutating func judge(_ sample: ClockSample) -> ClockVerdict {
        let step = step(to: sample)
        // A jump that no time source vouches for may have come from anywhere.
        if step != nil, !sample.isSynchronised {
            isSetByOperator = false
            lastTrusted = nil
            hasJumped = true
        }
        let before = trust
        trust = trust(of: sample)
        if trust == .trusted {
            lastTrusted = sample.monotonic
            hasJumped = false
        }
        lastSample = sample
        let isAnchorDue = trust == .trusted && (before == .untrusted || step != nil)
        return ClockVerdict(
            trust: trust, step: step,
            anchor: isAnchorDue ? ClockAnchor(monotonic: sample.monotonic, wall: sample.wall) : nil)
    }

    /// An operator has set the wall clock to what `sample` shows, and answers for it until the next jump or boot.
    public mutating func setByOperator(_ sample: ClockSample) -> ClockVerdict {
        let step = step(to: sample)
        isSetByOperator = rules.mayBeSet(to: sample.wall)
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
        // Without a trusted moment in this boot it is the battery-backed clock that held the time since the last
        // boot's: for no longer into this one.
        guard lastTrusted != nil || isHeldByHardware(sample),
            sample.monotonic - (lastTrusted ?? MonotonicTime(nanoseconds: 0)) <= rules.holdoverLimit
        else { return .untrusted }
        return .holdover
    }

    /// Whether the battery-backed clock shows what the wall clock shows, and a time that can be: after the last
    /// known one, and not so long after it that a battery change is likelier than a box that was off.
    private func isHeldByHardware(_ sample: ClockSample) -> Bool {
        guard !hasJumped, let hardware = sample.hardwareWall, let lastKnown = rules.lastKnownWall else { return false }
        return (hardware - sample.wall).magnitude <= rules.hardwareTolerance
            && (.zero...rules.longestOff).contains(sample.wall - lastKnown)
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
