internal import Foundation
internal import GRDB
public import Metering
public import UplinkProtocol

/// `telemetry.db`: readings on their way upstream, bounded and evictable, and the last accepted counters.
/// Committed in groups; after a power cut the last groups may be missing, never torn. Methods block.
public final class TelemetryStore: Sendable {
    /// New with every new file.
    public let epoch: String
    private let handle: DatabaseHandle
    private let retention: TelemetryRetention

    public var path: String { handle.path }

    /// Why nothing is written any more, or nil: close, then `openOrReplace`.
    public var stopped: StorageError? { handle.stopped }

    /// - Parameters:
    ///   - newEpoch: the epoch to start where the file is new.
    ///   - largestBytes: a ceiling on the file; the oldest readings go before it is reached.
    public init(path: String, newEpoch: String, largestBytes: Int64 = 256 << 20) throws(StorageError) {
        retention = TelemetryRetention(largestBytes: largestBytes)
        let opened = try DatabaseFile.open(
            path: path, durability: .normal, largestBytes: largestBytes, layout: TelemetryLayout.layout)
        handle = DatabaseHandle(path: path, opened: opened)
        epoch = try handle.write { database in
            if try Int.fetchOne(database, sql: "SELECT count(*) FROM telemetry_head") == 0 {
                try database.execute(sql: "INSERT INTO telemetry_head VALUES (1, ?, 0)", arguments: [newEpoch])
            }
            guard let epoch = try String.fetchOne(database, sql: "SELECT epoch FROM telemetry_head") else {
                throw DamagedContent("it has no head")
            }
            return epoch
        }
    }

    /// Opens the file, or moves one that cannot be used aside under a new name and starts a new one:
    /// telemetry is worth less than a running box.
    /// - Returns: the store, and the old file's new name where there was one.
    public static func openOrReplace(
        path: String, newEpoch: String, largestBytes: Int64 = 256 << 20
    ) throws(StorageError) -> (store: TelemetryStore, movedAside: String?) {
        do {
            return (try TelemetryStore(path: path, newEpoch: newEpoch, largestBytes: largestBytes), nil)
        } catch {
            let word: String
            switch error {
            case .damaged: word = "damaged"
            case .tooNew: word = "later"
            default: throw error
            }
            let aside = "\(path).\(word)-\(newEpoch)"
            // The WAL first: without its main file it is never taken for another one's.
            for suffix in ["-wal", "-shm", ""] where rename(path + suffix, aside + suffix) != 0 && errno != ENOENT {
                throw .unusable(path: path, reason: "it is damaged and cannot be renamed (errno \(errno))")
            }
            return (try TelemetryStore(path: path, newEpoch: newEpoch, largestBytes: largestBytes), aside)
        }
    }

    /// Commits a group of readings and the last accepted counters, and evicts what is over the bound.
    /// - Returns: how many unacknowledged readings were evicted.
    @discardableResult
    public func commit(
        readings: [Reading], lastAccepted: [CircuitID: CounterMark]
    ) throws(StorageError) -> Int64 {
        var evicted: Int64 = 0
        while true {
            do { return evicted + (try append(readings, lastAccepted)) } catch .full {
                // Room is made first, then once more, as long as there is anything to evict.
                let made = try handle.write { try retention.evictOldest($0) }
                guard made.any else { throw .full(path) }
                evicted += made.lost
            }
        }
    }

    private func append(
        _ readings: [Reading], _ lastAccepted: [CircuitID: CounterMark]
    ) throws(StorageError) -> Int64 {
        try handle.write { database in
            var sequence = try Self.lastSequence(database)
            for reading in readings {
                sequence += 1
                try Self.insert(reading, sequence: sequence, into: database)
            }
            for (circuit, mark) in lastAccepted { try Self.insert(mark, of: circuit, into: database) }
            try database.execute(sql: "UPDATE telemetry_head SET last_sequence = ?", arguments: [sequence])
            return try retention.evictOverBound(database)
        }
    }

    /// Ends the use of the file; every later call fails.
    public func close() throws(StorageError) { try handle.close() }

    /// The last counter value of each circuit that may be billed.
    public func lastAccepted() throws(StorageError) -> [CircuitID: CounterMark] {
        try handle.read { database in
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

    /// The records after a sequence number, in order: readings, and gaps where some were lost.
    public func records(
        after sequence: Int64, limit: Int, byteLimit: Int = .max
    ) throws(StorageError) -> [TelemetryRecord] {
        let records = try handle.read { database in
            let readings = try Row.fetchAll(
                database,
                sql: """
                    SELECT reading.*, meter.name AS meter_name, channels.name AS channel_names, boot.name AS boot_name
                    FROM reading LEFT JOIN meter ON meter.id = reading.meter
                    LEFT JOIN channels ON channels.id = reading.channels LEFT JOIN boot ON boot.id = reading.boot
                    WHERE sequence > ? ORDER BY sequence LIMIT ?
                    """, arguments: [sequence, limit]
            ).map(Self.record)
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
        return records.withinBytes(byteLimit) { $0.json }
    }

    /// The sequence number of the newest record.
    public func lastSequence() throws(StorageError) -> Int64 { try handle.read { try Self.lastSequence($0) } }

    /// How far a consumer has acknowledged the telemetry log; 0 before the first.
    public func cursor(of consumer: String) throws(StorageError) -> Int64 {
        try handle.read { try Cursors.position(of: consumer, in: $0) }
    }

    /// Moves a consumer's cursor forward; an acknowledgement that is old, or ahead of the log, is none.
    /// Readings that every consumer has are kept until they are over the bound: they cost nothing then.
    public func advanceCursor(of consumer: String, through sequence: Int64) throws(StorageError) {
        try handle.write { database in
            let last = try Self.lastSequence(database)
            try Cursors.advance(consumer, through: sequence, last: last, in: database)
        }
    }

    private static func lastSequence(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT last_sequence FROM telemetry_head") ?? 0
    }

    private static func insert(_ reading: Reading, sequence: Int64, into database: Database) throws {
        let channels = reading.values.keys.sorted()
        let names = channels.map(\.name).joined(separator: ",")
        try database.cachedStatement(sql: "INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?)").execute(arguments: [
            sequence, try NameTable.key(of: reading.meter.rawValue, in: "meter", database).key,
            try NameTable.key(of: names, in: "channels", database).key,
            try NameTable.key(of: reading.at.boot.rawValue, in: "boot", database).key,
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
            circuit.rawValue, mark.value, try NameTable.key(of: mark.at.boot.rawValue, in: "boot", database).key,
            mark.at.monotonic.nanoseconds / 1_000_000, mark.at.wall.millisecondsSince1970, mark.at.trust.code,
        ])
    }

    /// A row that cannot be read is one reading lost, not the log: a gap stands in its place.
    private static func record(_ row: Row) throws -> TelemetryRecord {
        let sequence: Int64 = try row.need("sequence")
        let channels = (row.read("channel_names", as: String.self) ?? "").split(separator: ",")
            .compactMap { Channel(name: String($0)) }
        guard let meter = row.read("meter_name", as: String.self).flatMap(MeterID.init),
            let packed: Data = row.read("packed"), let at = try? timestamp(row),
            let values = PackedValues.unpack(packed, count: channels.count)
        else { return TelemetryRecord(sequence: sequence, body: .gap(count: 1, reason: "unreadable")) }
        let reading = Reading(meter: meter, at: at, values: Dictionary(zip(channels, values)) { first, _ in first })
        return TelemetryRecord(sequence: sequence, body: .reading(reading))
    }

    private static func timestamp(_ row: Row) throws -> Timestamp {
        let milliseconds: Int64 = try row.need("monotonic")
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, let trust = ClockTrust(code: try row.need("trust")) else {
            throw DamagedContent("a time cannot be read")
        }
        return Timestamp(
            boot: BootID(rawValue: try row.need("boot_name")), monotonic: MonotonicTime(nanoseconds: nanoseconds),
            wall: WallTime(millisecondsSince1970: try row.need("wall")), trust: trust)
    }
}
