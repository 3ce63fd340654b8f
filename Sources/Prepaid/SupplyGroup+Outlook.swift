public import Metering

/// What lies ahead of a group, for whoever polls its meters and looks at it again.
public struct Outlook: Hashable, Sendable {
    /// The next moment at which time alone may change what its breakers should be; nil where nothing is due.
    public let nextChange: MonotonicTime?
    /// How often each circuit's meter is worth reading.
    public let urgency: [CircuitID: PollClass]
}

extension SupplyGroup {
    /// Looks ahead from `now`. A step of the wall clock, or a change of its trust, makes the answer void.
    public func outlook(now: Timestamp, site: SiteConditions) -> Outlook {
        var moments = circuits.flatMap { $0.moments(ahead: now, site: site) }
        if let end = endOfProtection(now: now, site: site) { moments.append(end) }
        let urgency = circuits.map { ($0.circuit.id, isUrgent($0) ? PollClass.fast : .normal) }
        return Outlook(
            nextChange: moments.min().map { max($0, now.monotonic) },
            urgency: Dictionary(urgency) { first, _ in first })
    }

    /// Safety rules live on fast readings. Near the end of its balance every second counts; who is cut uses nothing.
    private func isUrgent(_ state: CircuitState) -> Bool {
        if state.protection.needsFastPower { return true }
        guard let account, account.state == .open else { return false }
        return account.alarm >= .second && account.alarm != .cut
    }

    private func endOfProtection(now: Timestamp, site: SiteConditions) -> MonotonicTime? {
        if rules.protectedPeriods.isEmpty { return nil }
        guard now.trust != .untrusted else {
            let left = ProtectedPeriods.longestUntrusted - site.untrustedFor
            return left > .zero ? now.monotonic + left : nil
        }
        let next = rules.protectedPeriods.nextChange(after: now.wall, calendar: site.calendar, zone: site.zone)
        return next.map { now.monotonic + ($0 - now.wall) }
    }
}

extension CircuitState {
    /// The moments after `now` at which one of this circuit's conditions changes by itself.
    func moments(ahead now: Timestamp, site: SiteConditions) -> [MonotonicTime] {
        var moments: [MonotonicTime] = []
        if case .dwell(let until) = waitsFor { moments.append(until) }
        if let end = reminder.end(after: now.monotonic) { moments.append(end) }
        if let retry = reconciler.nextTry { moments.append(retry) }
        if let last = lastReadingAt, now.monotonic <= last + site.staleAfter {
            // The first moment at which the reading is too old.
            moments.append(last + site.staleAfter + .nanoseconds(1))
        }
        if now.trust != .untrusted, let window = timer.window, window.until > now.wall {
            moments.append(now.monotonic + (window.until - now.wall))
        }
        return moments + protection.moments(ahead: now)
    }
}
