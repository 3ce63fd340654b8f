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
        /// What was last heard of the time source and of the battery-backed clock.
        var outside: Outside?
    }

    private struct Outside {
        let heardAt: MonotonicTime
        let source: TimeSource
        let hardware: HardwareClock?
    }

    /// The clock is looked at with every request; what is around it changes slowly.
    private static let longestHearsay: Duration = .seconds(1)

    /// - Parameter lastKnownWall: the latest wall time that an earlier run trusted; nil on a new box.
    public init(
        system: SystemClock, source: GatewayConfiguration.ClockSource, lastKnownWall: WallTime? = nil
    ) {
        self.system = system
        self.source = source
        state = Mutex(
            State(judge: ClockJudge(rules: ClockRules(buildDate: Self.buildDate, lastKnownWall: lastKnownWall))))
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
            // On a copy: a time that is refused moves nothing.
            var trial = state
            trial.offset = wall - system.wallNow()
            let verdict = trial.judge.setByOperator(sample(&trial))
            guard verdict.trust == .trusted else { return false }
            trial.noticed.anchor = verdict.anchor ?? trial.noticed.anchor
            trial.noticed.step = verdict.step ?? trial.noticed.step
            state = trial
            return true
        }
    }

    private func sample(_ state: inout State) -> ClockSample {
        let outside = outside(&state)
        let isSynchronised = source == .assumed || outside.source.isSynchronised
        // The kernel's own source is the better one.
        if isSynchronised { state.offset = .zero }
        let monotonic = system.monotonicNow()
        return ClockSample(
            isSynchronised: isSynchronised, monotonic: monotonic, wall: system.wallNow() + state.offset,
            hardwareWall: outside.hardware.flatMap { $0.setTheClock ? $0.wall : nil }.map {
                $0 + (monotonic - outside.heardAt)
            })
    }

    private func outside(_ state: inout State) -> Outside {
        let now = system.monotonicNow()
        if let outside = state.outside, now - outside.heardAt < Self.longestHearsay { return outside }
        let outside = Outside(heardAt: now, source: system.timeSource(), hardware: HardwareClock.read())
        state.outside = outside
        return outside
    }

    /// How the clock is, for people.
    public func report() -> ClockReport {
        let now = now()
        return state.withLock { state in
            let outside = outside(&state)
            return ClockReport(
                trust: now.trust, wall: now.wall, isAssumed: source == .assumed, source: outside.source,
                hardware: outside.hardware, lastKnownWall: state.judge.rules.lastKnownWall)
        }
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

/// The clock as people look at it.
public struct ClockReport: Hashable, Sendable {
    public let trust: ClockTrust
    public let wall: WallTime
    /// The configuration says that the clock is right.
    public let isAssumed: Bool
    public let source: TimeSource
    /// Nil on a box without a battery-backed clock.
    public let hardware: HardwareClock?
    /// The latest wall time that an earlier run trusted; nil on a new box.
    public let lastKnownWall: WallTime?

    /// What is wrong with it and what to do; nil where nothing is.
    public var trouble: String? {
        switch trust {
        case .trusted: nil
        case .holdover:
            "the clock has no time source now and is believed for a day; check the network and the NTP server"
        case .untrusted:
            "the clock is not believed: no time source answers; timers wait and certificates may seem not yet valid; "
                + "check the network and the NTP server (timedatectl)"
        }
    }
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
