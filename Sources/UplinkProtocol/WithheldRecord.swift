/// What goes up in place of a ledger record whose content the platform refuses: enough to continue the chain
/// behind it. The record itself stays in the gateway's ledger.
public struct WithheldRecord: Hashable, Sendable {
    public let sequence: Int64
    public let previous: ChainHash
    /// The hash of the record that is withheld.
    public let hash: ChainHash
    public let reason: String

    /// - Parameter json: the refused record, as it was sent. Nil where it is none of the ledger.
    public init?(of json: JSONValue, reason: String) {
        guard let record = json.object, let sequence = record["seq"]?.integer,
            let previous = record["previous"]?.string.flatMap(ChainHash.init(hexadecimal:))
        else { return nil }
        self.sequence = sequence
        self.previous = previous
        hash = ChainHash.of(json.canonicalBytes())
        self.reason = reason
    }

    public var json: JSONValue {
        .object([
            "seq": .integer(sequence), "previous": .string(previous.description), "hash": .string(hash.description),
            "withheld": .string(reason),
        ])
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "record")
        sequence = try reader.integer("seq")
        guard let previous = ChainHash(hexadecimal: try reader.text("previous")),
            let hash = ChainHash(hexadecimal: try reader.text("hash"))
        else { throw FieldProblem(field: "record.previous", reason: "must be 64 hexadecimal digits, and so must hash") }
        self.previous = previous
        self.hash = hash
        reason = try reader.text("withheld", longest: 256)
        try reader.finish()
    }
}

extension JSONValue {
    /// Whether this is a `WithheldRecord`.
    public var isWithheldRecord: Bool { object?["withheld"] != nil }
}

extension Batch {
    /// The batch of one ledger record, with a `WithheldRecord` in its place. Nil for any other batch.
    public func withholding(reason: String) -> Batch? {
        guard log == .ledger, count == 1, !isWithheld,
            let withheld = records.first.flatMap({ WithheldRecord(of: $0, reason: reason) })
        else { return nil }
        return Batch(
            gateway: gateway, epoch: epoch, log: log, chainHead: chainHead,
            records: [(withheld.sequence, withheld.json)])
    }

    /// Whether it holds a `WithheldRecord` and nothing else.
    public var isWithheld: Bool { withheldReason != nil }

    /// Why the one record that it is about is withheld; nil where none is.
    public var withheldReason: String? {
        log == .ledger && count == 1 ? records.first?.object?["withheld"]?.string : nil
    }
}
