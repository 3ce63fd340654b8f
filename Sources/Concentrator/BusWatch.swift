public import BusSurvey
public import FieldBus
public import MeterProfiles
public import Metering
private import Synchronization

/// A transaction as those who watch the bus get it.
public struct TracedTransaction: Sendable {
    public let bus: BusID
    public let meter: MeterID?
    public let profile: MeterProfile?
    public let purpose: BusPurpose
    public let transaction: BusTransaction
}

/// One who watches: transactions in order, and how many it was too slow for.
public struct BusTrace: Sendable {
    public enum Item: Sendable {
        case transaction(TracedTransaction)
        /// So many before this were lost: the reader is too slow.
        case lost(Int)
        /// Nothing happened for a while.
        case stillHere
    }

    public let items: AsyncStream<Item>
    fileprivate let continuation: AsyncStream<Item>.Continuation

    /// - Parameter mostWaiting: transactions that wait for the reader at most.
    public init(mostWaiting: Int = 512) {
        (items, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(mostWaiting))
    }

    public func beat() { continuation.yield(.stillHere) }
    public func end() { continuation.finish() }
}

/// Sees every transaction of one bus: counts it, and hands it to those who watch.
public final class BusWatch: Sendable {
    public let configuration: BusConfiguration

    private struct State {
        var tally: BusTally
        var traces: [Int: (trace: BusTrace, lost: Int)] = [:]
        var lastNumber = 0
        var diagnosis = LineDiagnosis()
        var isOpen = false
        var meters: [UInt8: MeterID] = [:]
        var isClosed = false
    }

    private let state: Mutex<State>

    /// Those who watch at the same time at most.
    public static let mostTraces = 8
    /// Who is too slow for so many will not come back: its place is free again.
    private static let mostLost = 50_000

    public init(configuration: BusConfiguration, now: MonotonicTime) {
        self.configuration = configuration
        state = Mutex(State(tally: BusTally(now: now)))
    }

    /// Begins to watch; nil when too many do already. To be ended with `unfollow`.
    public func follow(_ trace: BusTrace) -> Int? {
        state.withLock { state in
            guard state.traces.count < Self.mostTraces, !state.isClosed else { return nil }
            state.lastNumber += 1
            state.traces[state.lastNumber] = (trace, 0)
            return state.lastNumber
        }
    }

    public func unfollow(_ number: Int) { state.withLock { _ = $0.traces.removeValue(forKey: number) } }

    /// - Parameters:
    ///   - profile: the model that was asked for, where it is another than the device's.
    ///   - serial: the format it went out in.
    func saw(
        _ transaction: BusTransaction, for purpose: BusPurpose, of device: PolledDevice?,
        profile: @autoclosure () -> MeterProfile? = nil, in serial: SerialFormat
    ) {
        // What never reached the wire took no time of it.
        var failure: NoDataReason?
        if case .failure(let fault) = transaction.result {
            if case .portLost = fault { return }
            failure = fault.noDataReason
        }
        let use = BusUse(
            purpose: purpose, unit: transaction.unit, failure: failure,
            sentAt: transaction.sentAt, endedAt: transaction.endedAt, turnaround: transaction.turnaround,
            sending: serial.duration(ofCharacters: Double(transaction.request.count + 2)),
            silence: serial.interFrameSilence)
        state.withLock { state in
            state.tally.take(use)
            if state.traces.isEmpty { return }
            let traced = TracedTransaction(
                bus: configuration.id, meter: device?.meter.id, profile: profile() ?? device?.profile,
                purpose: purpose, transaction: transaction)
            for number in state.traces.keys { Self.hand(traced, to: &state.traces[number]) }
            state.traces = state.traces.filter { $0.value.lost < Self.mostLost }
        }
    }

    /// A breaker write began, so long after it was decided.
    func ordered(after delay: Duration) { state.withLock { $0.tally.ordered(after: delay) } }

    func diagnosed(_ diagnosis: LineDiagnosis) { state.withLock { $0.diagnosis = diagnosis } }

    func opened(_ isOpen: Bool) { state.withLock { $0.isOpen = isOpen } }

    func setDevices(_ meters: [SiteMeter]) {
        state.withLock { state in
            state.meters = Dictionary(meters.map { ($0.address.unit, $0.id) }) { first, _ in first }
            state.tally.keep(Set(state.meters.keys))
        }
    }

    /// Nothing more is to be seen: those who watch are told so.
    func close() {
        state.withLock { state in
            state.isClosed = true
            for (trace, _) in state.traces.values { trace.end() }
            state.traces = [:]
        }
    }

    /// How the bus is now.
    public func snapshot(at now: MonotonicTime) -> BusSnapshot {
        state.withLock { state in
            BusSnapshot(
                configuration: configuration, isOpen: state.isOpen, tally: state.tally,
                findings: state.diagnosis.findings(at: now), meters: state.meters, at: now)
        }
    }

    private static func hand(_ traced: TracedTransaction, to entry: inout (trace: BusTrace, lost: Int)?) {
        guard let (trace, lost) = entry else { return }
        if lost > 0 {
            guard case .enqueued = trace.continuation.yield(.lost(lost)) else {
                entry?.lost = lost + 1
                return
            }
            entry?.lost = 0
        }
        if case .dropped = trace.continuation.yield(.transaction(traced)) { entry?.lost += 1 }
    }
}

/// One bus at one moment.
public struct BusSnapshot: Sendable {
    public let configuration: BusConfiguration
    public let isOpen: Bool
    public let tally: BusTally
    /// What is wrong with the line or a device on it.
    public let findings: [LineFinding]
    public let meters: [UInt8: MeterID]
    public let at: MonotonicTime
}
