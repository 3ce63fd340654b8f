import Board
import Commissioning
import Concentrator
import ConfigurationReader
import Console
import FieldBus
import Foundation
import Metering
import Storage
import UplinkHTTP
import UplinkProtocol

/// Looks at a box without changing it, and asks its daemon where one runs.
struct BoxInspection {
    let configurationPath: String
    /// Where the daemon listens; nil: where the configuration says.
    let socket: String?
    let asksPlatform: Bool

    func findings() async -> Findings {
        let (state, configuration) = configurationState()
        let socketPath = socket ?? configuration?.socketPath ?? "/run/meterkeep/meterkeep.sock"
        var findings = Findings(configuration: state, daemon: .silent(socket: socketPath))
        let daemon = DaemonView(socket: socketPath)
        let status = await daemon.ask("/v1/status")
        if status != nil {
            findings.daemon = .answers
        } else if FileManager.default.fileExists(atPath: socketPath), access(socketPath, W_OK) != 0 {
            findings.daemon = .notPermitted(socket: socketPath)
        }
        if let status {
            findings.money = DaemonView.money(status)
            findings.telemetryProblem = DaemonView.telemetryProblem(status)
            findings.devices = await daemon.devices()
            findings.lines = await daemon.lines()
            findings.broker = DaemonView.broker(status)
        }
        guard let configuration else { return findings }
        findings.data = DataInspection(path: configuration.dataPath).state
        findings.clock = Self.clock(configuration, status: status)
        findings.ports = await ports(configuration, open: status == nil ? nil : await daemon.openBuses())
        if let platform = configuration.platform {
            findings.certificates = Self.certificates(platform)
            findings.uplink = await uplink(platform, gateway: configuration.gateway.rawValue, status: status)
        }
        return findings
    }

    private func configurationState() -> (ConfigurationState, GatewayConfiguration?) {
        let path = configurationPath
        guard FileManager.default.fileExists(atPath: path) else { return (.absent(path: path), nil) }
        do {
            let configuration = try Daemon.load(path)
            do {
                _ = try ProfileFolder.load(configuration.profilesPath)
            } catch { return (.wrong(path: path, problems: error.problems.map(\.description)), configuration) }
            do { try SocketPlace(path: configuration.socketPath).check() } catch {
                // Its directory under /run is made by the service that starts the daemon.
                guard case .device = error, configuration.socketPath.hasPrefix("/run/") else {
                    return (.wrong(path: path, problems: [error.description]), configuration)
                }
            }
            return (.sound(path: path), configuration)
        } catch let problems as ConfigurationProblems {
            return (.wrong(path: path, problems: problems.problems.map(\.description)), nil)
        } catch {
            return (.wrong(path: path, problems: ["\(error)"]), nil)
        }
    }

    private static func clock(_ configuration: GatewayConfiguration, status: JSONValue?) -> ClockState? {
        guard let system = try? SystemClock() else { return nil }
        let rules = ClockRules(
            buildDate: GatewayClock.buildDate, lastKnownWall: DataDirectory.lastKnownTime(in: configuration.dataPath))
        let trust = status?.object?["at"]?.object?["trust"]?.string
        return ClockState(
            wall: system.wallNow(), earliestPresent: rules.earliestPresent,
            isSynchronised: system.timeSource().isSynchronised,
            isAssumed: configuration.clockSource == .assumed,
            isTrusted: trust.map { $0 != ClockTrust.untrusted.rawValue })
    }

    /// - Parameter open: the buses whose ports the running daemon has open; nil without one.
    private func ports(_ configuration: GatewayConfiguration, open: Set<BusID>?) async -> [PortState] {
        let used = Set(configuration.buses.map { URL(filePath: $0.port).resolvingSymlinksInPath().path })
        let spares = SerialPorts.found().filter { !used.contains($0.device) }.map(\.name)
        var states: [PortState] = []
        for bus in configuration.buses {
            let condition = open?.contains(bus.id) == true ? .inUse : await Self.tried(bus)
            states.append(PortState(bus: bus.id, path: bus.port, condition: condition, spares: spares))
        }
        return states
    }

    private static func tried(_ bus: BusConfiguration) async -> PortState.Condition {
        let port = BusPort(bus: bus.id, path: bus.port, serial: bus.serial, allowances: bus.allowances)
        do throws(PortError) {
            try await port.open()
            await port.close()
            return .usable
        } catch {
            switch error {
            case .absent: return .absent
            case .busy(let path): return .busy(holder: PortHolder.words(for: path))
            case .notPermitted: return .notPermitted
            case .notASerialPort: return .notSerial
            case .unreachable, .noKernelRS485, .noRTS, .noSuchFormat, .malformed, .failed:
                return .other(error.description)
            }
        }
    }

    private static func certificates(_ platform: PlatformAddress) -> [CertificateState] {
        do {
            return try PlatformProbe.terms(platform).map { term in
                let role = term.path == platform.certificatePath ? "uplink.certificate" : "uplink.authority"
                return CertificateState(
                    role: role, path: term.path, condition: .valid(from: term.from, until: term.until))
            }
        } catch {
            let role = [
                platform.certificatePath: "uplink.certificate", platform.authorityPath: "uplink.authority",
                platform.keyPath: "uplink.key",
            ][error.path]
            return [
                CertificateState(
                    role: role ?? "uplink", path: error.path, condition: .unusable("\(error.reason); \(error.remedy)"))
            ]
        }
    }

    private func uplink(_ platform: PlatformAddress, gateway: String, status: JSONValue?) async -> UplinkState {
        let shown = status?.object?["uplink"]?.object
        var reach: UplinkReach?
        if asksPlatform, let outcome = try? await PlatformProbe.ask(platform, gateway: gateway) {
            reach = UplinkReach(outcome)
        }
        return UplinkState(
            url: platform.url, proxy: platform.proxy, reach: reach, condition: shown?["condition"]?.string,
            problem: shown?["problem"]?.string, ledgerQueued: shown?["ledger_queued"]?.integer,
            ledgerWithheld: shown?["ledger_withheld"]?.integer ?? 0)
    }
}

extension UplinkReach {
    init(_ outcome: PlatformReach) {
        self =
            switch outcome {
            case .answered: .answered(status: 200)
            case .status(let status): .answered(status: status)
            case .strangeAnswer(let reason): .strangeAnswer(reason: reason)
            case .nameUnknown(let host): .nameUnknown(host: host)
            case .unreachable(let reason): .unreachable(reason: reason)
            case .tlsRefused(let reason): .tlsRefused(reason: reason)
            case .noAnswer(let reason): .noAnswer(reason: reason)
            }
    }
}

/// Who has a port open, as /proc shows it to those who may see it.
enum PortHolder {
    private static let most = 3

    static func words(for port: String) -> String? {
        let files = FileManager.default
        let device = URL(filePath: port).resolvingSymlinksInPath().path
        let holders = ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).filter { process in
            guard let number = Int32(process), number != getpid() else { return false }
            let folder = "/proc/\(process)/fd"
            return ((try? files.contentsOfDirectory(atPath: folder)) ?? []).contains { name in
                (try? files.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) == device
            }
        }
        if holders.isEmpty { return nil }
        return holders.prefix(most).map { process in
            let command = (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)) ?? "?"
            return "\(command.trimmingCharacters(in: .whitespacesAndNewlines)) (process \(process))"
        }
        .joined(separator: ", ")
    }
}
