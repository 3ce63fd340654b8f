/// What stands in a list of commands without an id to answer under.
public struct UnreadableCommand: Hashable, Sendable {
    /// Nil where that cannot be read either.
    public let position: Int64?
    public let problem: FieldProblem
}

/// The answer to the question for commands: `{"commands": […]}`.
public struct CommandList: Hashable, Sendable {
    /// In the order of their positions.
    public let commands: [Command]
    /// What is passed over, so that one bad entry does not keep the others away.
    public let unreadable: [UnreadableCommand]

    /// - Throws: where it is no such list.
    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "commands")
        guard let entries = try reader.value("commands").array else {
            throw FieldProblem(field: "commands", reason: "is no list")
        }
        var commands: [Command] = []
        var unreadable: [UnreadableCommand] = []
        for entry in entries {
            do { commands.append(try Command(json: entry)) } catch {
                unreadable.append(
                    UnreadableCommand(position: entry.object?["position"]?.integer, problem: error))
            }
        }
        self.commands = commands.sorted { $0.position < $1.position }
        self.unreadable = unreadable
    }

    /// The highest position of all; nil where there is none.
    public var lastPosition: Int64? {
        (commands.map(\.position) + unreadable.compactMap(\.position)).max()
    }
}
