import ArgumentParser
import Board
import Concentrator
import ConfigurationReader
import Foundation
import Storage
import UplinkProtocol

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy the ledger of the running daemon into a file.",
        discussion: """
            The daemon writes the file, as its user: name a place it may write to. Keep it off the box. Readings are \
            not in it, nor are sealed months: copy the folder 'archive' beside ledger.db along.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The file; what is there is replaced only by a complete copy.") var file: String

    func run() async throws {
        let path = URL(filePath: file).standardizedFileURL.path
        let name = path.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? path
        let answer = try await daemon.ask("/v1/backup?file=\(name)", body: "")
        print(daemon.json ? answer.canonicalText : "the ledger is in \(path)")
    }
}

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a backup in the ledger's place; the daemon must not run.",
        discussion: """
            The backup's balances begin a new chain, which the platform sees. What was sold after the backup is not \
            in it. All money is held until 'meterkeep ledger release'. The ledger that was there is kept beside it.
            """)

    @Argument(help: "The file that 'meterkeep backup' made.") var file: String
    @Option(help: "The configuration file.") var config: String = "/etc/meterkeep/gateway.yaml"
    @Flag(help: "Also where the present ledger is sound and has records that the backup does not have.")
    var discardLater = false

    func run() throws {
        do {
            let configuration = try Daemon.load(config)
            let directory = try DataDirectory(path: configuration.dataPath)
            let clock = GatewayClock(system: try SystemClock(), source: configuration.clockSource)
            let summary = try directory.restoreLedger(
                from: URL(filePath: file).standardizedFileURL.path, gateway: configuration.gateway,
                newEpoch: RunningGateway.newEpoch(), discardsLater: discardLater, at: clock.now())
            print("\(summary.accounts) accounts restored, as of record \(summary.oldRecords)")
            if let aside = summary.aside { print("the ledger that was there is in \(aside)") }
            print(
                "all money is held: start the daemon, compare the balances with the platform, then: meterkeep ledger release"
            )
        } catch let problems as ConfigurationProblems {
            complain(problems.description)
            throw ExitCode(78)
        } catch let problem as GatewayProblem {
            complain(problem.description)
            throw ExitCode(problem.exitCode)
        } catch let error as StorageError {
            complain(error.description)
            if case .locked = error { throw ExitCode(75) }
            if case .refused = error { throw ExitCode(65) }
            throw ExitCode(74)
        }
    }
}
