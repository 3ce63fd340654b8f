import ArgumentParser
import Board
import Concentrator
import ConfigurationReader
import Console
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

/// The daemon.
struct Daemon: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the gateway (as meterkeepd does).")

    @Option(help: "The configuration file.") var config: String = "/etc/meterkeep/gateway.yaml"
    @Flag(help: "Check the configuration, say what would run, and end.") var check = false
    @Option(help: "With --check: state the freshness for this import file, not for what is installed.")
    var meters: String?
    @Option(help: "How much is logged.") var logLevel: LogLevel = .info

    enum LogLevel: String, ExpressibleByArgument, CaseIterable {
        case error, warning, info, debug
    }

    func run() async throws {
        ProcessMemory.bound()
        let environment = ProcessInfo.processInfo.environment
        let notifier = ServiceNotifier(environment: environment)
        let lines = LineKeeper(environment: environment, notifier: notifier)
        do {
            let configuration = try Self.load(config)
            if check {
                print(try CheckReport(configuration, importFile: meters).text)
                return
            }
            try await start(configuration, notifier: notifier, lines: lines)
        } catch GatewayProblem.reload {
            lines.handOver()
            try Self.startAnew()
        } catch let problems as ConfigurationProblems {
            complain(problems.description)
            throw ExitCode(78)
        } catch let problem as GatewayProblem {
            complain(problem.description)
            throw ExitCode(problem.exitCode)
        }
    }

    static func load(_ path: String) throws -> GatewayConfiguration {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw GatewayProblem.configuration(
                "\(path) cannot be read; name the configuration with --config, or copy etc/gateway.yaml there")
        }
        return try GatewayConfiguration(file: path, text: text)
    }

    /// What would keep a daemon from starting with the configuration as it is now; nil where nothing would.
    private static func problem(with path: String) -> String? {
        do {
            _ = try CheckReport(try load(path))
            return nil
        } catch { return "\(error)" }
    }

    /// Becomes a new daemon in the same process, so that a supervisor sees no end. Every file of the old one is
    /// closed by then, or closes on its own (O_CLOEXEC).
    private static func startAnew() throws {
        var arguments = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", arguments)
        complain("the daemon cannot start anew: \(String(cString: strerror(errno)))")
        throw ExitCode(GatewayProblem.reload.exitCode)
    }

    private func start(
        _ configuration: GatewayConfiguration, notifier: ServiceNotifier, lines: LineKeeper
    ) async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "meterkeepd")
        logger.logLevel = Logger.Level(rawValue: logLevel.rawValue) ?? .info
        let gateway = try await RunningGateway(
            configuration: configuration, notifier: notifier, lines: lines, logger: logger,
            reloadProblem: { [config] in Self.problem(with: config) })
        // Nobody listens there: what is there was left by a daemon that died.
        try? FileManager.default.removeItem(atPath: configuration.socketPath)
        let listening = Signal()
        var quiet = logger
        quiet.logLevel = .warning
        let api = LocalAPI(gateway: gateway).application(socketPath: configuration.socketPath, logger: quiet) {
            listening.raise()
        }
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(
                service: GatewayRun(gateway: gateway, listening: listening, logger: logger),
                successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup),
            .init(service: api, failureTerminationBehavior: .gracefullyShutdownGroup),
        ]
        if let port = configuration.metricsPort {
            let page = MetricsServer(gateway: gateway, port: port, logger: quiet)
            services.append(.init(service: page, failureTerminationBehavior: .gracefullyShutdownGroup))
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
        do {
            try await group.run()
        } catch let problem as GatewayProblem {
            throw problem
        } catch {
            throw GatewayProblem.device(
                "the local API cannot listen at \(configuration.socketPath): \(error); check 'socket' and its directory"
            )
        }
        try? FileManager.default.removeItem(atPath: configuration.socketPath)
    }
}

/// The gateway as a service that is ready only when the local API listens too.
private struct GatewayRun: Service {
    let gateway: RunningGateway
    let listening: Signal
    let logger: Logger

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await gateway.run {
                await listening.wait(longest: .seconds(10))
                logger.info("ready", metadata: ["gateway": "\(gateway.configuration.gateway)"])
            }
        }
    }
}
