internal import BoardRules
internal import Logging
internal import Metering
internal import Prepaid

extension SiteService {
    /// The rules of a circuit that a relay of the box switches, with what is known of the relay.
    func completed(_ rules: CircuitRules, boardPoint point: Int) -> CircuitRules {
        guard let relay = boardRelays.first(where: { $0.point == point }) else { return rules }
        var rules = rules
        rules.switching = rules.switching.completed(
            powerUp: relay.isClosedWithoutPower.map { $0 ? .closed : .open }, travelTime: relay.travelTime)
        return rules
    }

    func isRelayOfBox(_ breaker: BreakerAddress) -> Bool {
        breaker.device == .board && boardRelays.contains { $0.point == breaker.point }
    }

    /// The power fails: posts what was used and moves nothing for money until it is back. What an operator or
    /// a protection wants still goes ahead.
    func park(at now: Timestamp) {
        guard !isParked else { return }
        isParked = true
        for key in groups.keys.sorted() { change(key, now: now) { group, _ in group.settleNow(zone: zone) } }
        note(Event(.powerFailing, .gateway), at: now)
        logger.critical("the power fails; everything is written, breakers stay as they are")
    }

    func unpark(at now: Timestamp) {
        guard isParked else { return }
        isParked = false
        note(Event(.powerReturned, .gateway), at: now)
        logger.notice("the power is back")
        direct()
    }
}
