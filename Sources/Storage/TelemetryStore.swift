internal import Foundation
internal import GRDB
public import Metering
public import UplinkProtocol

/// `telemetry.db`: readings on their way upstream, bounded and evictable, and the last accepted counters.
/// Committed in groups; after a power cut the last groups may be missing, never torn. Methods block.
public final class TelemetryStore: Sendable {
    public let path: String
    /// New with every new file.
    public let epoch: String
    private let queue: DatabaseQueue
    private let largestCount: Int64

    /// A ceiling on the file: 65,536 pages of 4 KiB are 256 MiB.
    private static let largestPages = 65_536

    /// - Parameters:
    ///   - newEpoch: the epoch to start where the file is new.
    ///   - largestCount: readings kept at most; the oldest go first.
    public init(path: String, newEpoch: String, largestCount: Int64) throws(StorageError) {
        self.path = path
        self.largestCount = max(1, largestCount)
        let queue = try DatabaseFile.open(
            path: path, durability: .normal, largestPages: Self.largestPages, version: TelemetryLayout.version,
            layout: TelemetryLayout.sql)
        self.queue = queue
        do {
            epoch = try queue.write { database in
                try database.execute(
                    sql: "INSERT OR IGNORE INTO telemetry_head VALUES (1, ?, 0)", arguments: [newEpoch])
                guard let epoch = try String.fetchOne(database, sql: "SELECT epoch FROM telemetry_head") else {
                    throw StorageError.damaged(path: path, reason: "it has no head")
                }
                return epoch
            }
        } catch {
            throw StorageError.from(error, path: path)
        }
    }

    /// Opens the file, or moves a damaged one aside under a new name and starts a new one: telemetry is
    /// worth less than a running box.
    /// - Returns: the store, and the damaged file's new name where there was one.
    public static func openOrReplace(
        path: String, newEpoch: String, largestCount: Int64
    ) throws(StorageError) -> (store: TelemetryStore, movedAside: String?) {
        do {
            return (try TelemetryStore(path: path, newEpoch: newEpoch, largestCount: largestCount), nil)
        } catch .damaged {
            let aside = "\(path).damaged-\(newEpoch)"
            for suffix in ["", "-wal", "-shm"] { _ = rename(path + suffix, aside + suffix) }
            return (try TelemetryStore(path: path, newEpoch: newEpoch, largestCount: largestCount), aside)
        }
    }

    /// Commits a group of readings and the last accepted counters, and evicts what is over the bound.
    /// - Returns: how many unacknowledged readings were evicted.
    @discardableResult
    public func commit(
        readings: [Reading], lastAccepted: [CircuitID: CounterMark]
    ) throws(StorageError) -> Int64 {
        try write { database in
            var sequence = try Self.lastSequence(database)
            for reading in readings {
                sequence += 1
                try Self.insert(reading, sequence: sequence, into: database)
            }
            for (circuit, mark) in lastAccepted { try Self.insert(mark, of: circuit, into: database) }
            let evicted = try self.evict(database, lastSequence: &sequence)
            try database.execute(sql: "UPDATE telemetry_head SET last_sequence = ?", arguments: [sequence])
            return evicted
        }
    }

    /// The last counter value of each circuit that may be billed.
    public func lastAccepted() throws(StorageError) -> [CircuitID: CounterMark] {
        try read { database in
            var marks: [CircuitID: CounterMark] = [:]
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT last_accepted.*, boot.name AS boot_name FROM last_accepted
                    JOIN boot ON boot.id = last_accepted.boot
                    """)
            for row in rows {
                guard let circuit = CircuitID(rawValue: try row.need("circuit")) else { continue }
                marks[circuit] = CounterMark(value: try row.need("value"), at: try Self.timestamp(row))
            }
            return marks
        }
    }

    /// The records after a sequence number, in order: readings, and gaps where some were evicted.
    public func records(after sequence: Int64, limit: Int) throws(StorageError) -> [TelemetryRecord] {
        try read { database in
            let readings = try Row.fetchAll(
                database,
                sql: """
                    SELECT reading.*, meter.name AS meter_name, channels.name AS channel_names, boot.name AS boot_name
                    FROM reading JOIN meter ON meter.id = reading.meter JOIN channels ON channels.id = reading.channels
                    JOIN boot ON boot.id = reading.boot
                    WHERE sequence > ? ORDER BY sequence LIMIT ?
                    """, arguments: [sequence, limit]
            ).compactMap(Self.record)
            let gaps = try Row.fetchAll(
                database, sql: "SELECT * FROM gap WHERE sequence > ? ORDER BY sequence LIMIT ?",
                arguments: [sequence, limit]
            ).map { row in
                TelemetryRecord(
                    sequence: try row.need("sequence"),
                    body: .gap(count: try row.need("count"), reason: try row.need("reason")))
            }
            return Array((readings + gaps).sorted { $0.sequence < $1.sequence }.prefix(limit))
        }
    }

    /// The sequence number of the newest record.
    public func lastSequence() throws(StorageError) -> Int64 { try read { try Self.lastSequence($0) } }

    public func cursor(of consumer: String) throws(StorageError) -> Int64 {
        try read {
            try Int64.fetchOne($0, sql: "SELECT through FROM cursor WHERE consumer = ?", arguments: [consumer]) ?? 0
        }
    }

    /// Moves a consumer's cursor forward. Readings that every consumer has are kept until they are over
    /// the bound: they cost nothing then.
    public func advanceCursor(of consumer: String, through sequence: Int64) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO cursor VALUES (?, ?)
                    ON CONFLICT (consumer) DO UPDATE SET through = max(through, excluded.through)
                    """, arguments: [consumer, sequence])
        }
    }

    /// Deletes the oldest readings over the bound; those that nobody has acknowledged leave a gap record.
    private func evict(_ database: Database, lastSequence: inout Int64) throws -> Int64 {
        let over = try Int64.fetchOne(database, sql: "SELECT count(*) FROM reading").map { $0 - largestCount } ?? 0
        guard over > 0 else { return 0 }
        // A little more than needed, so that not every commit evicts.
        let count = min(largestCount, over + largestCount / 50)
        let through = try Int64.fetchOne(
            database, sql: "SELECT sequence FROM reading ORDER BY sequence LIMIT 1 OFFSET ?", arguments: [count - 1])
        guard let through else { return 0 }
        let acknowledged = try Int64.fetchOne(database, sql: "SELECT min(through) FROM cursor") ?? 0
        let lost =
            try Int64.fetchOne(
                database, sql: "SELECT count(*) FROM reading WHERE sequence <= ? AND sequence > ?",
                arguments: [through, acknowledged]) ?? 0
        try database.execute(sql: "DELETE FROM reading WHERE sequence <= ?", arguments: [through])
        guard lost > 0 else { return 0 }
        let earlier =
            try Int64.fetchOne(
                database, sql: "SELECT sum(count) FROM gap WHERE sequence <= ? AND sequence > ?",
                arguments: [through, acknowledged]) ?? 0
        try database.execute(sql: "DELETE FROM gap WHERE sequence <= ?", arguments: [through])
        try database.execute(
            sql: "INSERT INTO gap VALUES (?, ?, 'evicted: over the bound')", arguments: [through, lost + earlier])
        return lost
    }

    private static func lastSequence(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT last_sequence FROM telemetry_head") ?? 0
    }

    private static func insert(_ reading: Reading, sequence: Int64, into database: Database) throws {
        let channels = reading.values.keys.sorted()
        let names = channels.map(\.name).joined(separator: ",")
        try database.cachedStatement(sql: "INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?)").execute(arguments: [
            sequence, try LedgerRow.key(of: reading.meter.rawValue, in: "meter", database),
            try LedgerRow.key(of: names, in: "channels", database),
            try LedgerRow.key(of: reading.at.boot.rawValue, in: "boot", database),
            reading.at.monotonic.nanoseconds / 1_000_000, reading.at.wall.millisecondsSince1970,
            reading.at.trust.code, Data(PackedValues.pack(channels.compactMap { reading.values[$0] })),
        ])
    }

    private static func insert(_ mark: CounterMark, of circuit: CircuitID, into database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO last_accepted VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (circuit) DO UPDATE SET value = excluded.value, boot = excluded.boot,
                    monotonic = excluded.monotonic, wall = excluded.wall, trust = excluded.trust
                """
        ).execute(arguments: [
            circuit.rawValue, mark.value, try LedgerRow.key(of: mark.at.boot.rawValue, in: "boot", database),
            mark.at.monotonic.nanoseconds / 1_000_000, mark.at.wall.millisecondsSince1970, mark.at.trust.code,
        ])
    }

    /// Nil for a row that cannot be read: one reading lost, not the log.
    private static func record(_ row: Row) throws -> TelemetryRecord? {
        let names: String = try row.need("channel_names")
        let channels = names.split(separator: ",").compactMap { Channel(name: String($0)) }
        guard let meter = MeterID(rawValue: try row.need("meter_name")),
            let values = PackedValues.unpack(try row.need("packed", as: Data.self), count: channels.count)
        else { return nil }
        let reading = Reading(
            meter: meter, at: try timestamp(row), values: Dictionary(zip(channels, values)) { first, _ in first })
        return TelemetryRecord(sequence: try row.need("sequence"), body: .reading(reading))
    }

    private static func timestamp(_ row: Row) throws -> Timestamp {
        let milliseconds: Int64 = try row.need("monotonic")
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, let trust = ClockTrust(code: try row.need("trust")) else {
            throw StorageError.damaged(path: "telemetry.db", reason: "a time cannot be read")
        }
        return Timestamp(
            boot: BootID(rawValue: try row.need("boot_name")), monotonic: MonotonicTime(nanoseconds: nanoseconds),
            wall: WallTime(millisecondsSince1970: try row.need("wall")), trust: trust)
    }

    private func write<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try queue.write(body) } catch { throw StorageError.from(error, path: path) }
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try queue.read(body) } catch { throw StorageError.from(error, path: path) }
    }
}
