public import Concentrator
internal import Hummingbird
public import Logging
internal import NIOCore
public import ServiceLifecycle

/// The metrics page on the loopback interface, for a Prometheus (or its agent) on the box.
public struct MetricsServer: Service {
    private let gateway: RunningGateway
    private let port: Int
    private let logger: Logger

    public init(gateway: RunningGateway, port: Int, logger: Logger) {
        self.gateway = gateway
        self.port = port
        self.logger = logger
    }

    public func run() async throws {
        let router = Router()
        router.get("/metrics") { [gateway] _, _ in
            Response(
                status: .ok, headers: [.contentType: MetricsPage.contentType],
                body: .init(byteBuffer: ByteBuffer(string: await MetricsPage(gateway).text)))
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger)
        do {
            try await application.run()
        } catch {
            throw GatewayProblem.device(
                "the metrics page cannot listen at 127.0.0.1:\(port): \(error); choose another 'port' under 'metrics'")
        }
    }
}
