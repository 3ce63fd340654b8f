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
    var phases: [BusPhase: Duration] {
        let waited = max(.zero, endedAt - sentAt - sending)
        var phases: [BusPhase: Duration] = [.sending: sending, .silence: silence]
        switch failure {
        case nil, .exception:
            let thinking = min(max(.zero, turnaround ?? .zero), waited)
            phases[.turnaround] = thinking
            phases[.receiving] = waited - thinking
        default: phases[.vain] = waited
        }
        return phases
    }

    var busy: Duration { max(.zero, endedAt - sentAt) + silence }
}
