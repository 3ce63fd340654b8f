import ArgumentParser
import Console
import Foundation
import Prepaid
import UplinkProtocol

struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Show what meters keep for themselves, beside what they should hold; set what differs.",
        subcommands: [Show.self, Apply.self], defaultSubcommand: Show.self)

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read the settings of meters and compare them.")

        @OptionGroup var daemon: DaemonSocket
        @Option(help: "Only this meter.") var meter: String?

        func run() async throws {
            let answer = try await daemon.ask("/v1/settings" + (meter.map { "?meter=\($0.forQuery)" } ?? ""))
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

struct AddressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "address",
        abstract: "Give new meters their addresses, one after the other.",
        discussion: """
            Meters leave the factory with the same address. Connect exactly one of them, let it have its address, \
            then connect the next: the command leads through it. An address that is taken, or of an installed meter, \
            is refused, and each change is read back.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "The bus.") var bus: String
    @Option(help: "The profile of the new meters.") var profile: String
    @Option(help: "The address they have now.") var from: UInt8 = 1
    @Option(help: "The addresses to give, in order: 17 or 17,18,19.") var to: String
    @Flag(help: "Do not ask before each meter.") var yes = false

    func run() async throws {
        let units = to.split(separator: ",").compactMap { UInt8($0) }
        guard !units.isEmpty, units.count == to.split(separator: ",").count else {
            complain("'\(to)' are no addresses; write them like 17,18,19")
            throw ExitCode(64)
        }
        for unit in units {
            if !yes { try confirm("connect the one meter that becomes unit \(unit), and no other new one; ready?") }
            let query = "from=\(from)&to=\(unit)&profile=\(profile.forQuery)"
            _ = try await daemon.ask("/v1/buses/\(bus.forQuery)/address?\(query)", body: "")
            show("unit \(unit): set, and it answers there")
        }
    }
}

struct ReplaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace",
        abstract: "Say that a meter was replaced: bill the old one to its end, start the new one at its reading.",
        discussion: """
            The new meter has the address and the name of the old one. Readings are in kWh or m3, as the displays \
            show them. Without --old-last the last accepted reading counts; without --new-first the new meter is read.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "The circuit.") var circuit: String
    @Option(help: "What the old meter showed at last.") var oldLast: String?
    @Option(help: "What the new meter shows.") var newFirst: String?
    @Option(help: "The new meter's profile, where it is another model.") var profile: String?
    @Option(help: "The number printed on the new meter.") var serial: String?
    @Flag(help: "Do not ask.") var yes = false

    func run() async throws {
        var query = "circuit=\(circuit.forQuery)"
        if let oldLast { query += "&old_last=\(try Self.thousandths(oldLast))" }
        if let newFirst { query += "&new_first=\(try Self.thousandths(newFirst))" }
        if let profile { query += "&profile=\(profile.forQuery)" }
        if let serial { query += "&serial=\(serial.forQuery)" }
        let planned = try await daemon.ask("/v1/replace?\(query)", body: "").object ?? [:]
        func value(_ key: String, of answer: [String: JSONValue]) -> String {
            answer[key]?.integer.map { FixedPoint.text($0, fractionDigits: 3) } ?? "?"
        }
        if !daemon.json {
            show("circuit \(circuit), meter \(planned["meter"]?.string ?? "?")")
            show("old meter ends at    \(value("old_last", of: planned))")
            show("still to be billed   \(value("billed", of: planned))")
            show("new meter starts at  \(value("new_first", of: planned))")
        }
        if !yes { try confirm("replace the meter so?") }
        // What was shown is what is done, though the new meter counts on meanwhile.
        if newFirst == nil, let first = planned["new_first"]?.integer { query += "&new_first=\(first)" }
        let done = try await daemon.ask("/v1/replace?\(query)&confirm=1", body: "")
        show(daemon.json ? done.canonicalText : "done; \(value("billed", of: done.object ?? [:])) billed")
    }

    /// Reads `1234.5` as 1234500.
    private static func thousandths(_ text: String) throws -> Int64 {
        guard let value = FixedPoint.parse(text, fractionDigits: 3), value >= 0 else {
            complain("'\(text)' is no meter reading; write it like 1234.5")
            throw ExitCode(64)
        }
        return value
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
        let lines = [["METER", "SETTING", "FOUND", "EXPECTED", ""]] + rows.map(Self.row)
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        text = lines.map { line in
            line.indices.map { line[$0] + String(repeating: " ", count: widths[$0] - line[$0].count) }
                .joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static func row(_ row: [String: JSONValue]) -> [String] {
        let unit = row["unit"]?.string ?? ""
        func value(_ key: String) -> String {
            row[key]?.string.map { unit.isEmpty ? $0 : "\($0) \(unit)" } ?? "-"
        }
        let verdict = row["verdict"]?.string ?? ""
        return [
            row["meter"]?.string ?? "?", row["setting"]?.string ?? "?", value("found"), value("expected"),
            verdict == "free" ? "" : verdict,
        ]
    }
}
