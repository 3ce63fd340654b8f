import ArgumentParser
import ConfigurationReader
import Dispatch
import Foundation
import MeterProfiles
import MeterSimulation

/// Simulates RS485 buses with meters and relay boards.
@main
struct Metersim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metersim",
        abstract: "Simulates RS485 buses with meters and relay boards on pseudo terminals.",
        discussion: """
            The world file says which buses and meters there are; etc/metersim.example.yaml explains every key.
            The control channel changes the world while it runs, one line a command:

            \(ControlLanguage.help)
            """,
        subcommands: [Run.self, Check.self, Control.self], defaultSubcommand: Run.self)
}

struct WorldOptions: ParsableArguments {
    @Option(help: "The world file.") var world: String
    @Option(help: "The folder with the meter profiles.") var profiles: String = "etc/profiles"

    func load() throws -> (plan: WorldPlan, profiles: ProfileLibrary) {
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: profiles).filter { $0.hasSuffix(".yaml") }
            let files = try names.sorted().map { name in
                (name: "\(profiles)/\(name)", text: try String(contentsOfFile: "\(profiles)/\(name)", encoding: .utf8))
            }
            let library = try ProfileLibrary(files: files)
            let text = try String(contentsOfFile: world, encoding: .utf8)
            let plan = try WorldPlan(file: world, text: text)
            _ = try World(plan, profiles: library)
            return (plan, library)
        } catch let problems as ConfigurationProblems {
            throw ValidationError(problems.description)
        } catch let problem as WorldPlanProblem {
            throw ValidationError("\(world): \(problem.what); correct it or add the profile")
        }
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run a world until it is told to stop.")

    @OptionGroup var options: WorldOptions
    @Option(help: "A socket for the control channel.") var control: String?
    @Option(help: "A file that gets a line of JSON for every write received.") var writeLog: String?

    @Option(help: "A file that gets a line of JSON for every request: when, which, whether too early.")
    var requestLog: String?

    func run() throws {
        let (plan, profiles) = try options.load()
        let host = try SimulatorHost(
            plan: plan, profiles: profiles, writeLogPath: writeLog, requestLogPath: requestLog)
        let finished = DispatchSemaphore(value: 0)
        let server = try control.map { try ControlServer(path: $0, host: host) { finished.signal() } }
        let signals = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { finished.signal() }
            source.resume()
            return source
        }
        let ports = plan.buses.map { "\($0.name) -> \($0.link)" }.joined(separator: ", ")
        FileHandle.standardOutput.write(Data("ready: \(ports)\n".utf8))
        finished.wait()
        for source in signals { source.cancel() }
        server?.stop()
        host.stop()
    }
}

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Check a world file and say what would run.")

    @OptionGroup var options: WorldOptions

    func run() throws {
        let (plan, _) = try options.load()
        for bus in plan.buses {
            print(
                "\(bus.name): \(bus.devices.count) devices at \(bus.serial.baud) \(bus.serial.formatText), \(bus.link)")
        }
    }
}

struct Control: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send one command to a running simulator.")

    @Argument(help: "The socket of its control channel.") var socket: String
    @Argument(parsing: .remaining, help: "The command.") var command: [String]

    func run() throws {
        print(try ControlServer.send(command.joined(separator: " "), to: socket))
    }
}
