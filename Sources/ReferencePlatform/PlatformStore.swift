internal import Foundation
internal import GRDB
public import Metering
public import Prepaid
public import UplinkProtocol

/// Why a batch is not taken. The gateway keeps it.
public enum BatchProblem: Error, Hashable, Sendable {
    /// The batch itself is wrong: 400.
    case malformed(String)
    /// It does not follow what is kept: records are missing before it, or the chain is broken: 409.
    case doesNotFollow(String)
}

/// What the platform knows of a gateway.
public struct GatewaySummary: Hashable, Sendable {
    public let gateway: String
    public let epoch: String
    public let ledgerThrough: Int64
    public let telemetryThrough: Int64
    /// Milliseconds since 1970, by the platform's clock.
    public let heardAt: Int64
    /// How often something was wrong: a batch that does not follow, a ledger that went back.
    public let faults: Int64
    /// The latest of them; empty where there is none.
    public let lastFault: String
    /// Ledger records whose content is not here.
    public let withheld: Int64
}

/// The latest of one meter.
public struct MeterSummary: Hashable, Sendable {
    public let gateway: String
    public let meter: String
    public let heardAt: Int64
    /// Milliseconds since 1970, by the gateway's clock.
    public let readAt: Int64
    public let values: [String: Int64]
}

/// The latest of one account, as its postings say.
public struct AccountSummary: Hashable, Sendable {
    public let gateway: String
    public let account: String
    public let balance: Money
    public let lastRechargeNumber: Int64
    /// The last alarm or breaker event.
    public let alarm: String
    /// False while a record is withheld that may be this account's, and no later posting tells its balance.
    public let isCertain: Bool
}

/// A command with what the gateway said of it.
public struct CommandSummary: Hashable, Sendable {
    public let gateway: String
    public let id: String
    public let position: Int64
    public let kind: String
    /// `queued` until the gateway has answered.
    public let state: String
    public let outcome: String
    /// Facts by name, as the gateway gave them.
    public let detail: [String: String]
}

/// What the platform keeps, in one SQLite file. Records are kept byte for byte, once each.
public final class PlatformStore: Sendable {
    private let queue: DatabaseQueue

    private static let layout = """
        CREATE TABLE IF NOT EXISTS gateway (
            name TEXT PRIMARY KEY, epoch TEXT NOT NULL, heard_at INTEGER NOT NULL
        ) STRICT;
        -- What was wrong, once each with a count; the latest hundred of a gateway.
        CREATE TABLE IF NOT EXISTS fault (
            gateway TEXT NOT NULL, what TEXT NOT NULL, last_at INTEGER NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (gateway, what)
        ) STRICT, WITHOUT ROWID;
        -- How far the ledger was, as the latest batch of readings said.
        CREATE TABLE IF NOT EXISTS head (gateway TEXT PRIMARY KEY, sequence INTEGER NOT NULL) STRICT;
        -- How far each log of each epoch was taken, and the hash of the ledger's last record.
        CREATE TABLE IF NOT EXISTS progress (
            gateway TEXT NOT NULL, epoch TEXT NOT NULL, log TEXT NOT NULL, through INTEGER NOT NULL,
            hash TEXT, PRIMARY KEY (gateway, epoch, log)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS record (
            gateway TEXT NOT NULL, epoch TEXT NOT NULL, log TEXT NOT NULL, sequence INTEGER NOT NULL,
            bytes TEXT NOT NULL, PRIMARY KEY (gateway, epoch, log, sequence)
        ) STRICT, WITHOUT ROWID;
        -- Records of which there is a place and a hash, but no content yet.
        CREATE TABLE IF NOT EXISTS withheld (
            gateway TEXT NOT NULL, epoch TEXT NOT NULL, sequence INTEGER NOT NULL, reason TEXT NOT NULL,
            PRIMARY KEY (gateway, epoch, sequence)
        ) STRICT, WITHOUT ROWID;
        -- Readings as they came, many in a row: the batch's own columns, without records that were there already.
        CREATE TABLE IF NOT EXISTS readings (
            gateway TEXT NOT NULL, epoch TEXT NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL,
            count INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (gateway, epoch, last)
        ) STRICT;
        CREATE TABLE IF NOT EXISTS account (
            gateway TEXT NOT NULL, name TEXT NOT NULL, balance INTEGER NOT NULL, last_recharge INTEGER NOT NULL,
            alarm TEXT NOT NULL DEFAULT 'none', PRIMARY KEY (gateway, name)
        ) STRICT, WITHOUT ROWID;
        -- The newest reading of each meter, by its number.
        CREATE TABLE IF NOT EXISTS latest (
            gateway TEXT NOT NULL, name TEXT NOT NULL, epoch TEXT NOT NULL, sequence INTEGER NOT NULL,
            heard_at INTEGER NOT NULL, PRIMARY KEY (gateway, name)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS command (
            gateway TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            bytes TEXT NOT NULL, state TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (gateway, position)
        ) STRICT, WITHOUT ROWID;
        -- What a gateway said of a command beside its outcome.
        CREATE TABLE IF NOT EXISTS answer (id TEXT PRIMARY KEY, detail TEXT NOT NULL) STRICT, WITHOUT ROWID;
        -- Pairing codes by the digest of their secret; used_by is the digest of the public key they were used with.
        CREATE TABLE IF NOT EXISTS pairing (
            secret TEXT PRIMARY KEY, gateway TEXT NOT NULL, expires_at INTEGER NOT NULL,
            wrong_gateways INTEGER NOT NULL DEFAULT 0, used_by TEXT
        ) STRICT, WITHOUT ROWID;
        -- The certificate that was made for a public key, by the key's digest.
        CREATE TABLE IF NOT EXISTS issued (
            key TEXT PRIMARY KEY, gateway TEXT NOT NULL, at INTEGER NOT NULL, certificate TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    public init(path: String) throws {
        var configuration = Configuration()
        configuration.journalMode = .wal
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.writeWithoutTransaction { database in
            // An acknowledged record may not be lost: the gateway deletes it.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: Self.layout)
        }
    }

    /// Takes a batch in one transaction: all of it is kept when this returns.
    public func take(_ batch: Batch, now: WallTime) throws -> Acknowledgement {
        try queue.write { database in
            let gateway = batch.gateway.rawValue
            try database.execute(
                sql: """
                    INSERT INTO gateway (name, epoch, heard_at) VALUES (?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET heard_at = excluded.heard_at,
                        epoch = CASE WHEN ? THEN excluded.epoch ELSE epoch END
                    """, arguments: [gateway, batch.epoch, now.millisecondsSince1970, batch.log == .ledger])
            var intake = try RecordIntake(database: database, batch: batch, now: now)
            if let entries = try batch.entries() {
                try intake.take(entries)
            } else {
                for record in batch.records { try intake.take(record) }
            }
            try intake.finish()
            return Acknowledgement(gateway: batch.gateway, epoch: batch.epoch, log: batch.log, through: batch.last)
        }
    }

    /// Notes what is wrong with a gateway.
    public func noteFault(of gateway: GatewayID, _ what: String, now: WallTime) throws {
        try queue.write { try Self.noteFault(of: gateway, what, now: now, in: $0) }
    }

    static func noteFault(of gateway: GatewayID, _ what: String, now: WallTime, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO fault VALUES (?, ?, ?, 1)
                ON CONFLICT (gateway, what) DO UPDATE SET last_at = excluded.last_at, count = count + 1
                """, arguments: [gateway.rawValue, what, now.millisecondsSince1970])
        try database.execute(
            sql: """
                DELETE FROM fault WHERE gateway = ?1 AND what NOT IN
                    (SELECT what FROM fault WHERE gateway = ?1 ORDER BY last_at DESC LIMIT 100)
                """, arguments: [gateway.rawValue])
    }

    func read<Value>(_ work: (Database) throws -> Value) throws -> Value { try queue.read(work) }

    /// Work on the queue of commands, in one transaction.
    func write<Value>(_ work: (Database) throws -> Value) throws -> Value { try queue.write(work) }

    /// The commands after a position, as they go down.
    public func commands(
        for gateway: GatewayID, after position: Int64, now: WallTime = WallTime(millisecondsSince1970: 0)
    ) throws -> [JSONValue] {
        try queue.read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT bytes FROM command WHERE gateway = ? AND position > ? ORDER BY position LIMIT 100
                    """, arguments: [gateway.rawValue, position]
            ).map { Self.stamped(try StrictJSON.parse($0), now: now) }
        }
    }

    public func gateways() throws -> [GatewaySummary] {
        try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT gateway.*,
                        coalesce((SELECT through FROM progress WHERE gateway = name AND progress.epoch = gateway.epoch
                            AND log = 'ledger'), 0) AS ledger,
                        coalesce((SELECT max(through) FROM progress WHERE gateway = name AND log = 'telemetry'), 0)
                            AS telemetry,
                        coalesce((SELECT sum(count) FROM fault WHERE gateway = name), 0) AS fault_count,
                        coalesce((SELECT what FROM fault WHERE gateway = name ORDER BY last_at DESC LIMIT 1), '')
                            AS last_fault,
                        (SELECT count(*) FROM withheld WHERE gateway = name) AS withheld
                    FROM gateway ORDER BY name
                    """
            ).map {
                GatewaySummary(
                    gateway: $0["name"], epoch: $0["epoch"], ledgerThrough: $0["ledger"],
                    telemetryThrough: $0["telemetry"], heardAt: $0["heard_at"], faults: $0["fault_count"],
                    lastFault: $0["last_fault"], withheld: $0["withheld"])
            }
        }
    }

    /// The gateways, and the meters of the others, from which nothing was taken since a moment.
    public func silent(since moment: WallTime) throws -> [(gateway: String, meter: String?, heardAt: Int64)] {
        try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT name AS gateway, NULL AS meter, heard_at FROM gateway WHERE heard_at < ?1
                    UNION ALL
                    SELECT latest.gateway, latest.name, latest.heard_at FROM latest
                    JOIN gateway ON gateway.name = gateway
                    WHERE latest.heard_at < ?1 AND gateway.heard_at >= ?1
                    ORDER BY 1, 2
                    """, arguments: [moment.millisecondsSince1970]
            ).map { ($0["gateway"], $0["meter"], $0["heard_at"]) }
        }
    }

    public func accounts() throws -> [AccountSummary] {
        try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT account.*, NOT EXISTS (
                        SELECT 1 FROM withheld WHERE withheld.gateway = account.gateway AND NOT EXISTS (
                            SELECT 1 FROM record WHERE record.gateway = account.gateway
                                AND record.epoch = withheld.epoch AND record.log = 'ledger'
                                AND record.sequence > withheld.sequence
                                AND json_extract(record.bytes, '$.posting.account') = account.name)) AS certain
                    FROM account ORDER BY gateway, name
                    """
            ).map {
                AccountSummary(
                    gateway: $0["gateway"], account: $0["name"], balance: Money(microunits: $0["balance"]),
                    lastRechargeNumber: $0["last_recharge"], alarm: $0["alarm"], isCertain: $0["certain"])
            }
        }
    }

    public func commands() throws -> [CommandSummary] {
        try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT command.*, ifnull(answer.detail, '{}') AS detail FROM command
                    LEFT JOIN answer ON answer.id = command.id ORDER BY gateway, position
                    """
            ).map {
                CommandSummary(
                    gateway: $0["gateway"], id: $0["id"], position: $0["position"], kind: $0["kind"],
                    state: $0["state"], outcome: $0["outcome"],
                    detail: try StrictJSON.parse($0["detail"] as String).object?.compactMapValues(\.string) ?? [:])
            }
        }
    }

    /// How many records of a log are kept, of all gateways.
    public func count(of log: UplinkProtocol.Log) throws -> Int {
        try queue.read { database in
            switch log {
            case .ledger: try Int.fetchOne(database, sql: "SELECT count(*) FROM record") ?? 0
            case .telemetry: try Int.fetchOne(database, sql: "SELECT sum(count) FROM readings") ?? 0
            }
        }
    }

    /// The ledger records of a gateway's account, as they came.
    public func ledger(gateway: String, account: String) throws -> [JSONValue] {
        try queue.read { database in
            try String.fetchAll(
                database, sql: "SELECT bytes FROM record WHERE gateway = ? AND log = 'ledger' ORDER BY epoch, sequence",
                arguments: [gateway]
            ).compactMap { text in
                let json = try StrictJSON.parse(text)
                return json.object?["posting"]?.object?["account"] == .string(account) ? json : nil
            }
        }
    }
}
