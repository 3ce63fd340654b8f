internal import Logging
internal import Metering
private import Synchronization
internal import UplinkMQTT
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
extension RunningGateway {
    private static let pauseAfterFailure: Duration = .seconds(30)

    /// Nil where nobody may pull. Reads the certificates.
    func makePull(_ configuration: GatewayConfiguration) throws(GatewayProblem) -> PullServer? {
        let source = PullService(
            gateway: configuration.gateway, site: site, clerk: clerk, telemetry: telemetry, ledgerEpoch: ledgerEpoch,
            bells: bells)
        do throws(PullSetupError) {
            return try configuration.pull.map { address throws(PullSetupError) in
                try PullServer(address: address, source: source)
            }
        } catch { throw .configuration("\(error)") }
    }

    /// Nil where there is no broker. Reads the certificates.
    func makeBroker(_ configuration: GatewayConfiguration) throws(GatewayProblem) -> BrokerService? {
        do throws(BrokerSetupError) {
            return try configuration.broker.map { address throws(BrokerSetupError) in
                BrokerService(
                    client: try BrokerClient(address: address, gateway: configuration.gateway.rawValue),
                    address: address, gateway: configuration.gateway, site: site, clerk: clerk, telemetry: telemetry,
                    ledgerEpoch: ledgerEpoch, bells: bells, logger: logger)
            }
        } catch { throw .configuration("\(error)") }
    }

    func startPull() async {
        guard let pull = live.withLock({ $0.pull }) else { return }
        await parts.start(.pull) { await self.serve(pull) }
    }

    func startBroker() async {
        guard let broker = live.withLock({ $0.broker }) else { return }
        await parts.start(.broker) { await broker.run() }
    }

    private func serve(_ pull: PullServer) async {
        while !Task.isCancelled {
            do {
                try await pull.run(logger: logger) { [logger] port in
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
