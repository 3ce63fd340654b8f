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

/// How a batch holds its records.
public enum BatchForm: Hashable, Sendable, CaseIterable {
    /// Version 1: each record as an object, in the very bytes that are hashed. For both logs.
    case records
    /// Version 2: readings as columns of differences, a fifth of the bytes. For the telemetry log.
    case columns

    /// The version of the protocol in `docs/uplink.md`.
    var version: Int64 { self == .records ? 1 : 2 }

    public var contentType: String {
        switch self {
        case .records: "application/json"
        case .columns: "application/vnd.meterkeep.columns+json"
        }
    }
}

/// A run of records of one log, frozen: sent again byte for byte, under the same key, until answered.
public struct Batch: Hashable, Sendable {
    public let gateway: GatewayID
    public let epoch: String
    public let log: Log
    public let first: Int64
    public let last: Int64
    public let chainHead: ChainHead
    /// The request body.
    public let bytes: [UInt8]
    /// The same for the same records in the same form, whatever the process: what makes a repeat a repeat.
    public let idempotencyKey: String
    private let content: Content

    private enum Content: Hashable, Sendable {
        case records([JSONValue])
        case entries([TelemetryEntry])
    }

    public var form: BatchForm { if case .records = content { .records } else { .columns } }

    /// How many records.
    public var count: Int {
        switch content {
        case .records(let records): records.count
        case .entries(let entries): entries.count
        }
    }

    /// Each record as canonical JSON, in order. Of columns they are made anew.
    public var records: [JSONValue] {
        switch content {
        case .records(let records): records
        case .entries(let entries): entries.map(\.record.json)
        }
    }

    /// The entries of a batch of the telemetry log; nil for one of the ledger log.
    public func entries() throws(FieldProblem) -> [TelemetryEntry]? {
        guard log == .telemetry else { return nil }
        switch content {
        case .entries(let entries): return entries
        case .records(let records):
            return try records.map { json throws(FieldProblem) in TelemetryEntry(try TelemetryRecord(json: json)) }
        }
    }

    /// The same records as objects.
    public var asRecords: Batch {
        guard case .entries(let entries) = content else { return self }
        let records = entries.map { (sequence: $0.sequence, json: $0.record.json) }
        return Batch(gateway: gateway, epoch: epoch, log: log, chainHead: chainHead, records: records) ?? self
    }

    /// Nil without records.
    public init?(
        gateway: GatewayID, epoch: String, log: Log, chainHead: ChainHead,
        records: [(sequence: Int64, json: JSONValue)]
    ) {
        guard let first = records.first?.sequence, let last = records.last?.sequence else { return nil }
        let frame = BatchFrame(
            gateway: gateway, epoch: epoch, log: log, first: first, last: last, chainHead: chainHead)
        let content = records.map(\.json)
        self.init(frame, .records(content), bytes: frame.bytes(records: content))
    }

    /// Readings as columns. Nil without any.
    /// - Parameter entries: in the order of their numbers.
    public init?(gateway: GatewayID, epoch: String, chainHead: ChainHead, entries: [TelemetryEntry]) {
        guard let first = entries.first?.sequence, let last = entries.last?.sequence else { return nil }
        let frame = BatchFrame(
            gateway: gateway, epoch: epoch, log: .telemetry, first: first, last: last, chainHead: chainHead)
        self.init(frame, .entries(entries), bytes: frame.bytes(columns: TelemetryColumns(entries)))
    }

    private init(_ frame: BatchFrame, _ content: Content, bytes: [UInt8]) {
        gateway = frame.gateway
        epoch = frame.epoch
        log = frame.log
        first = frame.first
        last = frame.last
        chainHead = frame.chainHead
        self.content = content
        self.bytes = bytes
        let digest = ChainHash.of(bytes).description.prefix(16)
        idempotencyKey = "\(epoch)-\(log.rawValue)-\(first)-\(last)-\(digest)"
    }

    /// Reads a batch of either form as a platform receives it; records are read by their log's own reader.
    public init(bytes: [UInt8]) throws(FieldProblem) {
        let json: JSONValue
        do { json = try StrictJSON.parse(bytes) } catch {
            throw FieldProblem(field: "batch", reason: error.description)
        }
        var reader = try ObjectReader(json, name: "batch")
        let version = try reader.integer("version")
        guard let form = BatchForm.allCases.first(where: { $0.version == version }) else {
            throw FieldProblem(field: "batch.version", value: "\(version)", reason: "must be 1 or 2")
        }
        let frame = try BatchFrame(&reader)
        guard let values = try reader.value("records").array else {
            throw FieldProblem(field: "batch.records", reason: "is not a list")
        }
        let content: Content
        let sequences: [Int64]
        switch form {
        case .records:
            content = .records(values)
            sequences = values.map { $0.object?["seq"]?.integer ?? 0 }
        case .columns:
            guard frame.log == .telemetry else {
                throw FieldProblem(field: "batch.log", reason: "comes as version 1 only")
            }
            let others = try values.map { json throws(FieldProblem) in try TelemetryRecord(json: json) }
            let entries = try ReadingTableReader.entries(try reader.value("tables"), others: others)
            content = .entries(entries)
            sequences = entries.map(\.sequence)
        }
        try reader.finish()
        guard let first = sequences.first, let last = sequences.last else {
            throw FieldProblem(field: "batch.records", reason: "is a list without records")
        }
        guard zip(sequences, sequences.dropFirst()).allSatisfy({ $0 < $1 }), first > 0 else {
            throw FieldProblem(field: "batch.records", reason: "are not in the order of their seq")
        }
        guard first == frame.first, last == frame.last else {
            throw FieldProblem(field: "batch.first", reason: "does not match the records")
        }
        self.init(frame, content, bytes: bytes)
    }
}

/// What a batch holds beside its records.
private struct BatchFrame {
    let gateway: GatewayID
    let epoch: String
    let log: Log
    let first: Int64
    let last: Int64
    let chainHead: ChainHead

    private func members(_ form: BatchForm) -> [String: JSONValue] {
        [
            "version": .integer(form.version), "gateway": .string(gateway.rawValue), "epoch": .string(epoch),
            "log": .string(log.rawValue), "first": .integer(first), "last": .integer(last),
            "chain_head": .object([
                "seq": .integer(chainHead.sequence), "hash": .string(chainHead.hash.description),
            ]),
        ]
    }

    func bytes(records: [JSONValue]) -> [UInt8] {
        var members = members(.records)
        members["records"] = .array(records)
        return JSONValue.object(members).canonicalBytes()
    }

    /// Canonical too, and made without a value for each number: `tables` stands between `records` and `version`.
    func bytes(columns: TelemetryColumns) -> [UInt8] {
        var members = members(.columns)
        members["version"] = nil
        members["records"] = .array(columns.others.map(\.json))
        var bytes = Array(JSONValue.object(members).canonicalBytes().dropLast())
        bytes += ",\"tables\":".utf8
        columns.write(to: &bytes)
        bytes += ",\"version\":\(BatchForm.columns.version)}".utf8
        return bytes
    }
}

extension BatchFrame {
    init(_ reader: inout ObjectReader) throws(FieldProblem) {
        gateway = try reader.identifier("gateway", Gateway.self)
        epoch = try reader.text("epoch", longest: 64)
        log = try reader.word("log", Log.self)
        first = try reader.integer("first")
        last = try reader.integer("last")
        var head = try ObjectReader(try reader.value("chain_head"), name: "chain_head")
        let headSequence = try head.integer("seq")
        guard let hash = ChainHash(hexadecimal: try head.text("hash")) else {
            throw FieldProblem(field: "chain_head.hash", reason: "must be 64 hexadecimal digits")
        }
        try head.finish()
        chainHead = ChainHead(sequence: headSequence, hash: hash)
    }
}
