private import Metering
public import Prepaid

extension Posting {
    /// Money in micro-units, energy in Wh (volume in litres), prices in 1e-4 per kWh (or m³).
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "account": .string(account.rawValue), "cause": .string(cause.rawValue),
            "debit": .string(debit.description), "credit": .string(credit.description),
            "amount_microunits": .integer(amount.microunits),
            "balance_microunits": .integer(balanceAfter.microunits), "carry_tenths": .integer(carryTenthsAfter),
        ]
        if let span {
            members["span"] = span.json
        }
        if isEstimated { members["estimated"] = .boolean(true) }
        if let rechargeNumber { members["recharge_number"] = .integer(rechargeNumber) }
        if let command { members["command"] = .string(command) }
        if let concerns { members["concerns"] = .integer(concerns) }
        return .object(members)
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "posting")
        let account = try reader.identifier("account", CustomerAccount.self)
        let cause = try reader.word("cause", PostingCause.self)
        let debit = try reader.book("debit")
        let credit = try reader.book("credit")
        let amount = try reader.integer("amount_microunits")
        guard amount >= 0 else {
            throw FieldProblem(field: "posting.amount_microunits", reason: "must not be negative")
        }
        let span: CounterSpan? =
            if let value = reader.optional("span") { try CounterSpan(json: value) } else { nil }
        let isEstimated = reader.optional("estimated") == .boolean(true)
        self.init(
            account: account, cause: cause, debit: debit, credit: credit, amount: Money(microunits: amount),
            balanceAfter: Money(microunits: try reader.integer("balance_microunits")),
            carryTenthsAfter: try reader.integer("carry_tenths"), span: span, isEstimated: isEstimated,
            rechargeNumber: try reader.optionalInteger("recharge_number"),
            command: try reader.optionalText("command"), concerns: try reader.optionalInteger("concerns"))
        try reader.finish()
    }
}

extension CounterSpan {
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "circuit": .string(circuit.rawValue), "from": .integer(from), "to": .integer(to),
            "quantity": .integer(quantity), "price": .integer(price.tenThousandths),
        ]
        if let rate { members["rate"] = .string(rate.name) }
        if let step { members["step"] = .integer(Int64(step)) }
        return .object(members)
    }

    init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "span")
        guard let price = Price(tenThousandths: try reader.integer("price")) else {
            throw FieldProblem(field: "span.price", reason: "is out of range")
        }
        let rateName = try reader.optionalText("rate")
        let rate = rateName.flatMap(Rate.init(name:))
        guard (rate == nil) == (rateName == nil) else {
            throw FieldProblem(field: "span.rate", reason: "is unknown")
        }
        self.init(
            circuit: try reader.identifier("circuit", Circuit.self), from: try reader.integer("from"),
            to: try reader.integer("to"), quantity: try reader.integer("quantity"), price: price, rate: rate,
            step: try reader.optionalInteger("step").flatMap(Int.init(exactly:)))
        try reader.finish()
    }
}

extension ObjectReader {
    fileprivate mutating func book(_ field: String) throws(FieldProblem) -> Book {
        guard let book = Book(name: try text(field)) else {
            throw FieldProblem(field: "posting.\(field)", reason: "is no book")
        }
        return book
    }
}
