public import Metering

/// An account with its circuits, or one circuit without an account: what is settled together.
///
/// A value: every method takes one event and returns what is to be committed and which breakers are to
/// be moved. The caller keeps the new value only if the commit succeeds.
public struct SupplyGroup: Hashable, Sendable {
    public internal(set) var account: Account?
    public internal(set) var circuits: [CircuitState]
    public internal(set) var rules = AccountRules()
    /// The balance now, as of the last event; nil where it cannot be computed.
    public internal(set) var liveBalance: Money?
    /// A recharge was sent whose outcome is not known: it may be money that is not booked yet.
    public var hasUnknownRecharge = false
    var hasReportedFault = false

    /// Readings that must agree before a credit cut.
    public static let readingsToCut = 2

    /// - Parameter zone: the site's, for the balance until the first event.
    public init(
        account: Account?, circuits: [CircuitState], rules: AccountRules = AccountRules(), zone: TimeZoneTable = .utc
    ) {
        self.account = account
        self.circuits = circuits
        self.rules = rules
        forgetStretches()
        liveBalance = live(zone: zone)
        // What was looked up here must not outlive a zone that was wrong.
        forgetStretches()
    }

    /// A reading of one circuit's counter.
    /// - Parameters:
    ///   - activePower: mW, where the meter says.
    ///   - reactivePower: mvar, where the meter says.
    public mutating func take(
        counter value: Int64, activePower: Int64?, reactivePower: Int64? = nil, of circuit: CircuitID, now: Timestamp,
        site: SiteConditions
    ) -> GroupOutcome {
        var outcome = GroupOutcome()
        guard let index = index(of: circuit) else { return outcome }
        let before = circuits[index].track.lastAccepted
        let mark = CounterMark(value: value, at: now)
        let finding = circuits[index].track.observe(mark)
        note(finding, mark: mark, before: before, at: index, zone: site.zone, into: &outcome)
        circuits[index].activePower = activePower
        if let activePower {
            protect(activePower: activePower, reactivePower: reactivePower, at: index, now: now, into: &outcome)
        }
        let balance = live(zone: site.zone)
        if !circuits[index].track.isQuarantined, finding != .pending {
            circuits[index].lastReadingAt = now.monotonic
            countReadingBelowCutOff(at: index, balance: balance)
            watchOpenBreaker(at: index, into: &outcome)
        } else {
            circuits[index].readingsBelowCutOff = 0
        }
        evaluate(balance: balance, now: now, site: site, into: &outcome)
        return outcome
    }

    /// The position of one circuit's breaker, as read from the device.
    public mutating func take(
        position: BreakerPosition, of circuit: CircuitID, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        var outcome = GroupOutcome()
        guard let index = index(of: circuit) else { return outcome }
        let before = circuits[index].reconciler.memory
        let notices = circuits[index].reconciler.observe(
            position, expectsClosing: circuits[index].expectsClosingByHand)
        if circuits[index].reconciler.memory != before {
            outcome.change.breakers[circuit] = circuits[index].reconciler.memory
        }
        report(notices, at: index, into: &outcome)
        if notices.contains(.confirmed(position)) { settle(zone: site.zone, into: &outcome) }
        evaluate(now: now, site: site, into: &outcome)
        return outcome
    }

    /// Posts what was used since the last posting, then sells. Where the recharge is refused nothing
    /// changes.
    public mutating func take(
        recharge: Recharge, earlier: AppliedRecharge?, command: String, now: Timestamp, site: SiteConditions
    ) -> (RechargeResult, GroupOutcome) {
        var trial = self
        var outcome = GroupOutcome()
        trial.settle(zone: site.zone, into: &outcome)
        guard
            let result = trial.account?.apply(recharge, earlier: earlier, command: command, now: now)
        else { return (.accountClosed, GroupOutcome()) }
        guard case .applied(let posting) = result else { return (result, GroupOutcome()) }
        outcome.change.postings.append(posting)
        outcome.change.account = trial.account
        trial.forgetReadingsBelowCutOff()
        trial.evaluate(now: now, site: site, into: &outcome)
        self = trial
        return (result, outcome)
    }

    /// Time went by: looks again at what depends on it.
    public mutating func tick(now: Timestamp, site: SiteConditions) -> GroupOutcome {
        var outcome = GroupOutcome()
        evaluate(now: now, site: site, into: &outcome)
        return outcome
    }

    /// Posts what was used since the last posting: at a day boundary, before a change, at an orderly stop.
    public mutating func settleNow(zone: TimeZoneTable) -> GroupOutcome {
        var outcome = GroupOutcome()
        settle(zone: zone, into: &outcome)
        return outcome
    }

    /// Why what was used since the last posting could not be posted now; nil where it could.
    public func settlementFault(zone: TimeZoneTable) -> SettlementFault? {
        var trial = self
        var outcome = GroupOutcome()
        return trial.settleOrFault(zone: zone, into: &outcome)
    }

    /// An order to a circuit's breaker has ended; `position` is what was read back, nil where that failed.
    public mutating func orderEnded(
        _ circuit: CircuitID, readBack position: BreakerPosition?, now: Timestamp, site: SiteConditions
    ) -> GroupOutcome {
        guard let index = index(of: circuit) else { return GroupOutcome() }
        circuits[index].reconciler.writeEnded()
        guard let position else { return tick(now: now, site: site) }
        return take(position: position, of: circuit, now: now, site: site)
    }

    /// The ledger could not keep what came of this event. What was ordered all the same is remembered as
    /// ordered, and an order that has ended as ended: else it is given again and again, or never more.
    public mutating func keepOrders(_ sent: [BreakerOrder], ended: CircuitID?, of unkept: SupplyGroup) {
        if let ended, let index = index(of: ended) { circuits[index].reconciler.writeEnded() }
        for order in sent {
            guard let index = index(of: order.circuit), let other = unkept.index(of: order.circuit) else { continue }
            circuits[index].reconciler = unkept.circuits[other].reconciler
            circuits[index].protection = unkept.circuits[other].protection
        }
    }

    /// The device of a circuit's breaker answers again after having been lost.
    public mutating func deviceReturned(of circuit: CircuitID) {
        guard let index = index(of: circuit) else { return }
        circuits[index].reconciler.deviceReturned()
    }

    /// Keeps what was looked up about the tariff for the next time.
    mutating func live(zone: TimeZoneTable) -> Money? {
        guard var account else { return nil }
        guard account.state == .open else { return account.balance }
        for index in circuits.indices {
            do {
                try account.use(circuits[index].counter, zone: zone, stretch: &circuits[index].stretch)
            } catch { return nil }
        }
        return account.balance
    }

    /// After a change of what they were looked up in.
    mutating func forgetStretches() {
        for index in circuits.indices { circuits[index].stretch = nil }
    }

    func index(of circuit: CircuitID) -> Int? { circuits.firstIndex { $0.circuit.id == circuit } }
}
