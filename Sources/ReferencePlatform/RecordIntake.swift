internal import GRDB
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// Takes the records of one batch within one transaction: keeps each once, holds the ledger's chain
/// together, and follows accounts, meters and commands.
struct RecordIntake {
    let database: Database
    let batch: Batch
    let now: WallTime
    private var through: Int64
    private var hash: ChainHash?
    /// Whether some of the batch was taken before.
    let isRepeat: Bool

    init(database: Database, batch: Batch, now: WallTime) throws {
        self.database = database
        self.batch = batch
        self.now = now
        let row = try Row.fetchOne(
            database, sql: "SELECT through, hash FROM progress WHERE gateway = ? AND epoch = ? AND log = ?",
            arguments: [batch.gateway.rawValue, batch.epoch, batch.log.rawValue])
        let through: Int64 = row?["through"] ?? 0
        self.through = through
        isRepeat = batch.first <= through
        if let row {
            hash = (row["hash"] as String?).flatMap(ChainHash.init(hexadecimal:))
        } else {
            hash = ChainHash.genesis(gateway: batch.gateway.rawValue, epoch: batch.epoch)
        }
    }

    /// Takes a record of the ledger log.
    mutating func take(_ json: JSONValue) throws {
        guard let sequence = json.object?["seq"]?.integer else { throw BatchProblem.malformed("a record without seq") }
        let bytes = json.canonicalText
        if sequence <= through {
            guard try !isKnown(sequence, bytes) else { return }
            try complete(sequence, json)
            return
        }
        if json.isWithheldRecord { try takeWithheld(json) } else { try takeLedger(json) }
        try database.execute(
            sql: "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
            arguments: [batch.gateway.rawValue, batch.epoch, batch.log.rawValue, sequence, bytes])
        through = sequence
    }

    /// Takes the entries of a batch of the telemetry log, which may come in any order: live ones before those of an
    /// outage.
    mutating func take(_ entries: [TelemetryEntry]) throws {
        try keep(entries)
        try followMeters(entries)
        through = max(through, batch.last)
    }

    func finish() throws {
        switch batch.log {
        case .ledger: try checkHeadOfLedger()
        case .telemetry: try watchLedger()
        }
        try database.execute(
            sql: """
                INSERT INTO progress VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (gateway, epoch, log) DO UPDATE SET through = excluded.through, hash = excluded.hash
                """,
            arguments: [
                batch.gateway.rawValue, batch.epoch, batch.log.rawValue, through,
                batch.log == .ledger ? hash?.description : nil,
            ])
    }

    /// A record that was taken before must be the same now, byte for byte.
    /// - Returns: false where it was withheld then, and is whole now.
    private func isKnown(_ sequence: Int64, _ bytes: String) throws -> Bool {
        let known = try String.fetchOne(
            database,
            sql: "SELECT bytes FROM record WHERE gateway = ? AND epoch = ? AND log = ? AND sequence = ?",
            arguments: [batch.gateway.rawValue, batch.epoch, batch.log.rawValue, sequence])
        // Not `==`, which takes different bytes of the same letter for the same text.
        guard let known, !known.utf8.elementsEqual(bytes.utf8) else { return true }
        guard try Self.hash(known) == Self.hash(bytes) else { throw another(sequence) }
        return try StrictJSON.parse(bytes).isWithheldRecord
    }

    func another(_ sequence: Int64) -> BatchProblem {
        .doesNotFollow("record \(sequence) of the \(batch.log.rawValue) log was another one before")
    }

    /// The hash of a ledger record as it was taken, whole or withheld.
    static func hash(_ bytes: String) throws -> ChainHash {
        let json = try StrictJSON.parse(bytes)
        return json.isWithheldRecord ? try WithheldRecord(json: json).hash : ChainHash.of(Array(bytes.utf8))
    }

    /// The chain goes on behind a record whose content the gateway could not bring through.
    private mutating func takeWithheld(_ json: JSONValue) throws {
        let record: WithheldRecord
        do { record = try WithheldRecord(json: json) } catch { throw BatchProblem.malformed("\(error)") }
        try checkFollows(record.sequence, record.previous)
        hash = record.hash
        try database.execute(
            sql: "INSERT OR REPLACE INTO withheld VALUES (?, ?, ?, ?)",
            arguments: [batch.gateway.rawValue, batch.epoch, record.sequence, record.reason])
        try PlatformStore.noteFault(
            of: batch.gateway, "record \(record.sequence) was withheld: \(record.reason)", now: now, in: database)
    }

    private func checkFollows(_ sequence: Int64, _ previous: ChainHash) throws {
        guard sequence == through + 1 else {
            throw BatchProblem.doesNotFollow("record \(sequence) came, \(through + 1) was expected")
        }
        guard previous == hash else {
            throw BatchProblem.doesNotFollow("record \(sequence) does not continue the chain")
        }
    }

    private mutating func takeLedger(_ json: JSONValue) throws {
        let record: LedgerRecord
        do { record = try LedgerRecord(json: json) } catch { throw BatchProblem.malformed("\(error)") }
        try checkFollows(record.sequence, record.previous)
        hash = record.hash
        try follow(record)
    }

    func follow(_ record: LedgerRecord) throws {
        switch record.body {
        case .posting(let posting):
            try database.execute(
                sql: """
                    INSERT INTO account (gateway, name, balance, last_recharge) VALUES (?, ?, ?, ?)
                    ON CONFLICT (gateway, name) DO UPDATE SET balance = excluded.balance,
                        last_recharge = max(last_recharge, excluded.last_recharge)
                    """,
                arguments: [
                    batch.gateway.rawValue, posting.account.rawValue, posting.balanceAfter.microunits,
                    posting.rechargeNumber ?? 0,
                ])
        case .event(let event):
            guard case .account(let account) = event.subject, let level = event.detail["level"] else { return }
            try database.execute(
                sql: "UPDATE account SET alarm = ? WHERE gateway = ? AND name = ?",
                arguments: [level, batch.gateway.rawValue, account.rawValue])
        case .command(let command):
            try database.execute(
                sql: "UPDATE command SET state = ?, outcome = ? WHERE gateway = ? AND id = ?",
                arguments: [command.state.rawValue, command.outcome, batch.gateway.rawValue, command.id])
            try database.execute(
                sql: "INSERT OR REPLACE INTO answer SELECT id, ? FROM command WHERE gateway = ? AND id = ?",
                arguments: [
                    JSONValue.object(command.detail.mapValues(JSONValue.string)).canonicalText,
                    batch.gateway.rawValue, command.id,
                ])
        }
    }
}
