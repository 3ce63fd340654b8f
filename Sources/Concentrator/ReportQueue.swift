internal import Synchronization

/// What the buses and the box have told and the site has not taken yet, in the order in which it was told. One task
/// takes.
///
/// It is bounded: where it is full the oldest values give way, for the next poll brings newer ones. What happens once
/// has room of its own beyond that, as much again; to fill it the ledger would have to stand still for longer than the
/// watchdog lets it. Ends of orders never give way: a circuit waits for its own, and there is one a circuit.
final class ReportQueue: Sendable {
    /// What gave way so far.
    struct Losses: Hashable, Sendable {
        /// Of what the next poll brings again.
        var values: Int64 = 0
        /// Of what happened once.
        var events: Int64 = 0
    }

    fileprivate struct State {
        /// Nil for one that gave way.
        var reports: [BusReport?] = []
        /// The first that was not taken.
        var head = 0
        var count = 0
        var losses = Losses()
        var waiter: CheckedContinuation<BusReport?, Never>?
        var isEnded = false
    }

    private let state = Mutex(State())
    private let most: Int

    /// - Parameter most: reports that wait, at most.
    init(most: Int = 4096) { self.most = most }

    var losses: Losses { state.withLock { $0.losses } }

    func put(_ report: BusReport) {
        let waiter = state.withLock { state in
            guard !state.isEnded else { return nil as CheckedContinuation<BusReport?, Never>? }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            state.keep(report, most: most)
            return nil
        }
        waiter?.resume(returning: report)
    }

    /// The next one, waited for; nil when the task is cancelled.
    func next() async -> BusReport? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isReady, report) = state.withLock { state in
                    if state.isEnded { return (true, nil as BusReport?) }
                    if let report = state.takeFirst() { return (true, report) }
                    state.waiter = continuation
                    return (false, nil)
                }
                if isReady { continuation.resume(returning: report) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.isEnded = true
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(returning: nil)
        }
    }
}

extension ReportQueue.State {
    fileprivate mutating func keep(_ report: BusReport, most: Int) {
        if count >= most {
            if let oldest = reports[head...].firstIndex(where: { $0?.weight == .value }) {
                drop(oldest)
            } else if report.weight == .value {
                losses.values += 1
                return
            }
        }
        if count >= 2 * most, let oldest = reports[head...].firstIndex(where: { $0?.weight == .event }) {
            drop(oldest)
        }
        reports.append(report)
        count += 1
    }

    fileprivate mutating func takeFirst() -> BusReport? {
        while head < reports.count {
            defer {
                head += 1
                compact()
            }
            guard let report = reports[head] else { continue }
            reports[head] = nil
            count -= 1
            return report
        }
        return nil
    }

    private mutating func drop(_ index: Int) {
        if reports[index]?.weight == .value { losses.values += 1 } else { losses.events += 1 }
        reports[index] = nil
        count -= 1
        while head < reports.count, reports[head] == nil { head += 1 }
        compact()
    }

    private mutating func compact() {
        guard head > reports.count / 2 else { return }
        reports.removeSubrange(..<head)
        head = 0
    }
}

extension BusReport {
    fileprivate enum Weight { case value, event, endOfOrder }

    /// What is lost with it.
    fileprivate var weight: Weight {
        switch self {
        case .answered, .failed, .boardRelays: .value
        case .lost, .found, .learned, .finding, .noted, .busLost, .busFound: .event
        case .orderEnded: .endOfOrder
        }
    }
}
