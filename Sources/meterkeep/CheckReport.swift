import Concentrator
import ConfigurationReader
import Foundation
import MeterProfiles
import Metering
import Prepaid
import Storage
import UplinkHTTP
import UplinkMQTT
import UplinkPull

/// What `--check` says: what would run, and what is missing for it. Nothing is opened for writing.
struct CheckReport {
    let text: String

    /// - Throws: what keeps the daemon from starting.
    /// - Parameter importFile: an import file whose devices are looked at, rather than those installed.
    init(_ configuration: GatewayConfiguration, importFile: String? = nil) throws {
        let profiles = try ProfileFolder.load(configuration.profilesPath)
        let meters = try Self.devices(configuration, profiles: profiles, importFile: importFile)
        var lines = ["gateway \(configuration.gateway)", "data \(configuration.dataPath)"]
        lines.append("profiles \(configuration.profilesPath): \(profiles.all.map(\.id).joined(separator: ", "))")
        for profile in profiles.all where !profile.isVerified {
            lines.append("  \(profile.id) is unverified: check it on a real meter before any write")
        }
        var problems: [String] = []
        for bus in configuration.buses {
            lines.append("bus \(bus.id): \(bus.port) at \(bus.serial.baud) \(bus.serial.formatText)")
            if let path = bus.devicePath, !FileManager.default.fileExists(atPath: path) {
                problems.append(
                    "bus \(bus.id): port \(bus.port) does not exist; plug the adapter in, or correct 'port' (ls /dev/serial/by-path)"
                )
            }
            lines += Self.plan(bus, meters: meters, profiles: profiles, periods: configuration.periods)
        }
        lines += configuration.board?.lines ?? []
        if let platform = configuration.platform {
            do { try PlatformClient.check(platform) } catch { throw GatewayProblem.configuration("\(error)") }
            lines.append("uplink \(platform.url), TLS \(platform.minimumTLS.rawValue) or later")
        } else {
            lines.append("uplink none: readings and ledger stay on the box")
        }
        if let pull = configuration.pull {
            do { try pull.check() } catch { throw GatewayProblem.configuration("\(error)") }
            lines.append(
                "pull \(pull.host):\(pull.port) for \(pull.consumers.map(\.name).sorted().joined(separator: ", "))")
        }
        if let broker = configuration.broker {
            lines.append("mqtt \(broker.host):\(broker.port), \(broker.tls == nil ? "in the clear" : "TLS")")
        }
        try SocketPlace(path: configuration.socketPath).check()
        if !problems.isEmpty { throw GatewayProblem.device(problems.joined(separator: "\n")) }
        lines.append("all is in order")
        text = lines.joined(separator: "\n")
    }

    private static func devices(
        _ configuration: GatewayConfiguration, profiles: ProfileLibrary, importFile: String?
    ) throws -> [SiteMeter] {
        guard let importFile else {
            do { return try InstalledDevices.read(ledgerPath: "\(configuration.dataPath)/ledger.db") } catch {
                throw GatewayProblem.device("\(error)")
            }
        }
        guard let text = try? String(contentsOfFile: importFile, encoding: .utf8) else {
            throw GatewayProblem.configuration(
                "\(importFile) cannot be read as UTF-8 text; check its name and encoding")
        }
        let buses = Set(configuration.buses.map(\.id))
        return try SiteImport(
            file: importFile, text: text, profiles: profiles, buses: buses, boardPoints: configuration.boardPoints
        ).site.meters
    }

    /// How old the values of a bus get; where nothing is installed yet, what each model would cost.
    private static func plan(
        _ bus: BusConfiguration, meters: [SiteMeter], profiles: ProfileLibrary, periods: PollSchedule.Periods
    ) -> [String] {
        if meters.contains(where: { $0.address.bus == bus.id }) {
            return BusPlan(bus, meters: meters, profiles: profiles, periods: periods).lines
        }
        return profiles.all.filter { $0.billing != nil }
            .compactMap { BusPlan.model($0, on: bus, periods: periods) }
    }
}
