/// How long one device takes to start its answer, and so for how long an answer is waited for.
public struct AnswerTimes: Hashable, Sendable {
    /// The slowest answer of late: a slower one counts at once, each faster one takes a 64th of the
    /// difference off. Nil before the first answer.
    public private(set) var worst: Duration?
    /// The model's own limit, from its profile.
    public let longest: Duration

    /// A poll waits for twice the worst and this, for what the machine itself adds.
    public static let margin: Duration = .milliseconds(10)
    public static let shortest: Duration = .milliseconds(30)
    /// A probe waits for the worst and a quarter of it, or this where that is more.
    public static let probeMargin: Duration = .milliseconds(3)
    /// What is allowed to a device that never answered yet.
    public static let first: Duration = .milliseconds(300)
    public static let firstProbe: Duration = .milliseconds(80)
    /// The most that the second and third try after a failure cost the others.
    public static let longestRetry: Duration = .milliseconds(60)

    public init(longest: Duration) { self.longest = max(longest, .milliseconds(1)) }

    public mutating func answered(after turnaround: Duration) {
        let turnaround = min(max(.zero, turnaround), .seconds(60))
        guard let worst, worst > turnaround else {
            worst = turnaround
            return
        }
        self.worst = worst - (worst - turnaround) / 64
    }

    /// For a poll after so many failures in a row: twice as long each time, within `longestRetry`.
    public func timeout(failures: Int) -> Duration {
        guard let worst else { return min(Self.first, longest) }
        let usual = max(worst * 2 + Self.margin, Self.shortest)
        let patient = min(usual * (1 << min(max(0, failures), 4)), max(usual, Self.longestRetry))
        return min(patient, longest)
    }

    /// For the probe of a lost device: just above its own worst.
    public var probeTimeout: Duration {
        min(worst.map { $0 + max($0 / 4, Self.probeMargin) } ?? Self.firstProbe, longest)
    }

    /// For some of its probes, after so many in vain: it may have become slower than it ever was.
    public func patientProbeTimeout(probesInVain: Int) -> Duration? {
        switch probesInVain {
        case 8: min(probeTimeout * 4, longest)
        case 16: min(probeTimeout * 16, longest)
        case 32: longest
        case let many where many > 0 && many.isMultiple(of: 64): longest
        default: nil
        }
    }
}
