import ArgumentParser
import Console
import Foundation
import Prepaid
import UplinkProtocol

struct ReplaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace",
        abstract: "Lead through a meter swap: bill the old one to its end, start the new one at its reading.",
        discussion: """
            The new meter has the address and the name of the old one. Readings are in kWh or m3, as the displays show \
            them. Without --circuit everything is asked, step by step. Without --old-last the last accepted reading \
            counts; without --new-first the new meter is read. Nothing is done before all was shown and confirmed.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Option(help: "The circuit; left out, it is asked.") var circuit: String?
    @Option(help: "What the old meter showed at last.") var oldLast: String?
    @Option(help: "What the new meter shows.") var newFirst: String?
    @Option(help: "The new meter's profile, where it is another model.") var profile: String?
    @Option(help: "The number printed on the new meter.") var serial: String?
    @Flag(help: "Do not ask.") var yes = false

    /// What is known of the swap.
    private struct Swap {
        var circuit: String
        var oldLast: String?
        var newFirst: String?
        var profile: String?
        var serial: String?

        func query() throws -> String {
            var query = "circuit=\(circuit.forQuery)"
            if let oldLast { query += "&old_last=\(try ReplaceCommand.thousandths(oldLast))" }
            if let newFirst { query += "&new_first=\(try ReplaceCommand.thousandths(newFirst))" }
            if let profile { query += "&profile=\(profile.forQuery)" }
            if let serial { query += "&serial=\(serial.forQuery)" }
            return query
        }
    }

    func run() async throws {
        var swap: Swap
        if let circuit {
            swap = Swap(circuit: circuit, oldLast: oldLast, newFirst: newFirst, profile: profile, serial: serial)
        } else {
            swap = try await askedFor()
        }
        let planned = try await plan(&swap)
        if !daemon.json {
            show("circuit \(swap.circuit), meter \(planned["meter"]?.string ?? "?")")
            show("old meter ends at    \(Self.value("old_last", of: planned))")
            show("still to be billed   \(Self.value("billed", of: planned))")
            show("new meter starts at  \(Self.value("new_first", of: planned))")
        }
        if !yes { try confirm("replace the meter so?") }
        var query = try swap.query()
        // What was shown is what is done, though the new meter counts on meanwhile.
        if swap.newFirst == nil, let first = planned["new_first"]?.integer { query += "&new_first=\(first)" }
        let done = try await daemon.ask("/v1/replace?\(query)&confirm=1", body: "")
        show(daemon.json ? done.canonicalText : "done; \(Self.value("billed", of: done.object ?? [:])) billed")
    }

    /// What would be done. Guided, a refusal is shown and the readings are asked for again.
    private func plan(_ swap: inout Swap) async throws -> [String: JSONValue] {
        if circuit != nil { return try await daemon.ask("/v1/replace?\(try swap.query())", body: "").object ?? [:] }
        while true {
            do {
                let answer = try await LocalClient(socketPath: daemon.socket).post(
                    "/v1/replace?\(try swap.query())", body: "")
                return answer.object ?? [:]
            } catch LocalClientError.refused(let words) {
                show("! \(words)")
                swap.oldLast = try Self.ask("What the old meter showed at last", usual: swap.oldLast)
                swap.newFirst = try Self.ask("What the new meter shows (Enter: it is read)", usual: nil)
            }
        }
    }

    // MARK: - Guided

    private func askedFor() async throws -> Swap {
        show("Step 1 of 4: which circuit's meter was or will be exchanged?")
        var found: [String: JSONValue]?
        while found == nil {
            guard let name = try Self.ask("Circuit", usual: nil) else { continue }
            let circuits = try await daemon.ask("/v1/meters").object?["circuits"]?.array ?? []
            found = circuits.compactMap(\.object).first { $0["circuit"]?.string == name }
            if found == nil { show("! there is no circuit \(name); meterkeep meters shows their names") }
        }
        let name = found?["circuit"]?.string ?? ""
        let address = found?["address"]?.string ?? "?"
        let values = found?["values"]?.object
        let counter = (values?["energy_import"] ?? values?["volume"])?.integer
        show("Meter \(found?["meter"]?.string ?? "?") at \(address).")
        show("Step 2 of 4: note what the old meter shows, before it loses its supply.")
        var swap = Swap(circuit: name)
        swap.oldLast = try Self.ask(
            "Its last reading", usual: oldLast ?? counter.map { FixedPoint.text($0, fractionDigits: 3) })
        show("Step 3 of 4: switch off, take it out, put the new one in. Set its address to that of")
        show("the old one (\(address)), and its rate and format.")
        swap.profile = try Self.ask("Its model, where it is another (a profile's name)", usual: profile)
        swap.serial = try Self.ask("The number printed on it (Enter: leave out)", usual: serial)
        _ = try Self.ask("Enter when it has power", usual: nil)
        show("Step 4 of 4: look at both readings.")
        swap.newFirst = newFirst
        return swap
    }

    /// - Returns: nil for an empty answer without a usual one.
    private static func ask(_ prompt: String, usual: String?) throws -> String? {
        FileHandle.standardOutput.write(Data((usual.map { "\(prompt) [\($0)]: " } ?? "\(prompt): ").utf8))
        guard let line = readLine() else {
            complain("the input ended; nothing was done")
            throw ExitCode(65)
        }
        let answer = line.trimmingCharacters(in: .whitespaces)
        return answer.isEmpty ? usual : answer
    }

    private static func value(_ key: String, of answer: [String: JSONValue]) -> String {
        answer[key]?.integer.map { FixedPoint.text($0, fractionDigits: 3) } ?? "?"
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
