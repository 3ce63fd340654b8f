internal import Metering
public import Prepaid

/// What a platform asks for.
public struct Command: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        case recharge(Recharge)
        /// A kind this gateway does not know; refused under its id.
        case unsupported(kind: String)
        /// A known kind whose fields are wrong; refused under its id.
        case invalid(kind: String, problem: FieldProblem)
    }

    /// Unique for ever; a known id gets its first answer again.
    public let id: String
    /// The platform's own count of commands for this gateway, growing.
    public let position: Int64
    public let body: Body
    /// The command as it was received, canonical: what is kept.
    public let bytes: [UInt8]

    public var kind: String {
        switch body {
        case .recharge: "recharge"
        case .unsupported(let kind), .invalid(let kind, _): kind
        }
    }

    /// The longest id, in bytes.
    public static let longestID = 64

    /// Reads one command.
    /// - Throws: only where there is no id to answer under; all else becomes a command that is refused.
    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "command")
        id = try reader.text("id", longest: Self.longestID)
        guard !id.isEmpty else { throw FieldProblem(field: "command.id", reason: "is empty") }
        position = try reader.integer("position")
        let kind = try reader.text("kind", longest: 64)
        bytes = json.canonicalBytes()
        guard kind == "recharge" else {
            body = .unsupported(kind: kind)
            return
        }
        do {
            let recharge = try Recharge(json: try reader.value("recharge"))
            try reader.finish()
            body = .recharge(recharge)
        } catch {
            body = .invalid(kind: kind, problem: error)
        }
    }

    /// A recharge as a platform sends it.
    public static func rechargeJSON(id: String, position: Int64, recharge: Recharge) -> JSONValue {
        .object([
            "id": .string(id), "position": .integer(position), "kind": .string("recharge"), "recharge": recharge.json,
        ])
    }
}

extension Recharge {
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "account": .string(account.rawValue), "customer_number": .string(customerNumber),
            "issuer": .string(issuer), "number": .integer(number), "amount": .string(amount.description),
        ]
        if let expiresAt { members["expires_at_ms"] = .integer(expiresAt.millisecondsSince1970) }
        return .object(members)
    }

    /// The amount is decimal text with at most six digits after the point: `"12.50"`.
    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "recharge")
        let account = try reader.identifier("account", CustomerAccount.self)
        let customerNumber = try reader.text("customer_number", longest: 64)
        let issuer = try reader.text("issuer", longest: 64)
        let number = try reader.integer("number")
        guard let amount = Money(decimal: try reader.text("amount", longest: 32)) else {
            throw FieldProblem(field: "recharge.amount", reason: "is not decimal text like \"12.50\"")
        }
        let expiry = try reader.optionalInteger("expires_at_ms")
        try reader.finish()
        self.init(
            account: account, customerNumber: customerNumber, issuer: issuer, number: number, amount: amount,
            expiresAt: expiry.map { WallTime(millisecondsSince1970: $0) })
    }
}
