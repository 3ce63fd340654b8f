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
            The file is written by whoever calls, complete or not at all: name any place that you may write to, and keep \
            it off the box. Months that are sealed go beside it, into a folder named after gateway and epoch; those that \
            are there already are not copied again. Readings are in neither: the platform has them.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The file; what is there is replaced only by a complete copy.") var file: String

    func run() async throws {
        let path = URL(filePath: file).standardizedFileURL.path
        do {
            let head = try await fetch("/v1/backup", to: path)
            let months = (head["archive"]?.array ?? []).compactMap(\.string)
            let names = "\(head["gateway"]?.string ?? "")-\(head["epoch"]?.string ?? "")"
            let folder = URL(filePath: path).deletingLastPathComponent().appending(path: "ledger-archive-\(names)").path
            var copied = 0
            for month in months where !FileManager.default.fileExists(atPath: "\(folder)/\(month)") {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                _ = try await fetch("/v1/backup?month=\(month.forQuery)", to: "\(folder)/\(month)")
                copied += 1
            }
            say(path, months: months.count, copied: copied, in: folder)
        } catch let error as StorageError {
            if case .unusable(let path, let reason) = error {
                complain("\(path) cannot be written: \(reason); choose a place that you may write to")
            } else {
                complain(error.description)
            }
            throw ExitCode(74)
        } catch let error as CocoaError {
            complain("\(error.localizedDescription); choose a place that you may write to")
            throw ExitCode(74)
        }
    }

    private func say(_ path: String, months: Int, copied: Int, in folder: String) {
        guard !daemon.json else {
            var answer: [String: JSONValue] = ["file": .string(path), "months": .integer(Int64(months))]
            if months > 0 { answer["archive"] = .string(folder) }
            print(JSONValue.object(answer).canonicalText)
            return
        }
        print("the ledger is in \(path)")
        if months > 0 { print("its \(months) sealed months are in \(folder), \(copied) of them copied now") }
    }

    /// - Returns: what the daemon said of the file.
    private func fetch(_ address: String, to path: String) async throws -> [String: JSONValue] {
        let writer = try DurableFileWriter(path)
        var head: [String: JSONValue] = [:]
        var left: Int64 = 0
        var isComplete = false
        try await daemon.stream(address, posts: true) { line in
            let members = line.object ?? [:]
            if let bytes = members["bytes"]?.integer {
                head = members
                left = bytes
            } else if let data = members["data"]?.string.flatMap({ Data(base64Encoded: $0) }) {
                left -= Int64(data.count)
                try writer.append(Array(data))
            } else {
                isComplete = members["complete"]?.boolean == true && left == 0
            }
            return true
        }
        guard isComplete else {
            complain("the daemon ended its answer too early; nothing was written; try again (meterkeep status)")
            throw ExitCode(69)
        }
        try writer.finish()
        return head
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
            let outcome = Result {
                try directory.restoreLedger(
                    from: URL(filePath: file).standardizedFileURL.path, gateway: configuration.gateway,
                    newEpoch: RunningGateway.newEpoch(), discardsLater: discardLater, at: clock.now())
            }
            // However far it came.
            try directory.giveToOwner()
            let summary = try outcome.get()
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
