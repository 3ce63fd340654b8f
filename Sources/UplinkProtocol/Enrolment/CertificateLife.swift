public import Metering

/// From when to when a certificate holds, and when the next one is asked for.
public struct CertificateLife: Hashable, Sendable {
    public let from: WallTime
    public let until: WallTime

    public init(from: WallTime, until: WallTime) {
        self.from = from
        self.until = until
    }

    /// From here on the next one is asked for: two thirds of the lifetime are over.
    public var renewalDue: WallTime {
        from + .milliseconds(until.millisecondsSince1970.clampedSubtracting(from.millisecondsSince1970) / 3 * 2)
    }

    /// From here on a person should know that no next one came: nine tenths are over.
    public var alarmDue: WallTime {
        from + .milliseconds(until.millisecondsSince1970.clampedSubtracting(from.millisecondsSince1970) / 10 * 9)
    }

    public enum Task: Hashable, Sendable {
        case wait(Duration)
        /// Ask for the next one; where that fails, again after the pause.
        case renew(again: Duration)
    }

    private static let longestWait: Duration = .seconds(3_600)
    private static let shortestWait: Duration = .seconds(1)

    /// What is to be done. Waits are an hour at most, since clocks are put right; on a clock that is not
    /// believed nothing is due.
    public func task(at now: Timestamp) -> Task {
        guard now.trust != .untrusted else { return .wait(.seconds(60)) }
        guard now.wall >= renewalDue else {
            return .wait(max(Self.shortestWait, min(Self.longestWait, renewalDue - now.wall)))
        }
        // Some hundred attempts are left in the last third, whatever its length.
        return .renew(again: max(Self.shortestWait, min(Self.longestWait, (until - renewalDue) / 100)))
    }
}
