import ArgumentParser
import Board
import Foundation
import Metering

struct ClockWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock-watch", abstract: "Note whether a time source keeps the clock.",
        discussion: """
            The daemon's sandbox forbids every call about the clock, asking the kernel for its time source too. The \
            service meterkeep-clock asks in its place and leaves a note every two seconds. A note that is older \
            than ten seconds counts for nothing.
            """)

    @Option(help: "Where the note is left.") var to: String = SystemClock.notePath
    @Flag(help: "Leave one note and end.") var once = false

    func run() async throws {
        let clock = try SystemClock()
        let notifier = ServiceNotifier(environment: ProcessInfo.processInfo.environment)
        var isReady = false
        repeat {
            let status: String
            if let source = TimeSource.ofTheKernel() {
                if let reason = TimeSourceNote(source, at: clock.monotonicNow()).write(to: to) {
                    complain("\(to) cannot be written: \(reason); check that its folder is there and may be written")
                    throw ExitCode(74)
                }
                status = source.isSynchronised ? "a time source keeps the clock" : "no time source keeps the clock"
            } else {
                // As in a container. Without a note the clock is not believed, and there is nothing to try again for.
                status = "the kernel may not be asked for its time source; the clock is not believed"
                if once {
                    complain(status)
                    throw ExitCode(77)
                }
            }
            if isReady { notifier.status(status) } else { notifier.ready(status: status) }
            isReady = true
            notifier.watchdog()
            if !once { try await Task.sleep(for: TimeSourceNote.interval) }
        } while !once
    }
}
