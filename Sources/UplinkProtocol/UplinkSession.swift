internal import Metering

/// What came of sending a batch.
public enum SendOutcome: Hashable, Sendable {
    case acknowledged(Acknowledgement)
    /// A 2xx answer whose body is no acknowledgement of this batch.
    case invalidAnswer
    /// Any other answer; `retryAfter` is what its header asks for.
    case status(Int, retryAfter: Duration?)
    /// No answer: no connection, no route, a certificate refused, time over.
    case noAnswer(String)
}

/// What the sender is to do next.
public enum UplinkAction: Hashable, Sendable {
    /// Keep `through` as the cursor of the log; note what was refused for good.
    case advance(through: Int64, refused: [Refusal])
    /// Send the same bytes again after this pause.
    case retry(after: Duration)
    /// Build the batch anew with at most this many records.
    case shrink(to: Int)
    /// Send a `WithheldRecord` in place of the batch's one ledger record: the chain needs its place.
    case withhold(Refusal)
    /// Even that was refused: after this pause, send the record itself again.
    case reconsider(after: Duration)
}

/// How the way to the platform is.
public enum UplinkCondition: String, Hashable, Sendable, CaseIterable {
    case idle, up, unreachable, refused, answersWrongly = "answers_wrongly"
}

/// Decides what to do after each attempt to send a batch of one log. No clock and no chance of its own.
///
/// | answer | what happens |
/// | --- | --- |
/// | acknowledgement | the cursor moves |
/// | 413 | the batch is split |
/// | 401, 403, 409 | all is kept, tried slowly |
/// | 429, 503 | Retry-After is honoured |
/// | 3xx | not followed; exponential back-off with full jitter |
/// | other 4xx | the batch is halved until one record is left; a reading is then left out, a ledger record withheld |
/// | 5xx, no answer, a 2xx that acknowledges nothing | exponential back-off with full jitter |
public struct UplinkSession: Hashable, Sendable {
    public private(set) var condition: UplinkCondition = .idle
    /// Attempts in a row that brought no acknowledgement.
    public private(set) var failures = 0
    /// The most records in the next batch.
    public private(set) var batchLimit: Int
    private let fullBatch: Int
    /// Records set aside since the last acknowledgement.
    private var setAside = 0
    /// The record that was refused once while the platform refuses one after the other.
    private var doubted: Int64?

    public static let firstBackOff: Duration = .milliseconds(500)
    public static let longestBackOff: Duration = .seconds(300)
    public static let refusedPause: Duration = .seconds(60)
    /// Poison is rare: where more than this are refused in a row it is the platform, or something in
    /// between, that is wrong, and the logs must not be emptied into nothing.
    public static let mostSetAsideAtOnce = 3

    /// - Parameter fullBatch: records in a batch when all is well.
    public init(fullBatch: Int) {
        self.fullBatch = max(1, fullBatch)
        batchLimit = max(1, fullBatch)
    }

    /// - Parameters:
    ///   - records: how many records the batch had.
    ///   - generator: for the jitter.
    public mutating func record(
        _ outcome: SendOutcome, of batch: Batch, using generator: inout some RandomNumberGenerator
    ) -> UplinkAction {
        if case .acknowledged(let acknowledgement) = outcome {
            condition = .up
            failures = 0
            // A record that went up withheld says nothing of the next one.
            if !batch.isWithheld {
                setAside = 0
                doubted = nil
                batchLimit = min(fullBatch, batchLimit * 2)
            }
            return .advance(through: acknowledgement.through, refused: acknowledgement.refused)
        }
        failures += 1
        switch outcome {
        case .status(413, _) where batch.count > 1: return halve(batch)
        case .status(401, _), .status(403, _), .status(409, _):
            condition = .refused
            return .retry(after: Self.refusedPause)
        case .status(429, let pause), .status(503, let pause):
            condition = .unreachable
            guard let pause else { return backOff(using: &generator) }
            return .retry(after: RetryAfter.honoured(pause))
        case .status(408, _), .status(425, _), .status(404, _):
            // Not about the records: time, order, or an address that is not served (yet).
            condition = .unreachable
            return backOff(using: &generator)
        case .status(400..<500, _):
            condition = .answersWrongly
            if batch.count > 1 { return halve(batch) }
            return setAside(batch)
        case .invalidAnswer, .status(200..<300, _):
            condition = .answersWrongly
            return backOff(using: &generator)
        default:
            condition = .unreachable
            return backOff(using: &generator)
        }
    }

    /// The first few in a row at once, each further one only when it is refused again after a pause. A ledger
    /// record is not left out but withheld; what refuses even that refuses everything.
    private mutating func setAside(_ batch: Batch) -> UplinkAction {
        if batch.isWithheld {
            condition = .refused
            return .reconsider(after: Self.refusedPause)
        }
        if setAside >= Self.mostSetAsideAtOnce, doubted != batch.last {
            doubted = batch.last
            condition = .refused
            return .retry(after: Self.refusedPause)
        }
        setAside = min(setAside + 1, Self.mostSetAsideAtOnce)
        doubted = nil
        // While one after the other is refused, halving anew each time would only add to the storm.
        batchLimit = setAside < Self.mostSetAsideAtOnce ? fullBatch : 1
        let refusal = Refusal(sequence: batch.last, reason: "refused by the platform")
        switch batch.log {
        case .ledger: return .withhold(refusal)
        case .telemetry: return .advance(through: batch.last, refused: [refusal])
        }
    }

    private mutating func halve(_ batch: Batch) -> UplinkAction {
        batchLimit = max(1, batch.count / 2)
        return .shrink(to: batchLimit)
    }

    /// Full jitter: anything from nothing to the doubled pause, so that a thousand boxes do not come
    /// back at the same moment.
    private func backOff(using generator: inout some RandomNumberGenerator) -> UplinkAction {
        let doublings = min(failures - 1, 20)
        let first = Self.firstBackOff.wholeMilliseconds
        let ceiling = min(first << Int64(doublings), Self.longestBackOff.wholeMilliseconds)
        return .retry(after: .milliseconds(Int64.random(in: 0...ceiling, using: &generator)))
    }
}
