import ArgumentParser
import Console
import Foundation
import Prepaid
import UplinkProtocol

struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Show what meters keep for themselves, beside what they should hold; set what differs.",
        subcommands: [Show.self, Apply.self, Expect.self], defaultSubcommand: Show.self)

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read the settings of meters and compare them.")

        @OptionGroup var daemon: DaemonSocket
        @Option(help: "Only this meter.") var meter: String?

        func run() async throws {
            let answer = try await daemon.ask(
                "/v1/settings" + (meter.map { "?meter=\($0.forQuery)" } ?? ""), within: LocalClient.longTime)
            if daemon.json {
                show(answer.canonicalText)
                return
            }
            let rows = (answer.array ?? []).compactMap(\.object)
            show(rows.isEmpty ? "no meter keeps settings that its profile knows" : SettingsTable(rows).text)
        }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set what differs in one meter.",
            discussion: """
                Shows first what is to be written, and asks; --yes answers. Each setting is read back, and what was \
                done is kept in the ledger. Clocks are not touched near midnight or a full hour.
                """)

        @OptionGroup var daemon: DaemonSocket
        @Option(help: "The meter.") var meter: String
        @Option(help: "Only these settings: clock,ct_ratio.") var settings: String?
        @Flag(help: "Do not ask.") var yes = false

        func run() async throws {
            let found = try await daemon.ask("/v1/settings?meter=\(meter.forQuery)")
            let chosen = settings.map { Set($0.split(separator: ",").map(String.init)) }
            let rows = (found.array ?? []).compactMap(\.object).filter { row in
                chosen?.contains(row["setting"]?.string ?? "") ?? (row["verdict"]?.string == "differs")
            }
            if rows.isEmpty {
                show("nothing differs")
                return
            }
            if !daemon.json { show(SettingsTable(rows).text) }
            if !yes { try confirm("write these to \(meter)?") }
            let query = "meter=\(meter.forQuery)" + (settings.map { "&settings=\($0.forQuery)" } ?? "")
            let answer = try await daemon.ask("/v1/settings/apply?\(query)", body: "")
            let outcomes = (answer.array ?? []).compactMap(\.object)
            if daemon.json {
                show(answer.canonicalText)
            } else {
                for row in outcomes { show("\(row["setting"]?.string ?? "?"): \(row["outcome"]?.string ?? "?")") }
            }
            if outcomes.contains(where: { $0["agrees"]?.boolean != true }) { throw ExitCode(65) }
        }
    }
}

extension SettingsCommand {
    struct Expect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what meters should hold, from now on; nothing is written to them.",
            discussion: """
                For example: meterkeep settings expect --meter M-101 ct_ratio=40 overload_limit=8.8. What is said of a \
                meter goes before what is said of its model, and that before gateway.yaml. What was said before is \
                forgotten; without any setting nothing is expected any more.
                """)

        @OptionGroup var daemon: DaemonSocket
        @Option(help: "A meter; may be given several times.") var meter: [String] = []
        @Option(help: "All meters of this profile instead.") var profile: String?
        @Argument(help: "NAME=VALUE, with the value as the model's manual prints it.") var settings: [String] = []

        func validate() throws {
            guard meter.isEmpty != (profile == nil) else { throw ValidationError("give --meter or --profile") }
        }

        func run() async throws {
            var values: [String: JSONValue] = [:]
            for setting in settings {
                let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, values.updateValue(.string(parts[1]), forKey: parts[0]) == nil else {
                    complain("'\(setting)' is no setting with its value, or is there twice; write it like ct_ratio=40")
                    throw ExitCode(64)
                }
            }
            var content: [String: JSONValue] = ["settings": .object(values)]
            if let profile {
                content["profile"] = .string(profile)
            } else {
                content["meters"] = .array(meter.map(JSONValue.string))
            }
            try await daemon.execute("expected_settings", content)
        }
    }
}

struct AddressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "address",
        abstract: "Give new meters their addresses, one after the other; or an installed one another address.",
        discussion: """
            An installed meter: meterkeep address --meter M-101 --to 17. It is moved in the meter and in the site at \
            once; where that was interrupted, give the same command again.

            New ones: --bus and --profile. Meters leave the factory with the same address. Connect exactly one of them, let it have its address, \
            then connect the next: the command leads through it. An address that is taken, or of an installed meter, \
            is refused, and each change is read back.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "An installed meter.") var meter: String?
    @Option(help: "The bus of new meters.") var bus: String?
    @Option(help: "The profile of the new meters.") var profile: String?
    @Option(help: "The address they have now.") var from: UInt8 = 1
    @Option(help: "The addresses to give, in order: 17 or 17,18,19.") var to: String
    @Flag(help: "Do not ask before each meter.") var yes = false

    func run() async throws {
        let units = to.split(separator: ",").compactMap { UInt8($0) }
        guard !units.isEmpty, units.count == to.split(separator: ",").count else {
            complain("'\(to)' are no addresses; write them like 17,18,19")
            throw ExitCode(64)
        }
        if let meter {
            try await move(meter, to: units)
            return
        }
        guard let bus, let profile else { return }
        for unit in units {
            if !yes { try confirm("connect the one meter that becomes unit \(unit), and no other new one; ready?") }
            let query = "from=\(from)&to=\(unit)&profile=\(profile.forQuery)"
            _ = try await daemon.ask("/v1/buses/\(bus.forQuery)/address?\(query)", body: "")
            show("unit \(unit): set, and it answers there")
        }
    }

    func validate() throws {
        let isNew = bus != nil && profile != nil
        guard isNew != (meter != nil), meter == nil || (bus == nil && profile == nil) else {
            throw ValidationError("give --meter for an installed meter, or --bus and --profile for new ones")
        }
    }

    private func move(_ meter: String, to units: [UInt8]) async throws {
        guard let unit = units.first, units.count == 1 else {
            complain("an installed meter gets one address, not several")
            throw ExitCode(64)
        }
        if !yes { try confirm("give \(meter) the address \(unit)? It is not read for a moment") }
        let answer = try await daemon.ask("/v1/meters/\(meter.forQuery)/address?to=\(unit)", body: "")
        show(daemon.json ? answer.canonicalText : "\(meter), unit \(unit): \(answer.object?["outcome"]?.string ?? "?")")
    }
}

/// Asks a question that only `y` answers with yes.
func confirm(_ question: String) throws {
    FileHandle.standardOutput.write(Data("\(question) [y/N] ".utf8))
    guard let line = readLine(), ["y", "yes"].contains(line.lowercased()) else {
        complain("nothing was done")
        throw ExitCode(65)
    }
}

/// What `meterkeep settings` prints. A dash is "not known".
struct SettingsTable {
    let text: String

    init(_ rows: [[String: JSONValue]]) {
        let lines = [["METER", "SETTING", "HELD", "EXPECTED", "BY", "SINCE", ""]] + rows.map(Self.row)
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        text = lines.map { line in
            line.indices.map { line[$0] + String(repeating: " ", count: widths[$0] - line[$0].count) }
                .joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// `2026-11-21 05:31`, UTC
    private static func day(_ milliseconds: Int64) -> String {
        let date = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
        return String(date.formatted(.iso8601.dateTimeSeparator(.space)).prefix(16))
    }

    private static func row(_ row: [String: JSONValue]) -> [String] {
        let unit = row["unit"]?.string ?? ""
        func value(_ key: String) -> String {
            row[key]?.string.map { unit.isEmpty ? $0 : "\($0) \(unit)" } ?? "-"
        }
        let verdict = row["verdict"]?.string ?? ""
        return [
            row["meter"]?.string ?? "?", row["setting"]?.string ?? "?", value("found"), value("expected"),
            row["by"]?.string ?? "-", row["since_ms"]?.integer.map(Self.day) ?? "-",
            verdict == "free" ? "" : verdict,
        ]
    }
}
