public import Board
private import Foundation
public import Metering
private import Synchronization

/// The clocks with the trust they deserve now.
public final class GatewayClock: Sendable {
    private let system: SystemClock
    private let source: GatewayConfiguration.ClockSource
    private let state: Mutex<State>
    /// No present moment is earlier than this program.
    public static let buildDate = WallTime(millisecondsSince1970: 1_767_225_600_000)

    private struct State {
        var judge: ClockJudge
        var noticed = ClockNotice()
        /// What the platform's clock is ahead of this box's, where nothing better sets it.
        var offset: Duration = .zero
    }

    public init(system: SystemClock, source: GatewayConfiguration.ClockSource) {
        self.system = system
        self.source = source
        state = Mutex(State(judge: ClockJudge(rules: ClockRules(buildDate: Self.buildDate, lastKnownWall: nil))))
    }

    /// The moment. Whatever the look at the clocks shows is kept for `takeNotice`.
    public func now() -> Timestamp {
        // One look at a time: two that overtake one another would look like a step.
        state.withLock { state in
            let sample = sample(&state)
            let verdict = state.judge.judge(sample)
            state.noticed.anchor = verdict.anchor ?? state.noticed.anchor
            state.noticed.step = verdict.step ?? state.noticed.step
            return Timestamp(
                boot: system.boot, monotonic: sample.monotonic, wall: sample.wall, trust: verdict.trust)
        }
    }

    /// Takes the time from outside where nothing that is better gives it.
    /// - Returns: whether it was taken.
    func take(time wall: WallTime) -> Bool {
        state.withLock { state in
            guard state.judge.trust == .untrusted else { return false }
            state.offset = wall - system.wallNow()
            let verdict = state.judge.setByOperator(sample(&state))
            state.noticed.anchor = verdict.anchor ?? state.noticed.anchor
            state.noticed.step = verdict.step ?? state.noticed.step
            return verdict.trust == .trusted
        }
    }

    private func sample(_ state: inout State) -> ClockSample {
        let isSynchronised = source == .assumed || system.isSynchronised()
        // The kernel's own source is the better one.
        if isSynchronised { state.offset = .zero }
        return ClockSample(
            isSynchronised: isSynchronised, monotonic: system.monotonicNow(), wall: system.wallNow() + state.offset)
    }

    /// For how long the clock has not been believed, by the monotonic clock; zero while it is.
    func untrustedFor() -> Duration {
        state.withLock { state in
            guard state.judge.trust == .untrusted else { return .zero }
            return system.monotonicNow() - (state.judge.lastTrusted ?? MonotonicTime(nanoseconds: 0))
        }
    }

    /// What the looks since the last call have shown.
    func takeNotice() -> ClockNotice {
        state.withLock { state in
            defer { state.noticed = ClockNotice() }
            return state.noticed
        }
    }

    public func monotonicNow() -> MonotonicTime { system.monotonicNow() }
}

/// What is to be recorded about the clock.
struct ClockNotice: Hashable, Sendable {
    var anchor: ClockAnchor?
    var step: Duration?
}

extension TimeZoneTable {
    /// The zone's changes from 2020 to 2060, from the system's zone data. Nil for an unknown name.
    public init?(ianaName name: String) {
        guard let zone = TimeZone(identifier: name) else { return nil }
        var moment = Date(timeIntervalSince1970: 1_577_836_800)
        let end = Date(timeIntervalSince1970: 2_840_140_800)
        let initial = zone.secondsFromGMT(for: moment)
        var transitions: [Transition] = []
        while let next = zone.nextDaylightSavingTimeTransition(after: moment), next < end, next > moment {
            transitions.append(
                Transition(
                    at: WallTime(millisecondsSince1970: Int64(next.timeIntervalSince1970) * 1000),
                    offsetSeconds: zone.secondsFromGMT(for: next.addingTimeInterval(1))))
            moment = next
        }
        try? self.init(name: name, initialOffsetSeconds: initial, transitions: transitions)
    }
}
