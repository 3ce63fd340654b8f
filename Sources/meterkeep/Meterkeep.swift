import ArgumentParser
import Foundation

/// One executable: the daemon when it is called `meterkeepd` or with the word `daemon`, the operator's
/// command otherwise.
@main
struct Meterkeep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meterkeep",
        abstract: "Prepaid metering gateway.",
        discussion: """
            Called as meterkeepd it is the daemon itself. Exit codes: 0 done, 1 a check found something, 64 wrong usage, \
            65 refused input, 69 no daemon, 70 ledger lost, 73 another file is there, 74 port or file unusable, 75 in \
            use by another or too slow, 77 not permitted, 78 wrong configuration.
            """,
        subcommands: [
            Daemon.self, Import.self, Meters.self, Status.self, CircuitCommand.self, ConfirmCuts.self,
            LedgerCommand.self, Backup.self, Readings.self, Enrol.self,
            Restore.self, RaiseClock.self, ClockWatch.self, ReloadCommand.self, Replay.self, BusCommand.self,
            TraceCommand.self,
            ScanCommand.self, SettingsCommand.self, AddressCommand.self, ReplaceCommand.self, DoctorCommand.self,
            SetupCommand.self, SelfTestCommand.self,
            Mode.self, Release.self, AllowClosing.self, Learn.self, Forget.self, Lock.self, Unlock.self, Read.self,
            Execute.self,
        ])

    static func main() async {
        var arguments = Array(CommandLine.arguments.dropFirst())
        let name = CommandLine.arguments.first.map { URL(filePath: $0).lastPathComponent }
        if name == "meterkeepd" { arguments.insert("daemon", at: 0) }
        await Self.main(arguments)
    }
}

/// Prints to standard error.
func complain(_ text: String) { FileHandle.standardError.write(Data("meterkeep: \(text)\n".utf8)) }

/// Prints to standard output at once, into a pipe too.
func show(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
