import ArgumentParser
import Console
import Foundation
import UplinkProtocol

extension DaemonSocket {
    /// Has commands executed and shows what became of each; a refusal is exit code 65.
    func execute(_ commands: JSONValue) async throws {
        let answer = try await ask("/v1/commands", body: commands.canonicalText)
        var isRefused = false
        for record in answer.object?["commands"]?.array ?? [] {
            let final = try await finished(record)
            show(json ? final.canonicalText : Self.text(final))
            isRefused = isRefused || final.object?["state"] != .string("applied")
        }
        if isRefused { throw ExitCode(65) }
    }

    func execute(_ kind: String, _ content: [String: JSONValue]) async throws {
        try await execute(.object(["kind": .string(kind), kind: .object(content)]))
    }

    /// A command that waits for the bus is asked for until it is answered.
    private func finished(_ record: JSONValue) async throws -> JSONValue {
        var record = record
        while record.object?["state"] == .string("accepted"), let id = record.object?["id"]?.string {
            try await Task.sleep(for: .milliseconds(100))
            record = try await ask("/v1/commands/\(id.forQuery)")
        }
        return record
    }

    private static func text(_ record: JSONValue) -> String {
        let members = record.object ?? [:]
        let detail = (members["detail"]?.object ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value.string ?? "")" }.joined(separator: ", ")
        let head = "\(members["kind"]?.string ?? "?"): \(members["outcome"]?.string ?? "?")"
        return detail.isEmpty ? head : "\(head) (\(detail))"
    }
}

/// Circuits by name.
struct CircuitNames: ParsableArguments {
    @Argument(help: "The circuits.") var circuits: [String]

    var json: JSONValue { .array(circuits.map(JSONValue.string)) }

    func validate() throws {
        if circuits.isEmpty { throw ValidationError("name at least one circuit, as 'meterkeep meters' shows it") }
    }
}

struct Mode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let the rules switch circuits, or force them on (guarantee) or off.")

    enum Word: String, ExpressibleByArgument, CaseIterable {
        case automatic, guarantee
        case forcedOff = "forced-off"
    }

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "automatic, guarantee or forced-off.") var mode: Word
    @OptionGroup var names: CircuitNames

    func run() async throws {
        let word = mode.rawValue.replacing("-", with: "_")
        try await daemon.execute("breaker_mode", ["mode": .string(word), "circuits": names.json])
    }
}

struct Release: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Release circuits from the lockout of an overload or a malignant load.")

    @OptionGroup var daemon: DaemonSocket
    @OptionGroup var names: CircuitNames

    func run() async throws { try await daemon.execute("release_lockout", ["circuits": names.json]) }
}

struct AllowClosing: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let circuits close that wait for their user, or that were opened by somebody else.")

    @OptionGroup var daemon: DaemonSocket
    @OptionGroup var names: CircuitNames

    func run() async throws { try await daemon.execute("allow_closing", ["circuits": names.json]) }
}

struct Learn: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Allow an appliance on a circuit that was taken for a forbidden one.",
        discussion: """
            Without --watts it is the one that was found last, as 'meterkeep circuit' shows it, with its power \
            factor. Its power may differ by 12 %. An appliance may be learned several times under one name.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The circuit.") var circuit: String
    @Argument(help: "What it is: 'rice cooker'.") var name: String
    @Option(help: "Its power, W.") var watts: Int64?

    func run() async throws {
        var content: [String: JSONValue] = ["circuits": .array([.string(circuit)]), "name": .string(name)]
        if let watts { content["power_mw"] = .integer(watts * 1000) }
        try await daemon.execute("learn_appliance", content)
    }

    func validate() throws {
        guard let watts else { return }
        guard (1...1_000_000).contains(watts) else { throw ValidationError("--watts must be 1 to 1000000") }
    }
}

struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Forbid an appliance again that 'meterkeep learn' allowed.")

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The circuit.") var circuit: String
    @Argument(help: "Its name, as 'meterkeep circuit' shows it.") var name: String

    func run() async throws {
        try await daemon.execute(
            "forget_appliance", ["circuits": .array([.string(circuit)]), "name": .string(name)])
    }
}

struct Lock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Open circuits for work on them; nothing closes them before 'meterkeep unlock'.")

    @OptionGroup var daemon: DaemonSocket
    @OptionGroup var names: CircuitNames

    func run() async throws {
        try await daemon.execute("maintenance_lock", ["locked": .boolean(true), "circuits": names.json])
    }
}

struct Unlock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End the work on circuits that 'meterkeep lock' opened.")

    @OptionGroup var daemon: DaemonSocket
    @OptionGroup var names: CircuitNames

    func run() async throws {
        try await daemon.execute("maintenance_lock", ["locked": .boolean(false), "circuits": names.json])
    }
}

struct Read: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Read meters now, out of their turn.")

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The meters.") var meters: [String]

    func run() async throws {
        try await daemon.execute("read_now", ["meters": .array(meters.map(JSONValue.string))])
    }
}

struct Execute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "execute",
        abstract: "Execute commands from a JSON file: tariffs, timers, calendars, settings, meters.",
        discussion: """
            The file holds one command or a list of them, in the form of docs/uplink.md, section 6, without position \
            and, if you like, without id. All are checked before the first is executed. What moves money is for the \
            platform only.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The file; - reads standard input.") var file: String

    func run() async throws {
        let data =
            file == "-" ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: file)
        guard let data else {
            complain("\(file) cannot be read; check its name and its rights")
            throw ExitCode(65)
        }
        do {
            try await daemon.execute(try StrictJSON.parse(Array(data)))
        } catch let problem as JSONProblem {
            complain("\(file) is no JSON: \(problem)")
            throw ExitCode(65)
        }
    }
}
