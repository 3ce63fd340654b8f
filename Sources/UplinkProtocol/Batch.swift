public import Metering

/// The two logs of a gateway. Each has its own sequence.
public enum Log: String, Hashable, Sendable, CaseIterable {
    /// Postings, events, command states: chained, never evicted.
    case ledger
    /// Readings: bounded, evictable.
    case telemetry
}

/// The last record of the ledger's chain, as it travels with every batch.
public struct ChainHead: Hashable, Sendable {
    /// 0 before the first record.
    public let sequence: Int64
    public let hash: ChainHash

    public init(sequence: Int64, hash: ChainHash) {
        self.sequence = sequence
        self.hash = hash
    }
}

/// The version of the protocol in `docs/uplink.md`.
public let uplinkProtocolVersion: Int64 = 1

/// A run of records of one log, frozen: sent again byte for byte, under the same key, until answered.
public struct Batch: Hashable, Sendable {
    public let gateway: GatewayID
    public let epoch: String
    public let log: Log
    public let first: Int64
    public let last: Int64
    public let chainHead: ChainHead
    /// Canonical JSON of each record, in order.
    public let records: [JSONValue]
    /// The request body.
    public let bytes: [UInt8]
    /// The same for the same records, whatever the process: what makes a repeat a repeat.
    public let idempotencyKey: String

    /// Nil without records.
    public init?(
        gateway: GatewayID, epoch: String, log: Log, chainHead: ChainHead,
        records: [(sequence: Int64, json: JSONValue)]
    ) {
        guard let first = records.first?.sequence, let last = records.last?.sequence else { return nil }
        self.gateway = gateway
        self.epoch = epoch
        self.log = log
        self.first = first
        self.last = last
        self.chainHead = chainHead
        self.records = records.map(\.json)
        bytes = JSONValue.object([
            "version": .integer(uplinkProtocolVersion), "gateway": .string(gateway.rawValue), "epoch": .string(epoch),
            "log": .string(log.rawValue), "first": .integer(first), "last": .integer(last),
            "chain_head": .object([
                "seq": .integer(chainHead.sequence), "hash": .string(chainHead.hash.description),
            ]),
            "records": .array(self.records),
        ]).canonicalBytes()
        let digest = ChainHash.of(bytes).description.prefix(16)
        idempotencyKey = "\(epoch)-\(log.rawValue)-\(first)-\(last)-\(digest)"
    }

    /// Reads a batch as a platform receives it; the records are read by their log's own reader.
    public init(bytes: [UInt8]) throws(FieldProblem) {
        let json: JSONValue
        do { json = try StrictJSON.parse(bytes) } catch {
            throw FieldProblem(field: "batch", reason: error.description)
        }
        var reader = try ObjectReader(json, name: "batch")
        guard try reader.integer("version") == uplinkProtocolVersion else {
            throw FieldProblem(field: "batch.version", reason: "must be \(uplinkProtocolVersion)")
        }
        let gateway = try reader.identifier("gateway", Gateway.self)
        let epoch = try reader.text("epoch", longest: 64)
        let log = try reader.word("log", Log.self)
        let first = try reader.integer("first")
        let last = try reader.integer("last")
        var head = try ObjectReader(try reader.value("chain_head"), name: "chain_head")
        let headSequence = try head.integer("seq")
        guard let hash = ChainHash(hexadecimal: try head.text("hash")) else {
            throw FieldProblem(field: "chain_head.hash", reason: "must be 64 hexadecimal digits")
        }
        try head.finish()
        guard let values = try reader.value("records").array, !values.isEmpty else {
            throw FieldProblem(field: "batch.records", reason: "is not a list with records")
        }
        try reader.finish()
        var records: [(sequence: Int64, json: JSONValue)] = []
        for value in values {
            guard let sequence = value.object?["seq"]?.integer, records.last.map({ $0.sequence < sequence }) ?? true
            else {
                throw FieldProblem(field: "batch.records", reason: "are not in the order of their seq")
            }
            records.append((sequence, value))
        }
        guard records.first?.sequence == first, records.last?.sequence == last,
            let batch = Batch(
                gateway: gateway, epoch: epoch, log: log, chainHead: ChainHead(sequence: headSequence, hash: hash),
                records: records)
        else { throw FieldProblem(field: "batch.first", reason: "does not match the records") }
        self = batch
    }
}

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
