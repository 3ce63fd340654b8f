import ArgumentParser
import Foundation
import Metering
import ReferencePlatform
import UplinkProtocol

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Send a command to a gateway; prints its id.",
        discussion: """
            KIND is one of \(Command.kinds.joined(separator: ", ")). FIELDS is the JSON object that docs/uplink.md, \
            section 6, has for it, or @FILE. For example:
              send DEMO-1 breaker_mode '{"circuits":["M-101"],"mode":"forced_off"}' --wait 5
            """)

    @OptionGroup var platform: OperatorSocket
    @Argument var gateway: String
    @Argument var kind: String
    @Argument(help: "JSON, or @FILE.") var fields: String = "{}"
    @Option(help: "The command's id: given again after a failure, it is not executed twice.") var id: String?
    @Option(help: "Seconds after which the gateway must not execute it any more.") var expiresIn: Int64?
    @Option(help: "Sign it with this Ed25519 key, a PEM file.") var sign: String?
    @Option(help: "Seconds to wait for the gateway's answer; it is printed, and a refusal is exit code 1.")
    var wait: Int64?

    func run() async throws {
        guard let name = GatewayID(rawValue: gateway) else {
            throw ValidationError("'\(gateway)' is no gateway's name")
        }
        let id = id ?? "c-\(UUID().uuidString.lowercased())"
        let expiry = expiresIn.map { seconds in
            WallTime(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000)) + .seconds(seconds)
        }
        var command = Command.json(id: id, position: nil, kind: kind, content: try content(), expiresAt: expiry)
        if let sign {
            guard let pem = try? String(contentsOfFile: sign, encoding: .utf8), let signer = CommandSigner(pem: pem)
            else {
                throw ValidationError("\(sign) is no Ed25519 key; make one with 'openssl genpkey -algorithm ed25519'")
            }
            command = try signer.signed(command, for: name)
        }
        let body = JSONValue.object(["gateway": .string(gateway), "command": command])
        let sent = try await platform.ask("/commands", body: body.canonicalText)
        guard let wait else {
            print(sent)
            return
        }
        try await platform.printAnswer(to: id, of: gateway, within: wait)
    }

    private func content() throws -> JSONValue {
        var bytes = Array(fields.utf8)
        if fields.hasPrefix("@") {
            guard let data = FileManager.default.contents(atPath: String(fields.dropFirst())) else {
                throw ValidationError("\(fields.dropFirst()) cannot be read")
            }
            bytes = Array(data)
        }
        do { return try StrictJSON.parse(bytes) } catch {
            throw ValidationError("the fields are no JSON: \(error)")
        }
    }
}

extension OperatorSocket {
    /// Asks until the gateway has answered a command, and prints the answer.
    /// - Throws: exit code 1 where it was refused.
    func printAnswer(to id: String, of gateway: String, within seconds: Int64) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let commands = try StrictJSON.parse(try await ask("/commands")).array ?? []
            let command = commands.first { $0.object?["id"] == .string(id) }?.object
            if let command, let state = command["state"]?.string.flatMap(CommandState.init), state.isFinal {
                print(JSONValue.object(command).canonicalText)
                guard state == .applied else { throw ExitCode.failure }
                return
            }
            guard ContinuousClock.now < end else {
                throw ValidationError(
                    "no answer of \(gateway) in \(seconds) s; \(id) stays queued: see 'meterkeep-platform commands'")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
