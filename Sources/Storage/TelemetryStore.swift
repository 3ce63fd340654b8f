internal import Failpoints
internal import GRDB
public import Metering
internal import Synchronization
public import UplinkProtocol

/// `telemetry.db`: readings on their way upstream, bounded and evictable, and the last accepted counters.
/// Committed in groups; a group is on the flash when its commit returns, because a number that went
/// upstream must never be given to another reading. Methods block.
public final class TelemetryStore: Sendable {
    let handle: DatabaseHandle
    let retention: TelemetryRetention
    let newEpoch: String
    let writer: Mutex<TelemetryWriter>
    /// Acknowledgements that wait for the next commit: written by themselves each would cost as much as a
    /// group of readings. One that is lost is acknowledged again.
    private let acknowledged = Mutex<[String: Int64]>([:])
    let resumes = Mutex<[TelemetryBlock.Resume]>([])
    private let awaited = Mutex<Set<String>?>(nil)
    let startedFile = Mutex(false)

    /// Why readings with numbers had to go before they were written.
    public static let skippedReason = "given up: they could not be written"

    public var path: String { handle.path }

    /// New with every new file; empty while the file could not be opened.
    public var epoch: String { writer.withLock { $0.epoch } }

    /// Why nothing is written any more, or nil. `.damaged`: move it aside. All else: `reopen`.
    public var stopped: StorageError? { handle.stopped }

    /// Whether this run started the file.
    public var isNew: Bool { startedFile.withLock { $0 } }

    /// Whether numbers that were given out in this run hold: never before the file could be opened and written.
    public var hasNumbers: Bool { writer.withLock { $0.ownsReserved } }

    /// - Parameters:
    ///   - newEpoch: the epoch to start where the file is new.
    ///   - largestBytes: a ceiling on the file; the oldest readings go before it is reached.
    public convenience init(path: String, newEpoch: String, largestBytes: Int64 = 256 << 20) throws(StorageError) {
        self.init(unopened: path, newEpoch: newEpoch, largestBytes: largestBytes)
        try reopen()
        if !hasNumbers { try closeReservation() }
    }

    init(unopened path: String, newEpoch: String, largestBytes: Int64) {
        retention = TelemetryRetention(largestBytes: largestBytes)
        self.newEpoch = newEpoch
        handle = DatabaseHandle(path: path, unopened: .unusable(path: path, reason: "it is not open"))
        writer = Mutex(TelemetryWriter())
    }

    /// What one commit writes.
    public struct Group: Sendable {
        public var readings: [Reading] = []
        /// Readings before these that had to be given up, though they have numbers.
        public var skipped: Int64 = 0
        /// They replace what was kept of their circuits.
        public var lastAccepted: [CircuitID: CounterMark] = [:]
        public var freezes: [Freeze] = []
        /// So many numbers after the last one may be used for readings that are in memory only, until the next
        /// commit writes them: after a sudden end these numbers are a gap, and nothing else.
        public var reserve: Int64 = 0

        public init() {}

        var isEmpty: Bool { readings.isEmpty && lastAccepted.isEmpty && freezes.isEmpty && skipped == 0 }
    }

    /// Commits a group of readings and the last accepted counters of some circuits, and evicts what is over the
    /// bound.
    /// - Returns: how many unacknowledged readings were evicted.
    @discardableResult
    public func commit(
        readings: [Reading], lastAccepted: [CircuitID: CounterMark], freezes: [Freeze] = []
    ) throws(StorageError) -> Int64 {
        var group = Group()
        (group.readings, group.lastAccepted, group.freezes) = (readings, lastAccepted, freezes)
        return try commit(group)
    }

    @discardableResult
    public func commit(_ group: Group) throws(StorageError) -> Int64 {
        try writer.withLock { writer throws(StorageError) in
            guard !group.isEmpty || writer.lastSequence + group.reserve != writer.reserved else { return 0 }
            var evicted: Int64 = 0
            while true {
                do throws(StorageError) { return evicted + (try append(group, with: &writer)) } catch {
                    guard case .full = error else { throw error }
                    // Room is made first, then once more, as long as there is anything to evict.
                    let oldest = try makeRoom(&writer)
                    guard oldest.hasMadeRoom else { throw error }
                    evicted += oldest.lost
                }
            }
        }
    }

    private func makeRoom(_ writer: inout TelemetryWriter) throws(StorageError) -> TelemetryRetention.Evicted {
        var next = writer
        let cursors = acknowledged.withLock { $0 }
        let evicted = try handle.write { database in
            let evicted = try retention.evictOldest(
                database, consumers: consumers, acknowledged: cursors, freezes: &next.freezeSize)
            try Self.write(cursors, last: next.lastSequence, into: database)
            return evicted
        }
        if evicted.segment != nil { next.startSegment() }
        writer = next
        return evicted
    }

    /// An acknowledgement of what is in memory only is written with it.
    private static func write(_ cursors: [String: Int64], last: Int64, into database: Database) throws {
        for (consumer, through) in cursors {
            try Cursors.advance(consumer, through: min(through, last), last: last, in: database)
        }
    }

    private func append(_ group: Group, with writer: inout TelemetryWriter) throws(StorageError) -> Int64 {
        var next = writer
        let cursors = acknowledged.withLock { $0 }
        Failpoint.telemetryBeforeCommit.pass()
        defer { Failpoint.telemetryAfterCommit.pass() }
        let evicted = try handle.write { database in
            try next.closeReservation(in: database)
            try next.skip(group.skipped, reason: Self.skippedReason, in: database)
            try next.append(group.readings, into: database)
            Failpoint.telemetryWithinCommit.pass()
            try next.write(group.freezes, into: database)
            next.reserve(group.reserve)
            try next.writeHead(group.lastAccepted, into: database)
            try Self.write(cursors, last: next.lastSequence, into: database)
            return try retention.evictOverBound(
                database, consumers: consumers, acknowledged: cursors, freezes: &next.freezeSize)
        }
        if let segment = evicted.segment, segment == next.segment { next.startSegment() }
        writer = next
        forget(cursors.filter { $0.value <= next.lastSequence })
        return evicted.lost
    }

    /// Ends the use of the file; every later call fails.
    public func close() throws(StorageError) {
        let cursors = acknowledged.withLock { $0 }
        if !cursors.isEmpty, stopped == nil {
            let last = lastSequence
            try handle.write { try Self.write(cursors, last: last, into: $0) }
            forget(cursors)
        }
        try handle.close()
    }

    private func forget(_ written: [String: Int64]) {
        acknowledged.withLock { waiting in waiting = waiting.filter { written[$0.key] != $0.value } }
    }

    /// The last counter value of each circuit that may be billed.
    public var lastAccepted: [CircuitID: CounterMark] { writer.withLock { $0.accepted } }

    /// The entries after a sequence number, in order: readings, and gaps where some were lost.
    /// - Parameters:
    ///   - limit: the most entries; fewer may come though there are more.
    ///   - byteLimit: about the most bytes of canonical JSON; the first entry comes whatever its length.
    public func entries(
        after sequence: Int64, limit: Int, byteLimit: Int = .max
    ) throws(StorageError) -> [TelemetryEntry] {
        try entries(after: sequence, limit: limit, endsWithBlock: true).withinBytes(byteLimit)
    }

    /// As `entries`, one by one, and as many as there are up to the limit.
    public func records(after sequence: Int64, limit: Int) throws(StorageError) -> [TelemetryRecord] {
        try entries(after: sequence, limit: limit, endsWithBlock: false).map(\.record)
    }

    private func entries(
        after sequence: Int64, limit: Int, endsWithBlock: Bool
    ) throws(StorageError) -> [TelemetryEntry] {
        let names = currentNames
        var resumes = resumes.withLock { $0 }
        self.resumes.withLock { $0 = [] }
        defer { self.resumes.withLock { [resumes] in $0 = resumes } }
        return try handle.read { database in
            let readings = try TelemetryBlock.entries(
                after: sequence, limit: limit, endsWithBlock: endsWithBlock, names: names, resumes: &resumes,
                in: database)
            let select = try database.cachedStatement(
                sql: "SELECT * FROM gap WHERE sequence > ? ORDER BY sequence LIMIT ?")
            let gaps = try Row.fetchAll(select, arguments: [sequence, limit]).map { row in
                TelemetryEntry.gap(
                    sequence: try row.need("sequence"), count: try row.need("count"), reason: try row.need("reason"))
            }
            guard !gaps.isEmpty else { return readings }
            // Where readings end early, what lies behind them is told another time.
            let end = readings.last.map { readings.count < limit && !endsWithBlock ? .max : $0.sequence } ?? .max
            let merged = (readings + gaps.filter { $0.sequence <= end }).sorted { $0.sequence < $1.sequence }
            return Array(merged.prefix(limit))
        }
    }

    var currentNames: TelemetryNames { writer.withLock { $0.names } }

    /// The sequence number of the newest record that is in the file.
    public var lastSequence: Int64 { writer.withLock { $0.lastSequence } }

    /// Numbers up to here may be used for readings that are in memory only.
    public var reservedSequence: Int64 {
        writer.withLock { $0.ownsReserved ? max($0.reserved, $0.lastSequence) : $0.lastSequence }
    }

    /// How far a consumer has acknowledged the telemetry log; 0 before the first.
    public func cursor(of consumer: String) throws(StorageError) -> Int64 {
        if let waiting = acknowledged.withLock({ $0[consumer] }) { return waiting }
        return try handle.read { try Cursors.position(of: consumer, in: $0) }
    }

    /// What is evicted before these have acknowledged it is lost, and told so; whoever else has a cursor is not
    /// waited for.
    public func wait(for consumers: Set<String>) { awaited.withLock { $0 = consumers } }

    private var consumers: Set<String>? { awaited.withLock { $0 } }

    /// Moves a consumer's cursor forward; an acknowledgement that is old, or ahead of the log, is none.
    /// Readings that every consumer has are kept until they are over the bound: they cost nothing then.
    public func advanceCursor(of consumer: String, through sequence: Int64) throws(StorageError) {
        guard sequence <= reservedSequence, sequence > (try cursor(of: consumer)) else { return }
        acknowledged.withLock { $0[consumer] = sequence }
    }

    static func head(_ database: Database) throws -> Row {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM telemetry_head") else {
            throw DamagedContent("it has no head")
        }
        try RowSeal.check(row, of: .telemetryHead)
        return row
    }
}
