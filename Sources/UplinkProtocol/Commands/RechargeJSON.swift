public import Metering
public import Prepaid

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
    /// - Parameter expiresAt: what holds where the sale itself names no expiry.
    public init(json: JSONValue, expiresAt: WallTime? = nil) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "recharge")
        let account = try reader.identifier("account", CustomerAccount.self)
        let customerNumber = try reader.text("customer_number", longest: Account.longestName)
        let issuer = try reader.text("issuer", longest: Account.longestName)
        let number = try reader.integer("number")
        let amount = try reader.money("amount")
        let expiry = try reader.optionalMoment("expires_at_ms")
        try reader.finish()
        self.init(
            account: account, customerNumber: customerNumber, issuer: issuer, number: number, amount: amount,
            expiresAt: expiry ?? expiresAt)
    }
}
