internal import BoardRules
internal import Logging
internal import MeterProfiles
internal import Metering
internal import Prepaid
internal import Storage
internal import Threading
internal import UplinkProtocol

/// Keeps the site's accounts and breakers, on a thread of its own. Owns `ledger.db`; every decision is
/// taken by the pure core, committed, and only then acted on.
public actor SiteService {
    let ledger: LedgerStore
    /// Given up where the disk is full.
    let ballast: Ballast
    var profiles: ProfileLibrary
    let clock: GatewayClock
    let logger: Logger
    var staleAfter: Duration
    let zone: TimeZoneTable
    let mailboxes: BusMailboxes
    let telemetry: TelemetryService
    /// Raised when the ledger log has grown.
    let ledgerChanged: Bell
    /// Called once when the ledger must not be written again before it is opened anew.
    let onLedgerLost: @Sendable (StorageError) -> Void
    var commandPolicy: CommandPolicy
    let reload: ReloadHandler
    private let executor: ThreadExecutor

    /// The settlement groups, by their key.
    var groups: [Int: SupplyGroup] = [:]
    var groupOfCircuit: [CircuitID: Int] = [:]
    var groupOfAccount: [AccountID: Int] = [:]
    var circuitOfMeter: [MeterID: CircuitID] = [:]
    var circuitOfBreaker: [BreakerAddress: CircuitID] = [:]
    var meters: [MeterID: SiteMeter] = [:]
    var observations: [MeterID: Observation] = [:]
    var lastReadings: [MeterID: Reading] = [:]
    var fastMeters: Set<MeterID> = []
    /// Holidays and days of rest, for tariffs, timers and protected periods.
    var calendar = SiteCalendar.plain
    var isLedgerUsable = true
    /// Why the ledger took no commit the last time; of use only while it is not usable.
    var ledgerTrouble: StorageError?
    var lastTrust: ClockTrust?
    /// Says whose turn it is to be moved.
    var director: SwitchingDirector
    /// What each circuit's wanted move waits for.
    var waits: [CircuitID: MoveWait] = [:]
    var generator = SystemRandomNumberGenerator()
    /// When each group is to be looked at again though nothing was heard of it.
    var nextLooks: [Int: MonotonicTime] = [:]
    /// What is known of each meter's supply.
    var supplies: [MeterID: SupplyWatch] = [:]
    var supplyLimits: SupplyLimits
    var coalescer = EventCoalescer()
    /// Readings that were evicted or refused, to be told.
    var losses = ReadingLosses()
    /// The last boundary that the buses were told to read close to.
    var toldBoundary: WallTime?
    /// How far ahead boundaries are looked for.
    static let boundaryOutlook: Duration = .seconds(600)
    /// What meters should hold, as commands and imports said.
    var expected = ExpectedSettings()
    /// What they hold is to be looked at before their turn.
    var metersToCheck: Set<MeterID> = []
    /// What new accounts start from.
    var accountDefaults: AccountSettings?
    /// Watches commands that force circuits off.
    var forcedOffs = MassGuard(circuitCount: 0)
    /// What platforms credited within the last day.
    var creditWindow = CreditWindow()
    /// Commands that wait for meters to be read.
    var pendingReads: [PendingRead] = []
    nonisolated let brokerAnswers = BrokerAnswers()
    /// The day before which everything is posted, as far as this run knows.
    var lastSettledDay: CivilDate?
    /// The relays of the box itself.
    let boardRelays: [BoardRelay]
    /// The power fails: nothing is moved for money until it is back.
    var isParked = false
    /// Other meters are installed than telemetry knows of.
    var followsOthers = false
    /// What the groups were last told of the ledger by a tick.
    var lookedWithLedger = true

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(
        ledger: LedgerStore, ballast: Ballast, profiles: ProfileLibrary, clock: GatewayClock, zone: TimeZoneTable,
        staleAfter: Duration, closingGap: Duration, mailboxes: BusMailboxes, telemetry: TelemetryService,
        ledgerChanged: Bell,
        logger: Logger, onLedgerLost: @escaping @Sendable (StorageError) -> Void,
        commandPolicy: CommandPolicy = .standard, reload: ReloadHandler = .unable,
        supplyLimits: SupplyLimits = .standard, boardRelays: [BoardRelay] = []
    ) {
        self.boardRelays = boardRelays
        self.ledger = ledger
        self.ballast = ballast
        self.profiles = profiles
        self.clock = clock
        self.zone = zone
        self.staleAfter = staleAfter
        self.supplyLimits = supplyLimits
        director = SwitchingDirector(closings: ClosingPlanner(gap: closingGap), cuts: MassGuard(circuitCount: 0))
        self.mailboxes = mailboxes
        self.telemetry = telemetry
        self.ledgerChanged = ledgerChanged
        self.logger = logger
        self.onLedgerLost = onLedgerLost
        self.commandPolicy = commandPolicy
        self.reload = reload
        executor = ThreadExecutor(name: "ledger")
    }

    /// Loads what is installed and tells the buses.
    func start() async throws {
        let marks = await telemetry.lastAccepted()
        let learned = await telemetry.learnedHoles()
        for mailbox in mailboxes.values { mailbox.setLearned(learned) }
        load(try ledger.site(), lastAccepted: marks)
        let moment = clock.now()
        for (at, credit) in try ledger.recentCredits(now: moment) { creditWindow.note([credit], at: at) }
        await telemetry.follow(Set(circuitOfMeter.keys), at: moment)
        do { try record([Event(.daemonStarted, .gateway)], actor: "gateway", at: clock.now()) } catch {
            // The disk may be full or read-only: the site runs on without new debits until it is not.
            if error.stopsWriting { throw error }
            isLedgerUsable = false
            ledgerTrouble = error
            logger.critical("the ledger cannot be written; breakers are held", metadata: ["reason": "\(error)"])
        }
        do { try answerInterrupted(at: clock.now()) } catch {
            logger.error("commands of an earlier run cannot be answered", metadata: ["reason": "\(error)"])
        }
    }

    /// Posts what was used, notes the stop, closes the ledger.
    func stop() {
        let now = clock.now()
        for key in groups.keys.sorted() { change(key, now: now) { group, _ in group.settleNow(zone: zone) } }
        tellLosses(at: now, isEnding: true)
        do { try record([Event(.daemonStopped, .gateway)], actor: "gateway", at: now) } catch {
            logger.error("the stop could not be recorded", metadata: ["reason": "\(error)"])
            if error.stopsWriting { onLedgerLost(error) }
        }
        do { try ledger.close() } catch {
            logger.error("the ledger could not be closed in order", metadata: ["reason": "\(error)"])
        }
    }

    var conditions: SiteConditions {
        SiteConditions(
            isLedgerUsable: mayMoveMoney, staleAfter: staleAfter, isDirected: true, calendar: calendar, zone: zone,
            untrustedFor: clock.untrustedFor())
    }

    /// Takes one event on a group: decides on a copy, commits, keeps the copy, acts. Where the commit
    /// fails the group stays as it was, and only what safety or an operator wants is acted on.
    @discardableResult
    func change(
        _ key: Int, now: Timestamp, ended: CircuitID? = nil,
        _ decide: (inout SupplyGroup, SiteConditions) -> GroupOutcome
    ) -> Bool {
        guard var group = groups[key] else { return false }
        let outcome = decide(&group, conditions)
        return keep(
            group, key: key, outcome: outcome, transaction: LedgerTransaction(changes: [outcome.change]), now: now,
            ended: ended)
    }

    func keep(
        _ group: SupplyGroup, key: Int, outcome: GroupOutcome, transaction: LedgerTransaction, now: Timestamp,
        ended: CircuitID? = nil
    ) -> Bool {
        let isEmpty = outcome.change.isEmpty && transaction.command == nil
        guard isEmpty || commit(transaction, at: now) else {
            let sent = outcome.orders.filter(\.actsWithoutLedger)
            groups[key]?.keepOrders(sent, ended: ended, of: group)
            nextLooks[key] = now.monotonic
            dispatch(sent)
            return false
        }
        adopt(group, key: key, orders: outcome.orders, now: now)
        return true
    }

    /// Whether the ledger takes commits, and nobody has to look at the balances first.
    var mayMoveMoney: Bool { isLedgerUsable && ledger.holdReason == nil }

    /// What was decided is committed: from here on it counts.
    func adopt(_ group: SupplyGroup, key: Int, orders: [BreakerOrder], now: Timestamp) {
        groups[key] = group
        for state in group.circuits { waits[state.circuit.id] = state.waitsFor }
        dispatch(orders)
        let outlook = group.outlook(now: now, site: conditions)
        nextLooks[key] = outlook.nextChange
        follow(outlook.urgency)
    }

    /// Why a command that moves money cannot be taken now, as a word of `docs/uplink.md`, section 6; nil where it can.
    public var notNow: String? {
        if ledger.holdReason != nil { return "ledger_held" }
        guard !isLedgerUsable else { return nil }
        switch ledgerTrouble {
        case .full: return "disk_full"
        case .readOnly: return "disk_read_only"
        default: return "ledger_unusable"
        }
    }

    func commit(_ transaction: LedgerTransaction, at now: Timestamp) -> Bool {
        tryCommit(transaction, at: now) == nil
    }

    /// - Returns: why nothing was kept; nil where all of it was.
    func tryCommit(_ transaction: LedgerTransaction, at now: Timestamp) -> StorageError? {
        // What is held is not refused: a recharge comes again, consumption stays on the counter.
        if let reason = ledger.holdReason, transaction.movesMoney { return .busy("\(ledger.path) (\(reason))") }
        do {
            try commitWithRoom(transaction, at: now)
            isLedgerUsable = true
            ledgerChanged.ring()
            return nil
        } catch {
            if isLedgerUsable {
                logger.critical("the ledger cannot be written; breakers are held", metadata: ["reason": "\(error)"])
            }
            if case .refused = error { return error }
            isLedgerUsable = false
            ledgerTrouble = error
            if error.stopsWriting { onLedgerLost(error) }
            return error
        }
    }

    /// On a full disk once more, in the room of the ballast.
    private func commitWithRoom(_ transaction: LedgerTransaction, at now: Timestamp) throws(StorageError) {
        do { try ledger.commit(transaction, at: now) } catch {
            guard case .full = error, ballast.release() else { throw error }
            logger.critical("the disk is full; the ballast is given up", metadata: ["reason": "\(error)"])
            try ledger.commit(transaction, at: now)
        }
    }

    /// Asks a ledger that took no commit whether it does now, so that a quiet site need not wait for its next
    /// event.
    func probeLedger(at now: Timestamp) {
        // Whoever proves the chain finds damage while nothing is to be committed.
        if let stopped = ledger.stopped { return onLedgerLost(stopped) }
        guard !isLedgerUsable else {
            ballast.restore()
            return
        }
        do { try ledger.probe() } catch {
            if error.stopsWriting { onLedgerLost(error) }
            return
        }
        isLedgerUsable = true
        logger.notice("the ledger can be written again")
        note(Event(.ledgerUsableAgain, .gateway), at: now)
    }

    func record(_ events: [Event], actor: String, at now: Timestamp) throws(StorageError) {
        var change = LedgerChange()
        change.events = events
        try commitWithRoom(LedgerTransaction(changes: [change], actor: actor), at: now)
        ledgerChanged.ring()
    }

    func dispatch(_ orders: [BreakerOrder]) {
        for order in orders { mailboxes[order.breaker.device.bus]?.send(order) }
    }

    /// Tells the buses where the urgency of a circuit has changed.
    private func follow(_ urgency: [CircuitID: PollClass]) {
        var changed: Set<BusID> = []
        for (circuit, pollClass) in urgency {
            guard let key = groupOfCircuit[circuit],
                let meter = groups[key]?.circuits.first(where: { $0.circuit.id == circuit })?.circuit.meter,
                (pollClass == .fast) != fastMeters.contains(meter), let bus = meters[meter]?.address.bus
            else { continue }
            if pollClass == .fast { fastMeters.insert(meter) } else { fastMeters.remove(meter) }
            changed.insert(bus)
        }
        for bus in changed { mailboxes[bus]?.setFast(fastMeters.filter { meters[$0]?.address.bus == bus }) }
    }
}
