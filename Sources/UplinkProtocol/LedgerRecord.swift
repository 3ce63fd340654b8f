public import Metering
public import Prepaid

/// The life of a command. States only move forward; the last four are final.
public enum CommandState: String, Hashable, Sendable, CaseIterable {
    case received, accepted, executing
    case applied, rejected, expired, unknown

    public var isFinal: Bool {
        switch self {
        case .received, .accepted, .executing: false
        case .applied, .rejected, .expired, .unknown: true
        }
    }
}

/// What became of a command.
public struct CommandRecord: Hashable, Sendable {
    public let id: String
    public let kind: String
    public let state: CommandState
    /// A fixed code: `applied`, `gap`, `wrong_customer`, ...
    public let outcome: String
    /// Facts by name; integers as decimal text.
    public let detail: [String: String]

    public init(id: String, kind: String, state: CommandState, outcome: String, detail: [String: String] = [:]) {
        self.id = id
        self.kind = kind
        self.state = state
        self.outcome = outcome
        self.detail = detail
    }
}

/// One entry of the ledger log: a posting, an event, or what became of a command.
public struct LedgerRecord: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        case posting(Posting)
        case event(Event)
        case command(CommandRecord)
    }

    /// From 1, without gaps within an epoch.
    public let sequence: Int64
    public let at: Timestamp
    /// Who caused it: `gateway`, `platform`, `operator`.
    public let actor: String
    public let body: Body
    /// The hash of the record before.
    public let previous: ChainHash

    public init(sequence: Int64, at: Timestamp, actor: String, body: Body, previous: ChainHash) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.body = body
        self.previous = previous
    }

    /// SHA-256 of the canonical JSON, which holds the hash of the record before.
    public var hash: ChainHash { ChainHash.of(json.canonicalBytes()) }
}

extension Timestamp {
    /// `{"boot":..., "monotonic_ms":..., "wall_ms":..., "trust":...}`; finer than a millisecond is not kept.
    public var json: JSONValue {
        .object([
            "boot": .string(boot.rawValue), "monotonic_ms": .integer(monotonic.nanoseconds / 1_000_000),
            "wall_ms": .integer(wall.millisecondsSince1970), "trust": .string(trust.rawValue),
        ])
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "at")
        let boot = try reader.text("boot", longest: 64)
        let milliseconds = try reader.integer("monotonic_ms")
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { throw FieldProblem(field: "at.monotonic_ms", reason: "is out of range") }
        self.init(
            boot: BootID(rawValue: boot), monotonic: MonotonicTime(nanoseconds: nanoseconds),
            wall: WallTime(millisecondsSince1970: try reader.integer("wall_ms")),
            trust: try reader.word("trust", ClockTrust.self))
        try reader.finish()
    }

    /// As it is kept and sent: in whole milliseconds.
    public var inMilliseconds: Timestamp {
        Timestamp(
            boot: boot,
            monotonic: MonotonicTime(nanoseconds: monotonic.nanoseconds / 1_000_000 * 1_000_000), wall: wall,
            trust: trust)
    }
}

extension LedgerRecord {
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "seq": .integer(sequence), "at": at.json, "actor": .string(actor),
            "previous": .string(previous.description),
        ]
        switch body {
        case .posting(let posting): members["posting"] = posting.json
        case .event(let event): members["event"] = event.json
        case .command(let command): members["command"] = command.json
        }
        return .object(members)
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "record")
        sequence = try reader.integer("seq")
        at = try Timestamp(json: try reader.value("at"))
        actor = try reader.text("actor", longest: 64)
        guard let previous = ChainHash(hexadecimal: try reader.text("previous")) else {
            throw FieldProblem(field: "record.previous", reason: "must be 64 hexadecimal digits")
        }
        self.previous = previous
        if let posting = reader.optional("posting") {
            body = .posting(try Posting(json: posting))
        } else if let event = reader.optional("event") {
            body = .event(try Event(json: event))
        } else {
            body = .command(try CommandRecord(json: try reader.value("command")))
        }
        try reader.finish()
    }
}

extension Event {
    public var json: JSONValue {
        .object([
            "code": .string(code.rawValue), "subject": .string(subject.description),
            "detail": .object(detail.mapValues(JSONValue.string)),
        ])
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "event")
        let code = try reader.word("code", EventCode.self)
        guard let subject = EventSubject(name: try reader.text("subject")) else {
            throw FieldProblem(field: "event.subject", reason: "is unknown")
        }
        self.init(code, subject, try reader.texts("detail"))
        try reader.finish()
    }
}

extension CommandRecord {
    public var json: JSONValue {
        .object([
            "id": .string(id), "kind": .string(kind), "state": .string(state.rawValue), "outcome": .string(outcome),
            "detail": .object(detail.mapValues(JSONValue.string)),
        ])
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "command")
        id = try reader.text("id")
        kind = try reader.text("kind")
        state = try reader.word("state", CommandState.self)
        outcome = try reader.text("outcome")
        detail = try reader.texts("detail", most: Command.mostSubjects)
        try reader.finish()
    }
}
