public import Metering

/// What a platform says of one record it did not take.
public struct Refusal: Hashable, Sendable {
    public let sequence: Int64
    public let reason: String

    public init(sequence: Int64, reason: String) {
        self.sequence = sequence
        self.reason = reason
    }
}

/// A platform's answer to a batch: everything up to `through` is safe with it, except what it refused
/// for good.
public struct Acknowledgement: Hashable, Sendable {
    public let gateway: GatewayID
    public let epoch: String
    public let log: Log
    public let through: Int64
    public let refused: [Refusal]

    public init(gateway: GatewayID, epoch: String, log: Log, through: Int64, refused: [Refusal] = []) {
        self.gateway = gateway
        self.epoch = epoch
        self.log = log
        self.through = through
        self.refused = refused
    }

    public var json: JSONValue {
        .object([
            "gateway": .string(gateway.rawValue), "epoch": .string(epoch), "log": .string(log.rawValue),
            "through": .integer(through),
            "refused": .array(
                refused.map { .object(["seq": .integer($0.sequence), "reason": .string($0.reason)]) }),
        ])
    }

    /// Reads an answer and holds it against the batch it must answer. Anything that does not fit is no
    /// acknowledgement: a captive portal's page, an answer meant for another batch, a number never sent.
    public init(bytes: [UInt8], answering batch: Batch) throws(FieldProblem) {
        let json: JSONValue
        do { json = try StrictJSON.parse(bytes, limit: 1024 * 1024) } catch {
            throw FieldProblem(field: "acknowledgement", reason: error.description)
        }
        var reader = try ObjectReader(json, name: "acknowledgement")
        gateway = try reader.identifier("gateway", Gateway.self)
        epoch = try reader.text("epoch", longest: 64)
        log = try reader.word("log", Log.self)
        through = try reader.integer("through")
        var refused: [Refusal] = []
        guard let values = try reader.value("refused").array else {
            throw FieldProblem(field: "acknowledgement.refused", reason: "is not a list")
        }
        for value in values {
            var entry = try ObjectReader(value, name: "refused")
            refused.append(Refusal(sequence: try entry.integer("seq"), reason: try entry.text("reason")))
            try entry.finish()
        }
        self.refused = refused
        try reader.finish()
        guard gateway == batch.gateway, epoch == batch.epoch, log == batch.log else {
            throw FieldProblem(field: "acknowledgement", reason: "answers another gateway, epoch or log")
        }
        guard through == batch.last else {
            throw FieldProblem(field: "acknowledgement.through", reason: "is not the last record of the batch")
        }
        guard refused.allSatisfy({ (batch.first...batch.last).contains($0.sequence) }) else {
            throw FieldProblem(field: "acknowledgement.refused", reason: "names a record that is not in the batch")
        }
    }
}
