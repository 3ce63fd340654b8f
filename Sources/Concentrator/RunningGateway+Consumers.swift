internal import Logging
internal import Metering
internal import Storage
internal import UplinkMQTT
internal import UplinkProtocol
internal import UplinkPull

extension GatewayConfiguration {
    /// Whom the logs wait for: the names of their cursors.
    var consumers: Set<String> {
        var names = Set((pull?.consumers ?? []).map { PullService.cursorName(of: $0.name) })
        if platform != nil { names.insert(UplinkService.consumer) }
        if broker != nil { names.insert(BrokerService.consumer) }
        return names
    }
}

/// The ways upstream beside the push: the endpoint that platforms pull from, and the broker.
struct OtherConsumers: Sendable {
    let pull: PullServer?
    let broker: BrokerService?
    private let logger: Logger

    private static let pauseAfterFailure: Duration = .seconds(30)

    init(
        configuration: GatewayConfiguration, site: SiteService, clerk: LedgerClerk, telemetry: TelemetryService,
        ledgerEpoch: String, bells: LogBells, logger: Logger
    ) throws(GatewayProblem) {
        self.logger = logger
        do throws(PullSetupError) {
            pull = try configuration.pull.map { address throws(PullSetupError) in
                try PullServer(
                    address: address,
                    source: PullService(
                        gateway: configuration.gateway, site: site, clerk: clerk, telemetry: telemetry,
                        ledgerEpoch: ledgerEpoch, bells: bells))
            }
        } catch { throw .configuration("\(error)") }
        do throws(BrokerSetupError) {
            broker = try configuration.broker.map { address throws(BrokerSetupError) in
                BrokerService(
                    client: try BrokerClient(address: address, gateway: configuration.gateway.rawValue),
                    topics: BrokerTopics(prefix: address.prefix, gateway: configuration.gateway.rawValue),
                    gateway: configuration.gateway, site: site, clerk: clerk, telemetry: telemetry,
                    ledgerEpoch: ledgerEpoch, bells: bells, logger: logger)
            }
        } catch { throw .configuration("\(error)") }
    }

    /// Runs until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            if let pull { group.addTask { await serve(pull) } }
            if let broker { group.addTask { await broker.run() } }
            // Where there is neither, nothing ends before the gateway does.
            group.addTask { while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) } }
            await group.waitForAll()
        }
    }

    private func serve(_ pull: PullServer) async {
        while !Task.isCancelled {
            do {
                try await pull.run(logger: logger) { port in
                    logger.info("consumers may pull", metadata: ["port": "\(port)"])
                }
            } catch {
                logger.error(
                    "consumers cannot pull; trying again in half a minute",
                    metadata: ["reason": "\(error)", "remedy": "check 'pull.listen'"])
                try? await Task.sleep(for: Self.pauseAfterFailure)
            }
        }
    }
}
