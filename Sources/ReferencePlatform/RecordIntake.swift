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

    mutating func take(_ json: JSONValue) throws {
        guard let sequence = json.object?["seq"]?.integer else { throw BatchProblem.malformed("a record without seq") }
        let bytes = json.canonicalText
        // Readings may come in any order: live ones before those of an outage.
        if sequence <= through, try isKnown(sequence, json, bytes) { return }
        switch batch.log {
        case .ledger where json.isWithheldRecord: try takeWithheld(json)
        case .ledger: try takeLedger(json)
        case .telemetry: try takeTelemetry(json)
        }
        try database.execute(
            sql: "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
            arguments: [batch.gateway.rawValue, batch.epoch, batch.log.rawValue, sequence, bytes])
        through = max(through, sequence)
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

    /// Whether a record was taken before. It must be the same then, byte for byte; or the one that was
    /// withheld in its place.
    private func isKnown(_ sequence: Int64, _ json: JSONValue, _ bytes: String) throws -> Bool {
        let known = try String.fetchOne(
            database,
            sql: "SELECT bytes FROM record WHERE gateway = ? AND epoch = ? AND log = ? AND sequence = ?",
            arguments: [batch.gateway.rawValue, batch.epoch, batch.log.rawValue, sequence])
        guard let known else { return batch.log == .ledger }
        // Not `==`, which takes different bytes of the same letter for the same text.
        if known.utf8.elementsEqual(bytes.utf8) { return true }
        guard batch.log == .ledger, try Self.hash(known) == Self.hash(bytes) else {
            throw BatchProblem.doesNotFollow(
                "record \(sequence) of the \(batch.log.rawValue) log was another one before")
        }
        return true
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

    private func takeTelemetry(_ json: JSONValue) throws {
        let record: TelemetryRecord
        do { record = try TelemetryRecord(json: json) } catch { throw BatchProblem.malformed("\(error)") }
        guard case .reading(let reading) = record.body else { return }
        try database.execute(
            sql: """
                INSERT INTO meter VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (gateway, name) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence,
                    heard_at = excluded.heard_at, reading = excluded.reading
                WHERE excluded.sequence > sequence OR excluded.epoch <> epoch
                """,
            arguments: [
                batch.gateway.rawValue, reading.meter.rawValue, batch.epoch, record.sequence,
                now.millisecondsSince1970, json.canonicalText,
            ])
    }
}
