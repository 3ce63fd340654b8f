import Concentrator
import ConfigurationReader
import Foundation
import MeterProfiles
import Metering
import Prepaid
import Storage
import UplinkHTTP

/// What `--check` says: what would run, and what is missing for it. Nothing is opened for writing.
struct CheckReport {
    let text: String

    /// - Throws: what keeps the daemon from starting.
    init(_ configuration: GatewayConfiguration) throws {
        let profiles = try ProfileFolder.load(configuration.profilesPath)
        var lines = ["gateway \(configuration.gateway)", "data \(configuration.dataPath)"]
        lines.append("profiles \(configuration.profilesPath): \(profiles.all.map(\.id).joined(separator: ", "))")
        for profile in profiles.all where !profile.isVerified {
            lines.append("  \(profile.id) is unverified: check it on a real meter before any write")
        }
        var problems: [String] = []
        for bus in configuration.buses {
            lines.append("bus \(bus.id): \(bus.port) at \(bus.serial.baud) \(bus.serial.formatText)")
            if !FileManager.default.fileExists(atPath: bus.port) {
                problems.append(
                    "bus \(bus.id): port \(bus.port) does not exist; plug the adapter in, or correct 'port' (ls /dev/serial/by-path)"
                )
            }
            lines += Self.plan(bus, profiles: profiles, periods: configuration.periods)
        }
        if let platform = configuration.platform {
            do { try PlatformClient.check(platform) } catch { throw GatewayProblem.configuration("\(error)") }
            lines.append("uplink \(platform.url), TLS \(platform.minimumTLS.rawValue) or later")
        } else {
            lines.append("uplink none: readings and ledger stay on the box")
        }
        try SocketPlace(path: configuration.socketPath).check()
        if !problems.isEmpty { throw GatewayProblem.device(problems.joined(separator: "\n")) }
        lines.append("all is in order")
        text = lines.joined(separator: "\n")
    }

    /// How long one normal poll of each model takes on this bus, and how many of them fit its period.
    private static func plan(
        _ bus: BusConfiguration, profiles: ProfileLibrary, periods: PollSchedule.Periods
    ) -> [String] {
        profiles.all.filter { $0.billing != nil }.map { profile in
            let plan = ReadPlan(
                wanted: profile.registers(upTo: .normal), limits: profile.limits, serial: bus.serial,
                turnaround: .milliseconds(10))
            let milliseconds = max(1, plan.duration.wholeMilliseconds)
            let fitting = periods.normal.wholeMilliseconds / milliseconds
            return "  \(profile.id): \(milliseconds) ms a poll, \(fitting) meters within the normal period"
        }
    }
}
