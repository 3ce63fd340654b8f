public import Metering

/// What a light of the box shows.
public enum LightPattern: String, Hashable, Sendable, CaseIterable {
    case off, on
    /// A short flash once in two seconds.
    case flash
    /// Half a second on, half a second off.
    case slowBlink = "slow_blink"
    /// Five times a second.
    case fastBlink = "fast_blink"

    public func isLit(at now: MonotonicTime) -> Bool {
        let millisecond = now.nanoseconds / 1_000_000
        return switch self {
        case .off: false
        case .on: true
        case .flash: millisecond % 2_000 < 100
        case .slowBlink: millisecond % 1_000 < 500
        case .fastBlink: millisecond % 200 < 100
        }
    }
}

/// The lights of a box.
public enum BoardLight: String, Hashable, Sendable, CaseIterable {
    case run, bus, uplink, alarm
}

/// What the lights tell of.
public struct BoxCondition: Hashable, Sendable {
    public enum Uplink: Hashable, Sendable { case none, connected, trying, refused }

    /// Every loop turns.
    public var isTurning = true
    public var meters = 0
    public var answering = 0
    /// Ports that cannot be opened.
    public var lostBuses = 0
    public var uplink: Uplink = .none
    /// The ledger cannot be written, or money is held.
    public var isMoneyHeld = false
    /// Credit cuts wait for a person's confirmation.
    public var areCutsHeld = false
    public var isClockTrusted = true
    public var isPowerFailing = false

    public init() {}

    /// The patterns; docs/board.md explains them to people.
    public func pattern(of light: BoardLight) -> LightPattern {
        switch light {
        case .run: isTurning ? .flash : .off
        case .bus:
            if lostBuses > 0 { .fastBlink } else if meters == 0 { .off } else { answering < meters ? .slowBlink : .on }
        case .uplink:
            switch uplink {
            case .none: .off
            case .connected: .on
            case .trying: .slowBlink
            case .refused: .fastBlink
            }
        case .alarm:
            if isPowerFailing {
                .on
            } else if isMoneyHeld {
                .fastBlink
            } else {
                areCutsHeld || !isClockTrusted ? .slowBlink : .off
            }
        }
    }
}
