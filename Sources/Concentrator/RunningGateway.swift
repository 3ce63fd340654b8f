public import Board
public import BusSurvey
internal import ConfigurationReader
internal import FieldBus
public import Logging
internal import MeterProfiles
public import Metering
internal import Storage
internal import Synchronization
internal import UplinkHTTP
internal import UplinkProtocol

/// The running gateway: puts core and edges in sequence and keeps them going.
public final class RunningGateway: Sendable {
    public let site: SiteService
    public let clerk: LedgerClerk
    public let settings: SettingsService
    public let clock: GatewayClock
    let telemetry: TelemetryService
    private let telemetryMovedAside: String?
    let directory: DataDirectory
    let mailboxes: BusMailboxes
    /// What another configuration replaces.
    let live: Mutex<LiveParts>
    let parts = RunningParts()
    private let startText: String
    /// Reads the configuration anew, and says what is wrong with it.
    let readConfiguration: @Sendable () throws -> ConfigurationText
    private let reloads = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let ledgerEpoch: String
    let bells: LogBells
    /// The scan that was asked for last, of each bus.
    private let scans = Mutex<[BusID: ScanJob]>([:])
    let progress = Progress()
    let lines: LineKeeper
    let boardMailbox: BusMailbox?
    let boxCondition = BoxConditionCell()
    let notifier: ServiceNotifier
    let logger: Logger
    private let reports = ReportQueue()
    let failure: FailureBox
    private let ledgerLoss: LedgerLoss

    /// Opens everything or nothing: the data, the ports, the certificates.
    public init(
        _ start: ConfigurationText, notifier: ServiceNotifier, lines: LineKeeper, logger: Logger,
        readConfiguration: @escaping @Sendable () throws -> ConfigurationText
    ) async throws(GatewayProblem) {
        let configuration = start.configuration
        startText = start.text
        self.readConfiguration = readConfiguration
        self.notifier = notifier
        self.lines = lines
        self.logger = logger
        failure = FailureBox()
        let profiles = try Self.orProblem { try ProfileFolder.load(configuration.profilesPath) }
        let commandPolicy = try CommandPolicy(configuration)
        if let address = configuration.platform { try Self.orProblem { try PlatformClient.check(address) } }
        guard let zone = TimeZoneTable(ianaName: configuration.timeZoneName) else {
            throw .configuration("the time zone '\(configuration.timeZoneName)' is unknown; install tzdata")
        }
        let system = try Self.orProblem { try SystemClock() }
        clock = GatewayClock(
            system: system, source: configuration.clockSource,
            lastKnownWall: DataDirectory.lastKnownTime(in: configuration.dataPath))
        try Self.checkPortsExist(configuration)
        directory = try Self.openDirectory(configuration)
        let ports = try await Self.openPorts(configuration, logger: logger)
        let stores = try Self.openStores(configuration, in: directory, at: clock.now(), logger: logger)
        let ledger = stores.ledger
        telemetryMovedAside = stores.telemetryMovedAside
        bells = LogBells()
        ledgerEpoch = ledger.epoch
        telemetry = TelemetryService(
            store: stores.telemetry, interval: configuration.telemetryInterval,
            commitInterval: configuration.telemetryCommitInterval, zone: zone, changed: bells.telemetry)
        boardMailbox = configuration.board.map { _ in BusMailbox() }
        mailboxes = BusMailboxes(
            Dictionary(uniqueKeysWithValues: configuration.buses.map { ($0.id, BusMailbox()) })
                .merging(boardMailbox.map { [.board: $0] } ?? [:]) { bus, _ in bus })
        clerk = LedgerClerk(ledger: ledger, clock: clock, zone: zone, logger: logger)
        let started = clock.monotonicNow()
        let watches = Dictionary(
            uniqueKeysWithValues: configuration.buses.map { ($0.id, BusWatch(configuration: $0, now: started)) })
        ledgerLoss = LedgerLoss(directory: directory, failure: failure, logger: logger)
        site = SiteService(
            ledger: ledger, ballast: stores.ballast, profiles: profiles, clock: clock, zone: zone,
            staleAfter: configuration.staleAfter, closingGap: configuration.closingGap,
            mailboxes: mailboxes,
            telemetry: telemetry, ledgerChanged: bells.ledger, logger: logger,
            onLedgerLost: { [ledgerLoss] error in ledgerLoss.follow(error) }, commandPolicy: commandPolicy,
            reload: ReloadHandler(problem: { Self.problem(readConfiguration) }) { [reloads] in
                reloads.continuation.yield()
            },
            supplyLimits: configuration.supplyLimits, boardRelays: configuration.board?.relays ?? [])
        settings = SettingsService(
            site: site, profiles: profiles, clock: clock, zone: zone, mailboxes: mailboxes,
            configuration: configuration.meterSettings, logger: logger)
        live = Mutex(
            LiveParts(
                configuration: configuration, profiles: profiles, ports: ports, watches: watches,
                consumerFiles: ConsumerFiles(configuration)))
        keep(pull: try makePull(configuration))
        keep(broker: try makeBroker(configuration))
        // Last: an HTTP client that is let go without its shutdown ends the program.
        let uplink = try makeUplink(configuration)
        live.withLock { $0.uplink = uplink }
    }

    /// What may be watched of each bus, in the order of the configuration.
    public var busWatches: [BusWatch] {
        live.withLock { live in live.configuration.buses.compactMap { live.watches[$0.id] } }
    }

    /// Looks for devices on a bus while its devices are polled on. Nil for a bus that is not there.
    public func scan(_ bus: BusID, _ range: ScanRange) -> ScanJob? {
        guard let mailbox = mailboxes[bus] else { return nil }
        let job = ScanJob(range, profiles: profiles.all)
        mailbox.start(job)
        scans.withLock { $0[bus] = job }
        return job
    }

    /// Ends the scan of a bus, if one runs; it tells what it has found so far.
    public func stopScan(_ bus: BusID) { scans.withLock { $0.removeValue(forKey: bus) }?.abort() }

    /// Runs until the task is cancelled, then stops in order: buses, postings, files.
    /// - Parameter onReady: called when buses and ledger are up.
    public func run(onReady: @escaping @Sendable () async -> Void) async throws {
        do { try await site.start() } catch let error as StorageError {
            throw error.stopsWriting ? ledgerLoss.follow(error) : GatewayProblem(error)
        }
        if let telemetryMovedAside { await noteMovedAside(to: telemetryMovedAside) }
        await onReady()
        if refusal == nil { keep(lastGood: startText) }
        notifier.ready(status: await statusLine())
        for bus in configuration.buses { await start(bus) }
        await startBoard()
        await startUplink()
        await startPull()
        await startBroker()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.parts.run() }
            group.addTask { for await _ in self.reloads.stream { _ = await self.reload(mayRestart: true) } }
            group.addTask { while let report = await self.reports.next() { await self.site.take(report) } }
            group.addTask { await self.keepTime() }
            group.addTask { await self.keepReadings() }
            group.addTask { await self.keepHouse() }
            group.addTask { await self.settings.patrol() }
            group.addTask { await self.failure.wait() }
            // Whichever ends first ends the others: a stop was asked for, or the ledger is lost.
            await group.next()
            group.cancelAll()
            await group.waitForAll()
        }
        notifier.stopping(status: "posting what was used")
        await telemetry.close()
        await site.stop()
        keepTheTime()
        if let problem = failure.problem { throw problem }
    }

    /// Looks at the time once a second and feeds the watchdog while every loop turns.
    private func keepTime() async {
        var lastFed = clock.monotonicNow()
        var toldLosses = ReportQueue.Losses()
        while !Task.isCancelled {
            await site.tick()
            await site.tellTelemetry()
            let now = clock.monotonicNow()
            progress.moved(.ledger, "ledger", at: now)
            let stuck = progress.stuck(at: now)
            if let interval = notifier.watchdogInterval, now - lastFed >= interval / 2 {
                if stuck.isEmpty {
                    notifier.watchdog()
                    lastFed = now
                } else {
                    logger.critical("a loop is stuck; the watchdog is not fed", metadata: ["loops": "\(stuck)"])
                }
            }
            let (status, uplink) = (await site.status(), await uplinkStatus())
            notifier.status(line(status, uplink))
            tellLights(status: status, uplink: uplink, isTurning: stuck.isEmpty)
            if reports.losses != toldLosses {
                toldLosses = reports.losses
                logger.error(
                    "the ledger does not keep up with the buses; reports were dropped",
                    metadata: ["values": "\(toldLosses.values)", "events": "\(toldLosses.events)"])
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// What is done once an hour, and can wait for the next one.
    private func keepHouse() async {
        var hour = 0
        while !Task.isCancelled {
            // Opening looks at the end of the chain alone; once a day, all of it.
            if hour % 24 == 0 { await clerk.prove() }
            hour += 1
            keepTheTime()
            await clerk.sealMonths()
            ProcessMemory.giveBack()
            try? await Task.sleep(for: .seconds(3_600))
        }
    }

    /// For a start without a clock that keeps the time: see `meterkeep raise-clock`.
    func keepTheTime() {
        let now = clock.now()
        guard now.trust == .trusted, configuration.clockSource == .kernel else { return }
        do { try directory.keep(lastKnownTime: now.wall) } catch {
            logger.warning("the time cannot be kept for the next start", metadata: ["reason": "\(error)"])
        }
    }

    /// One line that an operator understands: `systemctl status` shows it.
    func statusLine() async -> String { line(await site.status(), await uplinkStatus()) }

    private func line(_ status: SiteStatus, _ uplink: UplinkStatus) -> String {
        let answering = status.circuits.count { $0.noData == nil && $0.reading != nil }
        let refusal = refusal.map { "; the new configuration is refused: \($0.prefix(200))" } ?? ""
        return """
            \(answering) of \(status.circuits.count) meters answer, \
            ledger \(status.isLedgerUsable ? "in order" : "unusable, breakers held"), \
            uplink \(uplink.condition), \(uplink.queued.map(String.init) ?? "an unknown number of") records wait\(refusal)
            """
    }

    /// Takes what a bus, or the box itself, reports.
    func take(_ report: BusReport) { reports.put(report) }

    /// Reports that could not wait any longer for the ledger: values that the next poll brought again, and what
    /// happened once.
    public var lostReports: (values: Int64, events: Int64) {
        let losses = reports.losses
        return (losses.values, losses.events)
    }

    /// A name that no other epoch of any gateway has.
    public static func newEpoch() -> String {
        let hexadecimal = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal
    }

    static func orProblem<Value, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(GatewayProblem) -> Value {
        do { return try body() } catch {
            if let error = error as? StorageError { throw GatewayProblem(error) }
            throw .configuration("\(error)")
        }
    }
}
