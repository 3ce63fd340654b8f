internal import FieldBus
internal import Logging
public import MeterProfiles
internal import Metering
internal import Storage
internal import Synchronization
internal import UplinkHTTP
internal import UplinkPull

/// What another configuration replaces in a running gateway.
struct LiveParts: Sendable {
    var configuration: GatewayConfiguration
    var profiles: ProfileLibrary
    var ports: [BusID: BusPort]
    var watches: [BusID: BusWatch]
    var uplink: UplinkService?
    var pull: PullServer?
    var broker: BrokerService?
    /// What `pull` and `broker` were made with.
    var consumerFiles: ConsumerFiles
    var isReloading = false
    /// Why the configuration that was read last is not in use.
    var refusal: String?
}

extension RunningGateway {
    /// As it is in use.
    public var configuration: GatewayConfiguration { live.withLock { $0.configuration } }
    public var profiles: ProfileLibrary { live.withLock { $0.profiles } }

    /// Nil where nothing goes upstream.
    func makeUplink(_ configuration: GatewayConfiguration) throws(GatewayProblem) -> UplinkService? {
        let client = try configuration.platform.map { address throws(GatewayProblem) in
            try Self.orProblem { try PlatformClient(address: address, gateway: configuration.gateway.rawValue) }
        }
        return client.map { client in
            UplinkService(
                client: client, gateway: configuration.gateway, site: site, clerk: clerk, telemetry: telemetry,
                ledgerEpoch: ledgerEpoch, batchRecords: configuration.batchRecords, bells: bells, clock: clock,
                progress: progress, logger: logger,
                renewal: configuration.identity.map { folder in
                    RenewalService(
                        folder: folder, gateway: configuration.gateway, client: client, site: site, clock: clock,
                        logger: logger)
                })
        }
    }

    func start(_ bus: BusConfiguration) async {
        guard let service = busService(bus) else { return }
        await parts.start(.bus(bus.id), wake: { service.mailbox.wake() }) { await service.run() }
    }

    func startBoard() async {
        guard let board = boardService(), let mailbox = boardMailbox else { return }
        await parts.start(.board, wake: { mailbox.wake() }) { await board.run() }
    }

    func startUplink() async {
        guard let uplink = live.withLock({ $0.uplink }) else { return }
        await parts.start(.uplink) { await uplink.run() }
    }

    private func busService(_ bus: BusConfiguration) -> BusService? {
        let (port, watch) = live.withLock { ($0.ports[bus.id], $0.watches[bus.id]) }
        guard let port, let watch, let mailbox = mailboxes[bus.id] else { return nil }
        var busLogger = logger
        busLogger[metadataKey: "bus"] = "\(bus.id)"
        return BusService(
            configuration: bus, port: port, mailbox: mailbox, profiles: profiles, periods: configuration.periods,
            clock: clock, progress: progress, watch: watch, logger: busLogger,
            report: { [self] in take($0) })
    }
}

extension RunningGateway {
    /// - Returns: false while another reload is under way.
    func beginReload() -> Bool {
        live.withLock { live in
            defer { live.isReloading = true }
            return !live.isReloading
        }
    }

    func endReload() { live.withLock { $0.isReloading = false } }

    /// Why the configuration that was read last is not in use; nil where it is.
    public var refusal: String? { live.withLock { $0.refusal } }

    public func note(refusal: String?) { live.withLock { $0.refusal = refusal } }

    func keep(_ configuration: GatewayConfiguration, profiles: ProfileLibrary) {
        live.withLock { ($0.configuration, $0.profiles) = (configuration, profiles) }
    }

    func keep(uplink: UplinkService?) { live.withLock { $0.uplink = uplink } }
    var consumerFiles: ConsumerFiles { live.withLock { $0.consumerFiles } }
    func keep(pull: PullServer?) { live.withLock { $0.pull = pull } }
    func keep(broker: BrokerService?) { live.withLock { $0.broker = broker } }
    func keep(consumerFiles: ConsumerFiles) { live.withLock { $0.consumerFiles = consumerFiles } }

    func removePort(of bus: BusID) {
        live.withLock { live in
            live.ports[bus] = nil
            live.watches[bus] = nil
        }
    }

    /// The port is opened when the bus runs, and tried again where it cannot be.
    func addPort(for bus: BusConfiguration) {
        let port = BusPort(bus: bus.id, path: bus.port, serial: bus.serial, allowances: bus.allowances)
        let watch = BusWatch(configuration: bus, now: clock.monotonicNow())
        live.withLock { live in
            live.ports[bus.id] = port
            live.watches[bus.id] = watch
        }
    }

    /// For a start with a mistake in the file.
    func keep(lastGood text: String) {
        do { try directory.keep(lastGoodConfiguration: Array(text.utf8)) } catch {
            logger.warning("the configuration cannot be kept for the next start", metadata: ["reason": "\(error)"])
        }
    }

    static func problem(_ read: () throws -> ConfigurationText) -> String? {
        do {
            _ = try read()
            return nil
        } catch { return "\(error)" }
    }
}
