internal import FieldBus
internal import MeterProfiles
internal import Metering

/// A few transactions with one device that are no poll: reading or setting what it keeps for itself. They are
/// carried out one at a time, between orders and polls.
final class BusErrand: Sendable {
    enum Step: Sendable {
        case read(ReadRequest)
        case write(RelayWrite)
    }

    enum Outcome: Hashable, Sendable {
        case words([UInt16])
        case written
        case failed(NoDataReason)
    }

    let unit: UInt8
    let profile: MeterProfile
    let steps: [Step]
    /// Whether the rest goes on where the device refuses one step.
    let goesOn: Bool
    private let stream: AsyncStream<[Outcome]>
    private let continuation: AsyncStream<[Outcome]>.Continuation

    init(unit: UInt8, profile: MeterProfile, steps: [Step], goesOn: Bool = false) {
        self.unit = unit
        self.profile = profile
        self.steps = steps
        self.goesOn = goesOn
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    func end(_ outcomes: [Outcome]) {
        continuation.yield(outcomes)
        continuation.finish()
    }

    func outcomes() async -> [Outcome] {
        for await outcomes in stream { return outcomes }
        return [.failed(.busDown)]
    }
}

/// An errand under way on a port.
struct RunningErrand {
    let errand: BusErrand
    private var outcomes: [BusErrand.Outcome] = []
    private var askableFrom: MonotonicTime

    init(_ errand: BusErrand, now: MonotonicTime) {
        self.errand = errand
        // What was asked of the device before is not known here.
        askableFrom = now + errand.profile.limits.requestGap
    }

    /// What one turn did.
    enum Turn {
        case asked(BusTransaction)
        /// Not before this.
        case notYet(MonotonicTime)
        case ended
    }

    mutating func turn(on port: isolated BusPort, now: () -> MonotonicTime) -> Turn {
        guard outcomes.count < errand.steps.count else {
            errand.end(outcomes)
            return .ended
        }
        if now() < askableFrom { return .notYet(askableFrom) }
        let timeout = errand.profile.limits.responseTimeout
        let transaction: BusTransaction
        var isWrite = false
        switch errand.steps[outcomes.count] {
        case .read(let request): transaction = port.read(unit: errand.unit, request, timeout: timeout)
        case .write(let write):
            transaction = port.write(unit: errand.unit, write, timeout: timeout)
            isWrite = true
        }
        askableFrom = now() + errand.profile.limits.requestGap
        switch transaction.result {
        case .success(let words): outcomes.append(isWrite ? .written : .words(words))
        case .failure(let fault):
            outcomes.append(.failed(fault.noDataReason))
            let isRefusal = if case .exception = fault { true } else { false }
            if !(isRefusal && errand.goesOn) { giveUp() }
        }
        return .asked(transaction)
    }

    private mutating func giveUp() {
        let reason = outcomes.last ?? .failed(.timeout)
        while outcomes.count < errand.steps.count { outcomes.append(reason) }
    }
}
