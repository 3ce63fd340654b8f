internal import Metering
internal import UplinkProtocol

extension SiteService {
    /// The platform's time: taken only while this box's own clock cannot be believed.
    func take(time wall: WallTime, now: Timestamp) -> CommandAnswer {
        let ahead = ["ahead_ms": String((wall - now.wall).wholeMilliseconds), "trust": now.trust.rawValue]
        guard now.trust == .untrusted else { return .rejected("own_clock_trusted", ahead) }
        return clock.take(time: wall) ? .applied(ahead) : .rejected("implausible_time", ahead)
    }
}
