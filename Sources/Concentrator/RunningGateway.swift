public import Board
public import BusSurvey
internal import ConfigurationReader
internal import FieldBus
private import Foundation
public import Logging
public import MeterProfiles
public import Metering
internal import Storage
private import Synchronization
internal import UplinkHTTP
internal import UplinkProtocol

/// The running gateway: puts core and edges in sequence and keeps them going.
public final class RunningGateway: Sendable {
    public let configuration: GatewayConfiguration
    public let profiles: ProfileLibrary
    public let site: SiteService
    public let clerk: LedgerClerk
    public let settings: SettingsService
    public let clock: GatewayClock
    let telemetry: TelemetryService
    private let directory: DataDirectory
    private let ports: [BusID: BusPort]
    private let mailboxes: [BusID: BusMailbox]
    private let watches: [BusID: BusWatch]
    /// The scan that was asked for last, of each bus.
    private let scans = Mutex<[BusID: ScanJob]>([:])
    private let uplink: UplinkService?
    private let others: OtherConsumers
    let progress = Progress()
    let lines: LineKeeper
    let boardMailbox: BusMailbox?
    let boxCondition = BoxConditionCell()
    private let notifier: ServiceNotifier
    let logger: Logger
    private let reports: AsyncStream<BusReport>
    private let reporter: AsyncStream<BusReport>.Continuation
    private let failure: FailureBox

    /// Reports that wait for the ledger; beyond it the oldest are dropped, and the next poll brings newer.
    private static let mostReports = 4096

    /// Opens everything or nothing: the data, the ports, the certificates.
    public init(
        configuration: GatewayConfiguration, notifier: ServiceNotifier, lines: LineKeeper, logger: Logger,
        reloadProblem: @escaping @Sendable () -> String? = ReloadHandler.unable.problem
    ) async throws(GatewayProblem) {
        self.configuration = configuration
        self.notifier = notifier
        self.lines = lines
        self.logger = logger
        (reports, reporter) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.mostReports))
        failure = FailureBox()
        profiles = try Self.orProblem { try ProfileFolder.load(configuration.profilesPath) }
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
        let socket = SocketPlace(path: configuration.socketPath)
        try socket.check()
        // A new data directory is not made in vain; of one in use, its holder is told first.
        if !FileManager.default.fileExists(atPath: configuration.dataPath) { try socket.checkUnused() }
        directory = try Self.orProblem { try DataDirectory(path: configuration.dataPath) }
        try socket.checkUnused()
        ports = try await Self.openPorts(configuration, logger: logger)
        let epoch = Self.newEpoch()
        let telemetryPath = directory.telemetryPath
        let ballast = Ballast(path: directory.ballastPath)
        let opened = try Self.openLedger(
            in: directory, of: configuration.gateway, epoch: epoch, ballast: ballast, at: clock.now())
        let ledger = opened.store
        if let rebuilt = opened.rebuilt { Self.tell(rebuilt, to: logger) }
        let (telemetryStore, movedAside) = try Self.orProblem {
            try TelemetryStore.openOrReplace(path: telemetryPath, newEpoch: epoch)
        }
        if let movedAside {
            logger.error("telemetry.db was damaged; readings start anew", metadata: ["moved_to": "\(movedAside)"])
        }
        ledger.wait(for: configuration.consumers)
        telemetryStore.wait(for: configuration.consumers)
        let bells = LogBells()
        telemetry = TelemetryService(
            store: telemetryStore, interval: configuration.telemetryInterval,
            commitInterval: configuration.telemetryCommitInterval, zone: zone, changed: bells.telemetry)
        mailboxes = Dictionary(uniqueKeysWithValues: configuration.buses.map { ($0.id, BusMailbox()) })
        boardMailbox = configuration.board.map { _ in BusMailbox() }
        clerk = LedgerClerk(ledger: ledger, clock: clock, zone: zone, logger: logger)
        let started = clock.monotonicNow()
        watches = Dictionary(
            uniqueKeysWithValues: configuration.buses.map { ($0.id, BusWatch(configuration: $0, now: started)) })
        let failure = failure
        site = SiteService(
            ledger: ledger, ballast: ballast, profiles: profiles, clock: clock, zone: zone,
            staleAfter: configuration.staleAfter, closingGap: configuration.closingGap,
            mailboxes: mailboxes.merging(boardMailbox.map { [.board: $0] } ?? [:]) { bus, _ in bus },
            telemetry: telemetry, ledgerChanged: bells.ledger, logger: logger,
            onLedgerLost: { [directory, logger] error in
                if case .damaged(_, let fault) = error {
                    do { try directory.noteDamage(fault) } catch {
                        logger.critical("damage cannot be noted", metadata: ["reason": "\(error)"])
                    }
                }
                failure.set(.ledgerLost(error.description))
            }, commandPolicy: commandPolicy, reload: ReloadHandler(problem: reloadProblem) { failure.set(.reload) },
            supplyLimits: configuration.supplyLimits, boardRelays: configuration.board?.relays ?? [])
        settings = SettingsService(
            site: site, profiles: profiles, clock: clock, zone: zone, mailboxes: mailboxes,
            configuration: configuration.meterSettings, logger: logger)
        others = try OtherConsumers(
            configuration: configuration, site: site, clerk: clerk, telemetry: telemetry, ledgerEpoch: ledger.epoch,
            bells: bells, logger: logger)
        // Last: an HTTP client that is let go without its shutdown ends the program.
        let client = try configuration.platform.map { address throws(GatewayProblem) in
            try Self.orProblem { try PlatformClient(address: address, gateway: configuration.gateway.rawValue) }
        }
        uplink = client.map { [site, telemetry, clock, progress] client in
            UplinkService(
                client: client, gateway: configuration.gateway, site: site, telemetry: telemetry,
                ledgerEpoch: ledger.epoch, batchRecords: configuration.batchRecords, bells: bells, clock: clock,
                progress: progress, logger: logger,
                renewal: configuration.identity.map { folder in
                    RenewalService(
                        folder: folder, gateway: configuration.gateway, client: client, site: site, clock: clock,
                        logger: logger)
                })
        }
    }

    /// What may be watched of each bus, in the order of the configuration.
    public var busWatches: [BusWatch] { configuration.buses.compactMap { watches[$0.id] } }

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

    public var uplinkStatus: UplinkStatus { uplink?.status ?? UplinkStatus() }

    /// Runs until the task is cancelled, then stops in order: buses, postings, files.
    /// - Parameter onReady: called when buses and ledger are up.
    public func run(onReady: @escaping @Sendable () async -> Void) async throws {
        do { try await site.start() } catch { throw GatewayProblem.configuration("\(error)") }
        await onReady()
        notifier.ready(status: await statusLine())
        await withTaskGroup(of: Void.self) { group in
            for bus in configuration.buses { group.addTask { await self.busService(bus)?.run() } }
            if let board = boardService() { group.addTask { await board.run() } }
            group.addTask { for await report in self.reports { await self.site.take(report) } }
            group.addTask { await self.keepTime() }
            group.addTask { await self.keepReadings() }
            group.addTask { await self.keepHouse() }
            group.addTask { await self.settings.patrol() }
            if let uplink { group.addTask { await uplink.run() } }
            group.addTask { await self.others.run() }
            group.addTask { await self.failure.wait() }
            // Whichever ends first ends the others: a stop was asked for, or the ledger is lost.
            await group.next()
            group.cancelAll()
            for mailbox in mailboxes.values { mailbox.wake() }
            boardMailbox?.wake()
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
        while !Task.isCancelled {
            await site.tick()
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
            notifier.status(await statusLine())
            tellLights(status: await site.status(), isTurning: stuck.isEmpty)
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
    private func statusLine() async -> String {
        let status = await site.status()
        let answering = status.circuits.count { $0.noData == nil && $0.reading != nil }
        let uplink = uplinkStatus
        return """
            \(answering) of \(status.circuits.count) meters answer, \
            ledger \(status.isLedgerUsable ? "in order" : "unusable, breakers held"), \
            uplink \(uplink.condition), \(uplink.ledgerQueued + uplink.telemetryQueued) records wait
            """
    }

    private func busService(_ bus: BusConfiguration) -> BusService? {
        guard let port = ports[bus.id], let mailbox = mailboxes[bus.id], let watch = watches[bus.id] else {
            return nil
        }
        var busLogger = logger
        busLogger[metadataKey: "bus"] = "\(bus.id)"
        return BusService(
            configuration: bus, port: port, mailbox: mailbox, profiles: profiles, periods: configuration.periods,
            clock: clock, progress: progress, watch: watch, logger: busLogger,
            report: { [self] in take($0) })
    }

    /// Takes what a bus, or the box itself, reports.
    func take(_ report: BusReport) { Self.yield(report, to: reporter) }

    /// Never loses the end of an order, for which its circuit waits; where it had to go its position is
    /// unknown. Ends: there is one order a circuit at most.
    private static func yield(_ report: BusReport, to reporter: AsyncStream<BusReport>.Continuation) {
        var next = report
        while case .dropped(.orderEnded(let order, _, let now)) = reporter.yield(next) {
            next = .orderEnded(order, readBack: nil, at: now)
        }
    }

    /// Said before anything is made on the disk.
    private static func checkPortsExist(_ configuration: GatewayConfiguration) throws(GatewayProblem) {
        let absent = configuration.buses.filter { bus in
            if case .serial(let path) = PortAddress(bus.port) {
                !FileManager.default.fileExists(atPath: path)
            } else {
                false
            }
        }
        guard absent.count == configuration.buses.count, !absent.isEmpty else { return }
        throw .device(absent.map { "bus \($0.id): \(PortError.absent(path: $0.port))" }.joined(separator: "\n"))
    }

    /// A port that is missing now may come back later, but a box none of whose ports can be used is not
    /// running.
    private static func openPorts(
        _ configuration: GatewayConfiguration, logger: Logger
    ) async throws(GatewayProblem) -> [BusID: BusPort] {
        var ports: [BusID: BusPort] = [:]
        var problems: [String] = []
        for bus in configuration.buses {
            let port = BusPort(bus: bus.id, path: bus.port, serial: bus.serial, allowances: bus.allowances)
            ports[bus.id] = port
            do { try await port.open() } catch {
                problems.append("bus \(bus.id): \(error)")
                logger.error("a port cannot be opened", metadata: ["bus": "\(bus.id)", "reason": "\(error)"])
            }
        }
        if problems.count == configuration.buses.count, !problems.isEmpty {
            throw .device(problems.joined(separator: "\n"))
        }
        return ports
    }

    /// A name that no other epoch of any gateway has.
    public static func newEpoch() -> String {
        let hexadecimal = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal
    }

    private static func orProblem<Value, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(GatewayProblem) -> Value {
        do { return try body() } catch {
            if case .locked? = error as? StorageError { throw .busy("\(error)") }
            if error is StorageError { throw .device("\(error)") }
            throw .configuration("\(error)")
        }
    }
}
