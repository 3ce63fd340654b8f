internal import GRDB
public import Metering
public import UplinkProtocol

/// Why a command was not queued.
public enum CommandProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The id was given to another command before.
    case idTaken(String)
    case unsupported(kind: String)
    case invalid(FieldProblem)

    public var description: String {
        switch self {
        case .idTaken(let id): "the id '\(id)' was given to another command; take a new one"
        case .unsupported(let kind):
            "the kind '\(kind)' is unknown; use one of \(Command.kinds.joined(separator: ", "))"
        case .invalid(let problem): problem.description
        }
    }
}

extension PlatformStore {
    /// Queues a command. The same id with the same content is the same command, queued once.
    /// - Parameter json: the command without its position. What a gateway would refuse for its form is
    ///   refused here.
    public func issue(_ json: JSONValue, gateway: GatewayID) throws {
        let command: Command
        do { command = try Command(json: json) } catch { throw CommandProblem.invalid(error) }
        switch command.body {
        case .unsupported: throw CommandProblem.unsupported(kind: command.kind)
        case .invalid(let problem): throw CommandProblem.invalid(problem)
        default: break
        }
        try write { database in
            let known = try Row.fetchOne(
                database, sql: "SELECT gateway, position, bytes FROM command WHERE id = ?", arguments: [command.id])
            let position: Int64 = try known.map { $0["position"] } ?? Self.nextPosition(gateway, in: database)
            var members = json.object ?? [:]
            members["position"] = .integer(position)
            let bytes = JSONValue.object(members).canonicalText
            if let known {
                guard known["gateway"] as String == gateway.rawValue, known["bytes"] as String == bytes else {
                    throw CommandProblem.idTaken(command.id)
                }
                return
            }
            try database.execute(
                sql: "INSERT INTO command VALUES (?, ?, ?, ?, ?, 'queued', '')",
                arguments: [gateway.rawValue, position, command.id, command.kind, bytes])
        }
    }

    /// What a gateway says of commands that it was given and cannot take now; they stay queued.
    /// - Parameter notNow: why; nil where it can take them.
    func note(notNow: String?, of gateway: GatewayID, after position: Int64) throws {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE command SET outcome = ?1
                    WHERE gateway = ?2 AND position > ?3 AND state = 'queued' AND outcome <> ?1
                    """, arguments: [notNow.map { "not now: \($0)" } ?? "", gateway.rawValue, position])
        }
    }

    /// A command as it goes down: what tells the time tells that of this moment.
    static func stamped(_ json: JSONValue, now: WallTime) -> JSONValue {
        guard var members = json.object, members["kind"] == .string("time") else { return json }
        members["time"] = .object(["wall_ms": .integer(now.millisecondsSince1970)])
        return .object(members)
    }
}
