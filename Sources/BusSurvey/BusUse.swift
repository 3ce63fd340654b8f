public import Metering

/// What a transaction was for, in the order in which they go before one another.
public enum BusPurpose: String, Hashable, Sendable, CaseIterable {
    /// A breaker write, or the read-back of one.
    case order
    case fast
    case normal
    case slow
    /// A look at a device that was lost.
    case probe
    case scan
    /// Reading or setting what a device keeps for itself.
    case setting
}

/// What the time of a transaction went to.
public enum BusPhase: String, Hashable, Sendable, CaseIterable {
    /// Characters of requests on the wire.
    case sending
    /// A device thinks.
    case turnaround
    /// Characters of answers on the wire.
    case receiving
    /// Waiting for answers that did not come, or came broken.
    case vain
    /// The 3.5 characters after a frame.
    case silence
}

/// One transaction, as far as its cost and its end matter.
public struct BusUse: Hashable, Sendable {
    public let purpose: BusPurpose
    public let unit: UInt8
    /// Nil when it was answered.
    public let failure: NoDataReason?
    public let sentAt: MonotonicTime
    public let endedAt: MonotonicTime
    /// From the request's end to the answer's start; nil when nothing came.
    public let turnaround: Duration?
    /// How long the request's characters take.
    public let sending: Duration
    /// The silence that follows.
    public let silence: Duration

    public init(
        purpose: BusPurpose, unit: UInt8, failure: NoDataReason?, sentAt: MonotonicTime, endedAt: MonotonicTime,
        turnaround: Duration?, sending: Duration, silence: Duration
    ) {
        self.purpose = purpose
        self.unit = unit
        self.failure = failure
        self.sentAt = sentAt
        self.endedAt = endedAt
        self.turnaround = turnaround
        self.sending = sending
        self.silence = silence
    }

    /// All of its time by what it went to. An exception is an answer.
    var phases: PhaseTimes {
        let waited = max(.zero, endedAt - sentAt - sending)
        var phases = PhaseTimes(sending: sending, silence: silence)
        switch failure {
        case nil, .exception:
            phases.turnaround = min(max(.zero, turnaround ?? .zero), waited)
            phases.receiving = waited - phases.turnaround
        default: phases.vain = waited
        }
        return phases
    }

    var busy: Duration { max(.zero, endedAt - sentAt) + silence }
}

/// What the time of transactions went to.
public struct PhaseTimes: Hashable, Sendable {
    public internal(set) var sending: Duration = .zero
    public internal(set) var turnaround: Duration = .zero
    public internal(set) var receiving: Duration = .zero
    public internal(set) var vain: Duration = .zero
    public internal(set) var silence: Duration = .zero

    public subscript(phase: BusPhase) -> Duration {
        switch phase {
        case .sending: sending
        case .turnaround: turnaround
        case .receiving: receiving
        case .vain: vain
        case .silence: silence
        }
    }

    public var total: Duration { sending + turnaround + receiving + vain + silence }

    static func += (left: inout Self, right: Self) {
        left.sending += right.sending
        left.turnaround += right.turnaround
        left.receiving += right.receiving
        left.vain += right.vain
        left.silence += right.silence
    }
}

/// Something of each purpose.
public struct ByPurpose<Value: Hashable & Sendable>: Hashable, Sendable {
    private var values: [Value]

    init(repeating value: Value) { values = Array(repeating: value, count: BusPurpose.allCases.count) }

    public internal(set) subscript(purpose: BusPurpose) -> Value {
        get { values[purpose.place] }
        set { values[purpose.place] = newValue }
    }

    public var all: [(purpose: BusPurpose, value: Value)] { BusPurpose.allCases.map { ($0, self[$0]) } }
}

extension BusPurpose {
    fileprivate var place: Int {
        switch self {
        case .order: 0
        case .fast: 1
        case .normal: 2
        case .slow: 3
        case .probe: 4
        case .scan: 5
        case .setting: 6
        }
    }
}
