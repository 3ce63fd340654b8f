import ArgumentParser
import Console
import Foundation
import UplinkProtocol

/// Where the daemon listens.
struct DaemonSocket: ParsableArguments {
    @Option(help: "The socket of the running daemon.") var socket: String = "/run/meterkeep/meterkeep.sock"
    @Flag(help: "Print JSON.") var json = false

    /// Asks the daemon; what it refuses ends the program with its exit code.
    func ask(
        _ path: String, body: String? = nil, within time: Duration = LocalClient.usualTime
    ) async throws -> JSONValue {
        let client = LocalClient(socketPath: socket)
        do {
            if let body { return try await client.post(path, body: body, within: time) }
            return try await client.get(path, within: time)
        } catch let error as LocalClientError {
            complain(error.description)
            throw ExitCode(error.exitCode)
        }
    }
}

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Install meters, accounts and breakers from a CSV file.",
        discussion: "The columns are explained in etc/meters.example.csv. The file is taken as a whole or not at all.")

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The file.") var file: String

    func run() async throws {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            complain("\(file) cannot be read as UTF-8 text; check its name and its encoding")
            throw ExitCode(65)
        }
        let answer = try await daemon.ask("/v1/import?file=\(file.forQuery)", body: text)
        if daemon.json {
            print(answer.canonicalText)
            return
        }
        func count(_ key: String) -> Int64 { answer.object?[key]?.integer ?? 0 }
        print(
            "\(count("circuits")) circuits in the file: \(count("new_meters")) new devices, "
                + "\(count("new_accounts")) new accounts, \(count("changed_accounts")) changed")
    }
}

struct Meters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show every circuit: power, energy, balance, breaker, age.")

    @OptionGroup var daemon: DaemonSocket
    @Flag(help: "Show it again every second, until interrupted.") var watch = false

    func run() async throws {
        repeat {
            let answer = try await daemon.ask("/v1/meters")
            let text = daemon.json ? answer.canonicalText : MeterTable(answer).text
            show(watch ? "\u{1B}[H\u{1B}[2J" + text : text)
            if watch { try await Task.sleep(for: .seconds(1)) }
        } while watch
    }
}

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show how the gateway is.")

    @OptionGroup var daemon: DaemonSocket

    func run() async throws {
        let answer = try await daemon.ask("/v1/status")
        if daemon.json {
            print(answer.canonicalText)
            return
        }
        let status = answer.object ?? [:]
        let uplink = status["uplink"]?.object ?? [:]
        let head = status["chain_head"]?.object ?? [:]
        print("gateway   \(status["gateway"]?.string ?? "?")")
        if let reason = status["configuration_refused"]?.string {
            print("          the new configuration is refused; the one before is in use")
            for line in reason.split(separator: "\n") { print("          \(line)") }
        }
        print("meters    \(status["answering"]?.integer ?? 0) of \(status["circuits"]?.integer ?? 0) answer")
        for line in TroubleText.lines(status["troubles"], most: 10) { print("          \(line)") }
        print(
            "ledger    \(status["ledger_usable"]?.boolean == true ? "in order" : "unusable, breakers are held"), "
                + "record \(head["seq"]?.integer ?? 0) \(String((head["hash"]?.string ?? "").prefix(12)))")
        if let reason = status["ledger_held"]?.string {
            print("          all money is held: the ledger was \(reason)")
            print("          compare the balances with the platform, then: meterkeep ledger release")
        }
        if let problem = status["telemetry_problem"]?.string { print("readings  cannot be written: \(problem)") }
        if let held = status["held_cuts"]?.integer, held > 0 {
            print(
                "breakers  \(held) credit cuts are held: too many fell due at once. Check prices and clock, then: "
                    + "meterkeep confirm-cuts")
        }
        func count(_ key: String) -> String { uplink[key]?.integer.map(String.init) ?? "an unknown number of" }
        print(
            "uplink    \(uplink["condition"]?.string ?? "?"), \(count("ledger_queued")) ledger records "
                + "and \(count("telemetry_queued")) readings wait")
        if let problem = uplink["problem"]?.string { print("          \(problem)") }
        if let withheld = uplink["ledger_withheld"]?.integer, withheld > 0 {
            print("          the platform refused \(withheld) ledger records; see: meterkeep ledger withheld")
        }
        if let mqtt = status["mqtt"]?.object {
            print(
                "mqtt      \(mqtt["condition"]?.string ?? "?"), \(mqtt["ledger_queued"]?.integer ?? 0) ledger records "
                    + "and \(mqtt["telemetry_queued"]?.integer ?? 0) readings wait")
            if let problem = mqtt["problem"]?.string { print("          \(problem)") }
        }
        let today = status["collection"]?.object?["today"]?.object ?? [:]
        if let share = today["per_mille"]?.integer {
            print(
                "readings  \(share / 10).\(share % 10) % of \(today["due"]?.integer ?? 0) due since midnight or the start"
            )
        }
        ClockText.lines(status["clock"]).forEach { print($0) }
    }
}

struct ConfirmCuts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let credit cuts go ahead that were held because many fell due at once.",
        discussion: """
            More than a tenth of the circuits, and at least five, within ten minutes: that is rather a wrong price \
            or a wrong clock than a house that stopped paying. Look at both first.
            """)

    @OptionGroup var daemon: DaemonSocket

    func run() async throws {
        let answer = try await daemon.ask("/v1/cuts/confirm", body: "")
        if daemon.json {
            print(answer.canonicalText)
            return
        }
        let count = answer.object?["confirmed"]?.integer ?? 0
        print(count == 0 ? "no cut is held" : "\(count) cuts go ahead")
    }
}
