import ArgumentParser
import BusSurvey
import Concentrator
import ConfigurationReader
import Console
import Foundation
import MeterProfiles
import Metering
import UplinkProtocol

struct ScanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Look for meters on a bus: at which rate, format and address, and which model.",
        discussion: """
            Through the running daemon live polling goes on, and the scan gets what the polls leave, a tenth of the \
            line at least. Without a daemon name the port with --port, or the configuration with --config. Ctrl-C ends \
            the scan; what was found so far is written.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "The bus, as in gateway.yaml.") var bus: String = "bus1"
    @Option(help: "Rates: 9600,2400. Those of the bus, of the known models, and the usual ones.") var rates: String = ""
    @Option(help: "Character formats: 8N1,8E1.") var formats: String = ""
    @Option(help: "Addresses: 1-32,100. All 247 when left out.") var addresses: String = ""
    @Option(help: "How long an answer is waited for, in ms (20 to 2000).") var timeout: Int?
    @Flag(help: "Ask every address in three ways and twice: for shy meters and poor cables.") var thorough = false
    @Option(help: "Write a file for 'meterkeep import' here.") var out: String?
    @Option(help: "Write the bus's entry for gateway.yaml here.") var yaml: String?
    @Option(help: "Without a daemon: the port.") var port: String?
    @Option(help: "Without a daemon: the configuration that names port and profiles.") var config: String?
    @Option(help: "With --port: the folder of profiles.") var profiles: String = "/etc/meterkeep/profiles"

    func run() async throws {
        let printer = ScanPrinter(json: daemon.json)
        if port != nil || config != nil {
            try await runAlone(printer)
        } else {
            try await runInDaemon(printer)
        }
        guard let ended = printer.ended else {
            complain(printer.problem ?? "the scan ended without a result; is the daemon running still?")
            throw ExitCode(printer.problem == nil ? 69 : 74)
        }
        try write(ended["import_file"]?.string, to: out)
        try write(ended["configuration"]?.string, to: yaml)
    }

    private func write(_ text: String?, to path: String?) throws {
        guard let text, let path else { return }
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            if !daemon.json { show("written: \(path)") }
        } catch {
            complain("\(path) cannot be written: \(error.localizedDescription); choose another file")
            throw ExitCode(74)
        }
    }

    private func runInDaemon(_ printer: ScanPrinter) async throws {
        var query = ["rates=\(rates.forQuery)", "formats=\(formats.forQuery)", "units=\(addresses.forQuery)"]
        if let timeout { query.append("timeout_ms=\(timeout)") }
        if thorough { query.append("thorough=1") }
        let path = "/v1/buses/\(bus.forQuery)/scan"
        let client = LocalClient(socketPath: daemon.socket)
        try await heedingInterrupts({ _ = try? await client.post(path + "/stop", body: "") }) {
            try await daemon.stream(path + "?" + query.joined(separator: "&"), posts: true) { line in
                printer.take(line)
                return true
            }
        }
    }

    private func runAlone(_ printer: ScanPrinter) async throws {
        let (configuration, library) = try busAndProfiles()
        let configured = config == nil ? nil : configuration.serial
        do {
            let range = try ScanRange(
                rates: rates, formats: formats, units: addresses, timeoutMilliseconds: timeout, isThorough: thorough,
                bus: configuration.serial, isSerial: configuration.devicePath != nil, profiles: library.all)
            let job = ScanJob(range, profiles: library.all)
            try await heedingInterrupts({ job.abort() }) {
                async let scan: Void = StandaloneScan().run(job, bus: configuration)
                for await event in job.events {
                    printer.take(ScanJSON.event(event, bus: configuration, configured: configured, installed: []))
                }
                try await scan
            }
        } catch let problem as ScanRangeProblem {
            complain(problem.description)
            throw ExitCode(65)
        } catch let problem as GatewayProblem {
            complain(problem.description)
            throw ExitCode(problem.exitCode)
        }
    }

    private func busAndProfiles() throws -> (BusConfiguration, ProfileLibrary) {
        do {
            if let config {
                let gateway = try Daemon.load(config)
                let library = try ProfileFolder.load(gateway.profilesPath)
                guard let found = gateway.buses.first(where: { $0.id.rawValue == bus }) else {
                    let known = gateway.buses.map(\.id.rawValue).joined(separator: ", ")
                    throw GatewayProblem.configuration("there is no bus '\(bus)' in \(config); use one of \(known)")
                }
                return (found, library)
            }
            guard let id = BusID(rawValue: bus), let port else {
                throw GatewayProblem.configuration("'\(bus)' is no name of a bus; write \(BusID.rule)")
            }
            let serial = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
            return (BusConfiguration(id: id, port: port, serial: serial), try ProfileFolder.load(profiles))
        } catch let problems as ConfigurationProblems {
            complain(problems.description)
            throw ExitCode(78)
        } catch let problem as GatewayProblem {
            complain(problem.description)
            throw ExitCode(problem.exitCode)
        }
    }
}

/// Shows the news of a scan, and keeps its end.
private final class ScanPrinter {
    private let json: Bool
    private let isTerminal = isatty(1) == 1
    private(set) var ended: [String: JSONValue]?
    private(set) var problem: String?

    init(json: Bool) { self.json = json }

    func take(_ event: JSONValue) {
        let members = event.object ?? [:]
        problem = members["error"]?.string ?? problem
        if let end = members["ended"]?.object { ended = end }
        if json {
            show(event.canonicalText)
        } else if let progress = members["progress"]?.object {
            showProgress(progress)
        } else if let device = members["found"]?.object {
            clearLine()
            show(Self.line(device))
        } else if let end = ended {
            clearLine()
            showEnd(end)
        }
    }

    private func showProgress(_ progress: [String: JSONValue]) {
        let line = ScanText.progress(progress)
        if isTerminal {
            FileHandle.standardOutput.write(Data("\r\u{1B}[K\(line)".utf8))
        } else if progress["done"]?.integer == 0 {
            show(line)
        }
    }

    private func clearLine() { if isTerminal { FileHandle.standardOutput.write(Data("\r\u{1B}[K".utf8)) } }

    private static func line(_ device: [String: JSONValue]) -> String { "found  " + ScanText.device(device) }

    private func showEnd(_ end: [String: JSONValue]) {
        let devices = end["devices"]?.array ?? []
        let done = end["progress"]?.object ?? [:]
        let how = end["complete"]?.boolean == true ? "done" : "ended early"
        show(
            "\(how): \(devices.count) devices at \(done["done"]?.integer ?? 0) of \(done["total"]?.integer ?? 0) places"
        )
        for device in devices {
            let members = device.object ?? [:]
            show("  " + ScanText.device(members))
            if let remark = members["remark"]?.string, !remark.isEmpty { show("      \(remark)") }
        }
    }
}

/// A scan in words.
enum ScanText {
    static func device(_ device: [String: JSONValue]) -> String {
        let profiles = (device["profiles"]?.array ?? []).compactMap(\.string).joined(separator: " or ")
        let model =
            switch device["model"]?.string {
            case "identified": profiles
            case "ambiguous", "plausible": "probably \(profiles)"
            default: "of a model not known"
            }
        return "unit \(device["unit"]?.integer ?? 0) at \(device["baud"]?.integer ?? 0) "
            + "\(device["format"]?.string ?? "")  \(model)"
    }

    static func progress(_ progress: [String: JSONValue]) -> String {
        let seconds = (progress["remaining_ms"]?.integer ?? 0) / 1000
        let left = seconds >= 90 ? "\(seconds / 60 + 1) min" : "\(seconds) s"
        let place = progress["unit"]?.integer.map {
            "unit \($0) at \(progress["baud"]?.integer ?? 0) \(progress["format"]?.string ?? "")"
        }
        return "\(progress["done"]?.integer ?? 0) of \(progress["total"]?.integer ?? 0) places, "
            + "\(progress["found"]?.integer ?? 0) found, about \(left) left" + (place.map { "; \($0)" } ?? "")
    }
}
