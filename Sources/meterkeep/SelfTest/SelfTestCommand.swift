import ArgumentParser
import Commissioning
import Concentrator
import Foundation
import Metering

struct SelfTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "self-test",
        abstract: "Look at the whole site through its running daemon, and write a report for the door.",
        discussion: """
            Every meter read, every breaker's position known, the ledger proved, the clock, the platform. With --switch \
            one breaker is opened and closed again: whoever is behind it loses power for some seconds. Ends with 0 where \
            no check failed, 1 otherwise.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "The configuration file.") var config: String = "/etc/meterkeep/gateway.yaml"
    @Option(help: "A circuit whose breaker is opened and closed again.") var `switch`: String?
    @Option(help: "Where the report is written: self-test.txt and self-test.html.") var report: String = "."
    @Option(help: "How many seconds meters may take to answer.") var patience: Int = 90
    @Flag(help: "Do not ask before switching.") var yes = false

    func run() async throws {
        let circuit = try `switch`.map { name in
            guard let circuit = CircuitID(rawValue: name) else {
                complain("'\(name)' is no circuit's name; write \(CircuitID.rule)")
                throw ExitCode(64)
            }
            return circuit
        }
        if let circuit, !yes { try confirm("open the breaker of \(circuit) for some seconds?") }
        _ = try await daemon.ask("/v1/status")
        var test = SelfTest(
            configurationPath: config, socket: daemon.socket, switching: circuit, tell: { show($0) })
        test.patience = .seconds(max(1, patience))
        do {
            let report = try await test.run()
            for line in try ReportFiles(folder: self.report).write(report) { show(line) }
            if !report.isPassed { throw ExitCode(1) }
        } catch let problem as GatewayProblem {
            complain(problem.description)
            throw ExitCode(problem.exitCode)
        }
    }
}
