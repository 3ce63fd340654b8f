internal import GRDB

/// Keeps the telemetry file within its bound: the oldest readings go first, and those that a consumer
/// has not acknowledged leave a gap record, which goes upstream in their place.
struct TelemetryRetention {
    let largestBytes: Int64

    /// The share of the bound that is filled; the rest is room for the commit that finds it full.
    private var target: Int64 { largestBytes / 8 * 7 }

    /// - Returns: how many unacknowledged readings went.
    func evictOverBound(_ database: Database) throws -> Int64 {
        var lost: Int64 = 0
        while try usedBytes(database) > target {
            let evicted = try evict(database, share: 50)
            guard evicted.any else { break }
            lost += evicted.lost
        }
        return lost
    }

    /// Makes room whatever the bound says, for a file that could not grow.
    func evictOldest(_ database: Database) throws -> (any: Bool, lost: Int64) { try evict(database, share: 8) }

    private func usedBytes(_ database: Database) throws -> Int64 {
        func pragma(_ name: String) throws -> Int64 { try Int64.fetchOne(database, sql: "PRAGMA \(name)") ?? 0 }
        return (try pragma("page_count") - (try pragma("freelist_count"))) * (try pragma("page_size"))
    }

    /// Deletes the oldest of so many shares, so that not every commit has to.
    private func evict(_ database: Database, share: Int64) throws -> (any: Bool, lost: Int64) {
        guard let first = try Int64.fetchOne(database, sql: "SELECT min(sequence) FROM reading"),
            let last = try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM reading")
        else { return (false, 0) }
        let through = first + (last - first) / share
        try database.execute(sql: "DELETE FROM reading WHERE sequence <= ?", arguments: [through])
        // Numbers have no holes: all from the least cursor to here is what was lost by now.
        let acknowledged = try Cursors.least(in: database)
        try database.execute(sql: "DELETE FROM gap WHERE sequence <= ?", arguments: [through])
        guard through > acknowledged else { return (true, 0) }
        try database.execute(
            sql: "INSERT INTO gap VALUES (?, ?, 'evicted: over the bound')",
            arguments: [through, through - acknowledged])
        return (true, through - max(acknowledged, first - 1))
    }
}
