internal import Concentrator
private import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import UplinkProtocol

extension LocalAPI {
    /// As many commands as a file may hold.
    private static let mostCommands = 1_000
    private static let largestCommands = 4 * 1024 * 1024

    /// Executes commands as the platform sends them, without `position`; without `id` each gets one of its own.
    /// All are read before the first is executed, so that a slip of the pen changes nothing.
    func execute(_ request: Request) async throws -> Response {
        let body = Array(try await request.body.collect(upTo: Self.largestCommands).readableBytesView)
        var commands: [Command] = []
        do {
            let json = try StrictJSON.parse(body)
            let entries = json.array ?? [json]
            guard entries.count <= Self.mostCommands else {
                return refuse("\(entries.count) commands are too many; send at most \(Self.mostCommands) at a time")
            }
            for (index, entry) in entries.enumerated() {
                guard var members = entry.object else { return refuse("command \(index + 1) is not an object") }
                if members["id"] == nil { members["id"] = .string("local-\(UUID().uuidString.lowercased())") }
                let command = try Command(json: .object(members))
                switch command.body {
                case .invalid(let problem): return refuse("command \(index + 1): \(problem)")
                case .unsupported:
                    return refuse(
                        "command \(index + 1): the kind '\(command.kind)' is unknown; use one of "
                            + Command.kinds.joined(separator: ", "))
                default: commands.append(command)
                }
            }
        } catch let problem as JSONProblem {
            return refuse("the commands are no JSON: \(problem)")
        } catch let problem as FieldProblem {
            return refuse("\(problem)")
        }
        var records: [JSONValue] = []
        for command in commands {
            guard let record = await gateway.site.execute(command, from: .onSite) else {
                let reason = await gateway.site.notNow ?? "ledger_unusable"
                return answer(
                    .serviceUnavailable,
                    .object(["error": .string("not now: the ledger cannot be written (\(reason)); try again later")]))
            }
            records.append(record.json)
        }
        return answer(.ok, .object(["commands": .array(records)]))
    }

    /// What became of a command.
    func command(_ id: String) async -> Response {
        do {
            guard let record = try await gateway.site.command(id) else {
                return answer(.notFound, .object(["error": .string("there is no command '\(id)'")]))
            }
            return answer(.ok, record.json)
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string("\(error)")]))
        }
    }

    private func refuse(_ text: String) -> Response {
        answer(.unprocessableContent, .object(["error": .string(text)]))
    }
}
