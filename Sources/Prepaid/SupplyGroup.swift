public import Metering

/// One circuit with all that is remembered about it.
public struct CircuitState: Hashable, Sendable {
    public internal(set) var circuit: SiteCircuit
    /// The counter at the last posting.
    public internal(set) var posted: CounterMark?
    public internal(set) var track: CounterTrack
    public internal(set) var reconciler: BreakerReconciler
    /// The last plausible reading of this run of the daemon.
    public internal(set) var lastReadingAt: MonotonicTime?
    /// mW, at that reading; nil where the meter does not say.
    public internal(set) var activePower: Int64?
    /// What the rules last said.
    public internal(set) var decision: BreakerDecision?
    /// Plausible readings of this circuit in a row that found the balance below the cut-off: a second one
    /// of the same meter confirms the first, one of another meter does not.
    var readingsBelowCutOff = 0
    /// Readings in a row that show a current though the breaker is open.
    var readingsWhileOpen = 0
    public internal(set) var gate: SwitchingGate
    public internal(set) var timer: CircuitTimer
    var reminder: LowBalanceReminder
    var protection: CircuitProtection
    /// The stretch of the tariff that the last readings lay in.
    var stretch: TariffStretch?
    /// What the wanted move waits for; nil where none is wanted or it is under way.
    public internal(set) var waitsFor: MoveWait?

    /// - Parameters:
    ///   - posted: the counter at the last posting, from the ledger.
    ///   - lastAccepted: the last accepted value, from telemetry; may be missing or older than `posted`.
    public init(
        circuit: SiteCircuit, posted: CounterMark?, lastAccepted: CounterMark?, memory: BreakerMemory,
        rules: CircuitRules = .standard
    ) {
        self.circuit = circuit
        self.posted = posted
        let start: CounterMark? =
            if let posted, let lastAccepted {
                circuit.counter.resumed(posted: posted, lastAccepted: lastAccepted)
            } else {
                posted ?? lastAccepted
            }
        track = CounterTrack(rules: circuit.counter, lastAccepted: posted == nil ? nil : start)
        reconciler = BreakerReconciler(memory: memory, rules: rules.switching)
        gate = SwitchingGate(rules: rules.switching)
        timer = CircuitTimer(table: rules.timer, remembered: memory.timerWindow)
        reminder = LowBalanceReminder(isDone: memory.isReminderDone)
        protection = CircuitProtection(rules: rules, memory: memory)
        if protection.needsFastPower { protection.note(in: &reconciler.memory) }
    }

    /// The rules it is switched by now.
    public var rules: CircuitRules {
        CircuitRules(
            switching: gate.rules, timer: timer.table, overload: protection.overload?.settings,
            malignant: protection.malignant?.settings)
    }

    /// Takes new safety rules; a rule that stays the same goes on watching, and its lockout and count stay.
    mutating func setProtection(_ rules: CircuitRules) {
        let fresh = CircuitProtection(rules: rules, memory: reconciler.memory)
        guard fresh.needsFastPower || protection.needsFastPower else { return }
        if protection.overload?.settings != fresh.overload?.settings { protection.overload = fresh.overload }
        if protection.malignant?.settings != fresh.malignant?.settings { protection.malignant = fresh.malignant }
        protection.note(in: &reconciler.memory)
    }

    /// Whether no boundary of the tariff lies between the last posting and a reading.
    mutating func isInOneStretch(
        _ posted: CounterMark, _ mark: CounterMark, of tariff: Tariff, zone: TimeZoneTable
    ) -> Bool {
        // Between a time that is trusted and one that is not lies a boundary of its own.
        let isKnown = mark.at.trust != .untrusted
        guard isKnown == (posted.at.trust != .untrusted) else { return false }
        if !isKnown { return true }
        if stretch?.covers(posted.at.wall, mark.at.wall) != true {
            stretch = tariff.stretch(at: posted.at.wall, zone: zone)
        }
        return stretch?.covers(posted.at.wall, mark.at.wall) == true
    }

    var counter: CircuitCounter { CircuitCounter(circuit: circuit, posted: posted, accepted: track.lastAccepted) }
}

/// What is to be committed to the ledger, all of it or nothing.
public struct LedgerChange: Hashable, Sendable {
    /// The account after the change; nil where it did not change.
    public var account: Account?
    /// Whether the account's settings are part of the change.
    public var hasNewSettings = false
    /// Whether the account's tariff is part of the change.
    public var hasNewTariff = false
    public var postings: [Posting] = []
    public var events: [Event] = []
    /// Counters up to which consumption is posted now.
    public var marks: [CircuitID: CounterMark] = [:]
    public var breakers: [CircuitID: BreakerMemory] = [:]

    public init() {}

    public var isEmpty: Bool {
        account == nil && postings.isEmpty && events.isEmpty && marks.isEmpty && breakers.isEmpty
    }
}

/// A breaker that is to be moved now. Its change is committed first.
public struct BreakerOrder: Hashable, Sendable {
    public let circuit: CircuitID
    public let breaker: BreakerAddress
    public let position: BreakerPosition
    public let rule: BreakerRule
    public let decidedAt: MonotonicTime

    public init(
        circuit: CircuitID, breaker: BreakerAddress, position: BreakerPosition, rule: BreakerRule,
        decidedAt: MonotonicTime
    ) {
        self.circuit = circuit
        self.breaker = breaker
        self.position = position
        self.rule = rule
        self.decidedAt = decidedAt
    }

    /// An order that could not be carried out within this time is given up and decided anew: meanwhile a
    /// recharge may have come, and nobody is cut by what was true before it.
    public static let longestWait: Duration = .seconds(5)

    public func isOutdated(at now: MonotonicTime) -> Bool { now - decidedAt > Self.longestWait }

    /// Safety and operators act even where the ledger cannot be written; credit and timers wait.
    public var actsWithoutLedger: Bool {
        switch rule {
        case .maintenanceLock, .forcedOff, .overload, .malignantLoad: position == .open
        default: false
        }
    }
}

/// What one event on a group led to.
public struct GroupOutcome: Hashable, Sendable {
    public var change = LedgerChange()
    public var orders: [BreakerOrder] = []

    public init() {}
}

/// What the whole site knows and one group does not.
public struct SiteConditions: Hashable, Sendable {
    public var isLedgerUsable: Bool
    /// A reading older than this is no ground for opening a breaker.
    public var staleAfter: Duration
    /// Moves wait for a `SwitchingDirector` where it has a say.
    public var isDirected: Bool
    public var calendar: SiteCalendar
    public var zone: TimeZoneTable
    /// For how long the clock has not been trusted, by the monotonic clock.
    public var untrustedFor: Duration

    public init(
        isLedgerUsable: Bool, staleAfter: Duration, isDirected: Bool = false,
        calendar: SiteCalendar = .plain, zone: TimeZoneTable = .utc, untrustedFor: Duration = .zero
    ) {
        self.isLedgerUsable = isLedgerUsable
        self.staleAfter = staleAfter
        self.isDirected = isDirected
        self.calendar = calendar
        self.zone = zone
        self.untrustedFor = untrustedFor
    }
}

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
