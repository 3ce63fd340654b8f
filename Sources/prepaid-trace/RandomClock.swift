import Metering

/// The true time, the clocks of a gateway, and what chance does to them.
struct RandomClock {
    private(set) var time: WallTime
    private var bootedAt: WallTime
    private var boot = 1
    private var error = Duration.zero
    private var trust = ClockTrust.trusted

    init(start: WallTime) {
        time = start
        bootedAt = start + .seconds(-3_600)
    }

    var now: Timestamp {
        Timestamp(
            boot: BootID(rawValue: "\(boot)"), monotonic: MonotonicTime.zero + (time - bootedAt),
            wall: time + error, trust: trust)
    }

    mutating func advance(by duration: Duration) { time = time + duration }

    /// A clock of 1970 is trusted by nobody.
    private var isFarOff: Bool { error < .seconds(-10 * 86_400) }

    mutating func disturb(_ generator: inout SplitMix) {
        switch generator.number(0...7) {
        case 0: trust = .untrusted
        case 1:
            if isFarOff { error = .zero }
            trust = .holdover
        case 2:
            if isFarOff { trust = .trusted }
            error = .milliseconds(generator.number(-20_000...20_000))
        case 3:
            error = .seconds(generator.number(-90_000...90_000))
            trust = .untrusted
        case 4:
            if isFarOff { trust = .trusted }
            error = .seconds(generator.number(-7_200...7_200))
        default:
            error = .zero
            trust = .trusted
        }
    }

    mutating func reboot(_ generator: inout SplitMix) {
        boot += 1
        bootedAt = time
        if generator.once(in: 2) {
            trust = .untrusted
            error = .zero - (time - WallTime(millisecondsSince1970: 0))
        }
    }
}

extension Timestamp {
    /// `[boot, monotonic ms, wall ms, trust]`
    var json: String {
        let monotonicMilliseconds = (monotonic - .zero).wholeMilliseconds
        return "[\(boot.rawValue),\(monotonicMilliseconds),\(wall.millisecondsSince1970),\"\(trust.rawValue)\"]"
    }
}
