internal import Failpoints
internal import Foundation
internal import GRDB
public import Metering
private import Synchronization
public import UplinkProtocol

/// `telemetry.db`: readings on their way upstream, bounded and evictable, and the last accepted counters.
/// Committed in groups; a group is on the flash when its commit returns, because a number that went
/// upstream must never be given to another reading. Methods block.
public final class TelemetryStore: Sendable {
    /// New with every new file.
    public let epoch: String
    let handle: DatabaseHandle
    private let retention: TelemetryRetention
    private let writer: Mutex<TelemetryWriter>
    /// Acknowledgements that wait for the next commit: written by themselves each would cost as much as a
    /// group of readings. One that is lost is acknowledged again.
    private let acknowledged = Mutex<[String: Int64]>([:])

    public var path: String { handle.path }

    /// Why nothing is written any more, or nil: close, then `openOrReplace`.
    public var stopped: StorageError? { handle.stopped }

    /// - Parameters:
    ///   - newEpoch: the epoch to start where the file is new.
    ///   - largestBytes: a ceiling on the file; the oldest readings go before it is reached.
    public init(path: String, newEpoch: String, largestBytes: Int64 = 256 << 20) throws(StorageError) {
        retention = TelemetryRetention(largestBytes: largestBytes)
        let opened = try DatabaseFile.open(
            path: path, durability: .full, largestBytes: largestBytes, layout: TelemetryLayout.layout)
        handle = DatabaseHandle(path: path, opened: opened)
        let largestSegment = retention.largestSegment
        let (epoch, writer) = try handle.write { database in
            if try Int.fetchOne(database, sql: "SELECT count(*) FROM telemetry_head") == 0 {
                try database.execute(
                    sql: "INSERT INTO telemetry_head (only_row, epoch, last_sequence, accepted) VALUES (1, ?, 0, x'')",
                    arguments: [newEpoch])
                try RowSeal.seal(.telemetryHead, where: "only_row", is: 1, in: database)
            }
            let epoch: String = try Self.head(database).need("epoch")
            return (epoch, try TelemetryWriter(database, head: try Self.head(database), largestSegment: largestSegment))
        }
        self.epoch = epoch
        self.writer = Mutex(writer)
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

    /// Commits a group of readings and the last accepted counters of some circuits, which replace what was
    /// kept of these, and evicts what is over the bound.
    /// - Returns: how many unacknowledged readings were evicted.
    @discardableResult
    public func commit(
        readings: [Reading], lastAccepted: [CircuitID: CounterMark], freezes: [Freeze] = []
    ) throws(StorageError) -> Int64 {
        guard !readings.isEmpty || !lastAccepted.isEmpty || !freezes.isEmpty else { return 0 }
        return try writer.withLock { writer throws(StorageError) in
            var evicted: Int64 = 0
            while true {
                do throws(StorageError) {
                    return evicted + (try append(readings, lastAccepted, freezes, with: &writer))
                } catch {
                    guard case .full = error else { throw error }
                    // Room is made first, then once more, as long as there is anything to evict.
                    let oldest = try handle.write { try retention.evictOldest($0) }
                    guard oldest.segment != nil else { throw error }
                    writer.startSegment()
                    evicted += oldest.lost
                }
            }
        }
    }

    private func append(
        _ readings: [Reading], _ lastAccepted: [CircuitID: CounterMark], _ freezes: [Freeze],
        with writer: inout TelemetryWriter
    ) throws(StorageError) -> Int64 {
        var next = writer
        let cursors = acknowledged.withLock { $0 }
        Failpoint.telemetryBeforeCommit.pass()
        defer { Failpoint.telemetryAfterCommit.pass() }
        let evicted = try handle.write { database in
            try next.append(readings, into: database)
            Failpoint.telemetryWithinCommit.pass()
            try next.write(freezes, into: database)
            try next.writeHead(lastAccepted, into: database)
            for (consumer, through) in cursors {
                try Cursors.advance(consumer, through: through, last: next.lastSequence, in: database)
            }
            return try retention.evictOverBound(database)
        }
        if let segment = evicted.segment, segment == next.segment { next.startSegment() }
        writer = next
        forget(cursors)
        return evicted.lost
    }

    /// Ends the use of the file; every later call fails.
    public func close() throws(StorageError) {
        let cursors = acknowledged.withLock { $0 }
        if !cursors.isEmpty, stopped == nil {
            let last = lastSequence
            try handle.write { database in
                for (consumer, through) in cursors {
                    try Cursors.advance(consumer, through: through, last: last, in: database)
                }
            }
            forget(cursors)
        }
        try handle.close()
    }

    private func forget(_ written: [String: Int64]) {
        acknowledged.withLock { waiting in waiting = waiting.filter { written[$0.key] != $0.value } }
    }

    /// The last counter value of each circuit that may be billed.
    public var lastAccepted: [CircuitID: CounterMark] { writer.withLock { $0.accepted } }

    /// The records after a sequence number, in order: readings, and gaps where some were lost.
    public func records(
        after sequence: Int64, limit: Int, byteLimit: Int = .max
    ) throws(StorageError) -> [TelemetryRecord] {
        let names = writer.withLock { $0.names }
        let records = try handle.read { database in
            let readings = try TelemetryBlock.records(after: sequence, limit: limit, names: names, in: database)
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

    var currentNames: TelemetryNames { writer.withLock { $0.names } }

    /// The sequence number of the newest record.
    public var lastSequence: Int64 { writer.withLock { $0.lastSequence } }

    /// How far a consumer has acknowledged the telemetry log; 0 before the first.
    public func cursor(of consumer: String) throws(StorageError) -> Int64 {
        if let waiting = acknowledged.withLock({ $0[consumer] }) { return waiting }
        return try handle.read { try Cursors.position(of: consumer, in: $0) }
    }

    /// Moves a consumer's cursor forward; an acknowledgement that is old, or ahead of the log, is none.
    /// Readings that every consumer has are kept until they are over the bound: they cost nothing then.
    public func advanceCursor(of consumer: String, through sequence: Int64) throws(StorageError) {
        guard sequence <= lastSequence, sequence > (try cursor(of: consumer)) else { return }
        acknowledged.withLock { $0[consumer] = sequence }
    }

    private static func head(_ database: Database) throws -> Row {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM telemetry_head") else {
            throw DamagedContent("it has no head")
        }
        try RowSeal.check(row, of: .telemetryHead)
        return row
    }
}
