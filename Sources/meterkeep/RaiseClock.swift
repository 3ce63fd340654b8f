import ArgumentParser
import Board
import Concentrator
import Metering
import Storage

struct RaiseClock: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "raise-clock", abstract: "Put a clock that starts in the past to the last known time.",
        discussion: """
            Boxes without a battery start in 1970, where every certificate is not valid yet. The service runs this \
            before the daemon: the clock is put forward to the later of the program's build date and the last time \
            that was trusted, never back. Until a time source answers the daemon trusts it no more than before.
            """)

    @Option(help: "The configuration file.") var config: String = "/etc/meterkeep/gateway.yaml"

    func run() throws {
        let configuration = try Daemon.load(config)
        let rules = ClockRules(
            buildDate: GatewayClock.buildDate, lastKnownWall: DataDirectory.lastKnownTime(in: configuration.dataPath))
        let now = try SystemClock().wallNow()
        guard now < rules.earliestPresent else { return }
        if let reason = SystemClock.setWall(to: rules.earliestPresent) {
            complain("the clock is behind the last known time and cannot be set: \(reason); run this as root")
            throw ExitCode(77)
        }
        print("the clock was behind; it is put to the last known time")
    }
}
