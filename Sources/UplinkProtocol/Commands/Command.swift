public import Metering
public import Prepaid

/// What a platform, or a person on the site, asks for.
public struct Command: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        case recharge(Recharge)
        /// Refund, reversal, clear, preset, close.
        case order(AccountOrder)
        case transfer(AccountTransfer)
        /// Over circuits that no open account has; over those of the closed account where none is named.
        case openAccount(AccountOpening, circuits: [CircuitID])
        case decideDispute(record: Int64, DisputeDecision)
        case accounts([AccountID], AccountsChange)
        case circuits([CircuitID], CircuitsChange)
        case site(SiteChange)
        case meter(MeterChange)
        case readNow([MeterID])
        /// What the platform's clock says as the command is sent.
        case time(WallTime)
        /// A kind this gateway does not know; refused under its id.
        case unsupported
        /// A known kind whose fields are wrong; refused under its id.
        case invalid(FieldProblem)
    }

    /// Unique for ever; a known id gets its first answer again.
    public let id: String
    /// The platform's own count of commands for this gateway, growing; 0 where the way has none.
    public let position: Int64
    public let kind: String
    public let body: Body
    /// Only on a clock that can be believed.
    public let expiresAt: WallTime?
    public let signature: String?
    /// The command as it was received, canonical: what is kept.
    public let bytes: [UInt8]
    /// What is signed, but for the gateway's name: see `CommandKey`.
    let signedJSON: [UInt8]

    /// The longest id, in bytes.
    public static let longestID = 64
    /// The most accounts, circuits or meters that one command may name.
    public static let mostSubjects = 250

    /// Reads one command.
    /// - Throws: only where there is no id to answer under; all else becomes a command that is refused.
    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "command")
        id = try reader.text("id", longest: Self.longestID)
        guard !id.isEmpty else { throw FieldProblem(field: "command.id", reason: "is empty") }
        bytes = json.canonicalBytes()
        var signed = json.object ?? [:]
        signed["signature"] = nil
        signed["position"] = nil
        signedJSON = JSONValue.object(signed).canonicalBytes()
        position = max(0, reader.optional("position")?.integer ?? 0)
        var content = Content()
        do { try content.read(&reader) } catch { content.body = .invalid(error) }
        (kind, body, expiresAt, signature) = (content.kind, content.body, content.expiresAt, content.signature)
    }

    /// What can be read of a command that has an id.
    private struct Content {
        var kind = ""
        var body = Body.unsupported
        var expiresAt: WallTime?
        var signature: String?

        mutating func read(_ reader: inout ObjectReader) throws(FieldProblem) {
            kind = try reader.text("kind", longest: 64)
            signature = try reader.optionalText("signature", longest: 128)
            expiresAt = try reader.optionalMoment("expires_at_ms")
            guard Command.kinds.contains(kind) else { return }
            let fields = reader.optional(kind) ?? .object([:])
            _ = try reader.optionalInteger("position")
            try reader.finish()
            body = try Body(kind: kind, json: fields, expiresAt: expiresAt)
        }
    }

    /// Every kind that is understood, in the order of the documentation.
    public static let kinds = [
        "recharge", "refund", "reversal", "clear", "preset", "transfer", "open_account", "close_account",
        "decide_dispute", "price", "tariff", "account_settings", "account_rules", "account_defaults", "calendar",
        "timer", "switching", "overload", "malignant_load", "learn_appliance", "forget_appliance",
        "breaker_mode", "release_lockout", "allow_closing", "maintenance_lock", "confirm_cuts",
        "add_meter", "replace_meter", "remove_meter", "expected_settings", "read_now", "time", "reload",
    ]

    /// A command as it is sent.
    public static func json(
        id: String, position: Int64?, kind: String, content: JSONValue?, expiresAt: WallTime? = nil
    ) -> JSONValue {
        var members: [String: JSONValue] = ["id": .string(id), "kind": .string(kind)]
        if let position { members["position"] = .integer(position) }
        if let content { members[kind] = content }
        if let expiresAt { members["expires_at_ms"] = .integer(expiresAt.millisecondsSince1970) }
        return .object(members)
    }

    /// A recharge as a platform sends it.
    public static func rechargeJSON(id: String, position: Int64, recharge: Recharge) -> JSONValue {
        json(id: id, position: position, kind: "recharge", content: recharge.json)
    }
}

extension Command {
    /// Whether it moves money: what is sold, given back or corrected.
    public var movesMoney: Bool {
        switch body {
        case .recharge, .order, .transfer, .openAccount, .decideDispute: true
        case .accounts, .circuits, .site, .meter, .readNow, .time, .unsupported, .invalid: false
        }
    }

}
