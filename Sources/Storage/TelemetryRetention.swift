internal import GRDB

/// Keeps the telemetry file within its bound: the oldest segments go first, and what a consumer has not
/// acknowledged of them leaves a gap record, which goes upstream in its place. Freezes may fill half of it.
struct TelemetryRetention {
    let largestBytes: Int64

    struct Evicted {
        /// Unacknowledged readings.
        var lost: Int64 = 0
        /// The `segment` of the last one that went; nil where there was none.
        var segment: Int64?
        /// False where there was nothing left to evict.
        var hasMadeRoom = false

        mutating func add(_ other: Evicted) {
            lost += other.lost
            segment = other.segment ?? segment
            hasMadeRoom = hasMadeRoom || other.hasMadeRoom
        }
    }

    /// The share of the bound that is filled; the rest is room for the commit that finds it full.
    private var target: Int64 { largestBytes / 8 * 7 }

    /// A segment that is small against the file, so that evicting one loses little.
    var largestSegment: Int { Int(min(256 * 1024, max(4096, largestBytes / 32))) }

    /// - Parameters:
    ///   - consumers: who is waited for; nil: whoever has a cursor.
    ///   - acknowledged: what consumers have acknowledged since the file was told.
    ///   - freezes: what is known of the freezes' size; measured here where it is needed for the first time.
    func evictOverBound(
        _ database: Database, consumers: Set<String>?, acknowledged: [String: Int64], freezes: inout FreezeSize?
    ) throws -> Evicted {
        var evicted = Evicted()
        while try usedBytes(database) > target {
            let one = try evictOldest(
                database, consumers: consumers, acknowledged: acknowledged, freezes: &freezes)
            guard one.hasMadeRoom else { break }
            evicted.add(one)
        }
        return evicted
    }

    /// Makes room whatever the bound says, for a file that could not grow. The finest goes first: interval
    /// readings; the freezes of hours, days, then months only where they fill more than their half, or where nothing
    /// else is left.
    func evictOldest(
        _ database: Database, consumers: Set<String>?, acknowledged: [String: Int64], freezes: inout FreezeSize?
    ) throws -> Evicted {
        var size = try freezes ?? FreezeTable.size(in: database)
        defer { freezes = size }
        if size.bytes > largestBytes / 2, try FreezeTable.dropOldest(&size, in: database) {
            return Evicted(hasMadeRoom: true)
        }
        let oldest = try Row.fetchOne(
            database, sql: "SELECT last - count AS before, segment FROM block ORDER BY last LIMIT 1")
        guard let oldest else { return Evicted(hasMadeRoom: try FreezeTable.dropOldest(&size, in: database)) }
        let before: Int64 = try oldest.need("before")
        let segment: Int64 = try oldest.need("segment")
        let next = try Int64.fetchOne(
            database, sql: "SELECT last - count FROM block WHERE segment > ? ORDER BY last LIMIT 1",
            arguments: [segment])
        let through = try next ?? Int64.fetchOne(database, sql: "SELECT max(last) FROM block") ?? before
        try database.execute(sql: "DELETE FROM block WHERE last <= ?", arguments: [through])
        try database.execute(sql: "DELETE FROM gap WHERE sequence <= ?", arguments: [through])
        // Numbers have no holes: all from the least cursor to here is what was lost by now.
        let least = try Cursors.least(of: consumers, acknowledged: acknowledged, in: database)
        guard through > least else { return Evicted(segment: segment, hasMadeRoom: true) }
        try database.execute(
            sql: "INSERT INTO gap VALUES (?, ?, 'evicted: over the bound')", arguments: [through, through - least])
        return Evicted(lost: through - max(least, before), segment: segment, hasMadeRoom: true)
    }

    private func usedBytes(_ database: Database) throws -> Int64 {
        func pragma(_ name: String) throws -> Int64 { try Int64.fetchOne(database, sql: "PRAGMA \(name)") ?? 0 }
        return (try pragma("page_count") - (try pragma("freelist_count"))) * (try pragma("page_size"))
    }
}
