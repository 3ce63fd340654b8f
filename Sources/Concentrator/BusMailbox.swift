internal import MeterProfiles
public import Metering
public import Prepaid
internal import Storage
private import Synchronization

/// What the site has for one bus: breaker orders, which go before everything else, and changes to what
/// is polled. The bus looks here between any two transactions.
public final class BusMailbox: Sendable {
    /// What changes with what is polled.
    struct News {
        var terms: BusTerms?
        var devices: [SiteMeter]?
        var fast: Set<MeterID>?
        /// The next moment at which a price or the day changes.
        var boundary: MonotonicTime?
        /// To be read out of their turn.
        var asked: Set<MeterID> = []
    }

    private struct State {
        var orders: [BreakerOrder] = []
        var news: News?
        var learned: [StoredHoles] = []
        var scan: ScanJob?
        var errands: [BusErrand] = []
        var isClosed = false
    }

    /// Errands that wait at most.
    private static let mostErrands = 64

    private let state = Mutex(State())
    private let signal = Signal()

    public init() {}

    public func send(_ order: BreakerOrder) { change { $0.orders.append(order) } }
    public func setDevices(_ devices: [SiteMeter]) { tell { $0.devices = devices } }
    /// What another configuration says of every bus.
    func setTerms(_ terms: BusTerms) { tell { $0.terms = terms } }
    /// The next moment at which a price or the day changes.
    func setBoundary(_ moment: MonotonicTime) { tell { $0.boundary = moment } }
    /// What devices were found to refuse in earlier runs; to be said before the devices are.
    func setLearned(_ learned: [StoredHoles]) { state.withLock { $0.learned = learned } }

    func learnedHoles(of meter: SiteMeter) -> LearnedHoles {
        state.withLock { state in
            let kept = state.learned.first { $0.meter == meter.id.rawValue && $0.profile == meter.profile }
            return kept.map { LearnedHoles(text: $0.holes) } ?? LearnedHoles()
        }
    }

    public func setFast(_ meters: Set<MeterID>) { tell { $0.fast = meters } }

    /// Asks for a scan beside live polling. One that waits already is given up.
    public func start(_ scan: ScanJob) {
        let refused = state.withLock { state in
            if state.isClosed { return Optional(scan) }
            defer { state.scan = scan }
            return state.scan
        }
        refused?.tell(.failed(refused === scan ? "the daemon stops" : "another scan was asked for"))
        signal.raise()
    }

    /// Has transactions carried out between orders and polls.
    /// - Returns: what came of each step; the steps after one that failed are not carried out.
    func carryOut(_ errand: BusErrand) async -> [BusErrand.Outcome] {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.errands.count < Self.mostErrands else { return false }
            state.errands.append(errand)
            return true
        }
        guard isTaken else { return [.failed(.busDown)] }
        signal.raise()
        return await errand.outcomes()
    }

    func takeErrand() -> BusErrand? {
        state.withLock { $0.errands.isEmpty ? nil : $0.errands.removeFirst() }
    }

    /// Nobody takes anything out any more: a scan or an errand that waits, or comes later, is given up.
    func close() {
        let (scan, errands) = state.withLock { state in
            state.isClosed = true
            defer { (state.scan, state.errands) = (nil, []) }
            return (state.scan, state.errands)
        }
        scan?.tell(.failed("the daemon stops"))
        for errand in errands { errand.end([.failed(.busDown)]) }
    }

    func takeScan() -> ScanJob? {
        state.withLock { state in
            defer { state.scan = nil }
            return state.scan
        }
    }

    /// Has meters read out of their turn.
    func readNow(_ meters: Set<MeterID>) { tell { $0.asked.formUnion(meters) } }

    func takeOrder() -> BreakerOrder? {
        state.withLock { $0.orders.isEmpty ? nil : $0.orders.removeFirst() }
    }

    var hasOrders: Bool { state.withLock { !$0.orders.isEmpty } }

    /// Nil where there is nothing new.
    func takeNews() -> News? {
        state.withLock { state in
            guard state.news != nil else { return nil }
            defer { state.news = nil }
            return state.news
        }
    }

    /// Wakes the bus, as at a stop.
    public func wake() { signal.raise() }

    /// Returns when something is sent, or after `longest`.
    func wait(longest: Duration) async { await signal.wait(longest: longest) }

    private func tell(_ body: (inout News) -> Void) {
        change { state in
            var news = state.news ?? News()
            body(&news)
            state.news = news
        }
    }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        signal.raise()
    }
}
