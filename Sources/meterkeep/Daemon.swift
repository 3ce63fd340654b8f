import ArgumentParser
import Board
import Concentrator
import ConfigurationReader
import Console
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Storage
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
            if check {
                print(try CheckReport(try Self.load(config), importFile: meters).text)
                return
            }
            try await start(environment, notifier: notifier, lines: lines)
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

    static func load(_ path: String) throws -> GatewayConfiguration { try read(path).configuration }

    private static func read(_ path: String) throws -> ConfigurationText {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw GatewayProblem.configuration(
                "\(path) cannot be read; name the configuration with --config, or copy etc/gateway.yaml there")
        }
        return try parse(path, text)
    }

    private static func parse(_ path: String, _ text: String) throws -> ConfigurationText {
        ConfigurationText(configuration: try GatewayConfiguration(file: path, text: text), text: text)
    }

    /// The configuration as it is now, where a daemon could start with it.
    private static func checked(_ path: String) throws -> ConfigurationText {
        let read = try read(path)
        _ = try CheckReport(read.configuration)
        try read.configuration.checkFiles()
        return read
    }

    /// What to run with, and why it is not the one in the file.
    private static func usable(
        _ path: String, _ environment: [String: String]
    ) throws -> (ConfigurationText, refusal: String?) {
        do {
            let read = try read(path)
            try read.configuration.checkFiles()
            return (read, nil)
        } catch {
            guard let good = lastGood(path, environment) else { throw error }
            return (good, "\(error)")
        }
    }

    /// A service with a mistake in its file runs with the configuration that was in use last, and says so: a box
    /// whose daemon does not start is a second visit. systemd names the directory (StateDirectory=).
    private static func lastGood(_ path: String, _ environment: [String: String]) -> ConfigurationText? {
        guard let folder = environment["STATE_DIRECTORY"],
            let bytes = DataDirectory.lastGoodConfiguration(in: folder)
        else { return nil }
        let good = try? parse(path, String(decoding: bytes, as: UTF8.self))
        return good.flatMap { good in (try? good.configuration.checkFiles()).map { good } }
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
        _ environment: [String: String], notifier: ServiceNotifier, lines: LineKeeper
    ) async throws {
        if JournalSocket.isStandardError(environment: environment) {
            LoggingSystem.bootstrap { JournalLogHandler(label: $0) }
        } else {
            LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        }
        // Until somebody listens for it; it would end the daemon.
        signal(SIGHUP, SIG_IGN)
        var logger = Logger(label: "meterkeepd")
        logger.logLevel = Logger.Level(rawValue: logLevel.rawValue) ?? .info
        let (start, refusal) = try Self.usable(config, environment)
        let configuration = start.configuration
        if let refusal {
            logger.error(
                "the configuration is refused; the one that was in use last is used", metadata: ["reason": "\(refusal)"]
            )
        }
        let gateway = try await RunningGateway(
            start, notifier: notifier, lines: lines, logger: logger,
            readConfiguration: { [config] in try Self.checked(config) })
        gateway.note(refusal: refusal)
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
            .init(service: ReloadOnHangup(gateway: gateway)),
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

/// SIGHUP has the configuration read anew.
private struct ReloadOnHangup: Service {
    let gateway: RunningGateway

    func run() async throws {
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        await cancelWhenGracefulShutdown {
            for await _ in hangups { _ = await gateway.reload() }
        }
    }
}
