internal import GRDB
private import Glibc
public import Metering
internal import Synchronization
internal import UplinkProtocol

extension LedgerStore {
    /// Rows taken at a time, so that commits of the running site go on in between.
    private static let portion: Int64 = 500

    /// Seals the records of months that are over and that every consumer has acknowledged: they are written
    /// to an archive file, which is read back and proved, and named in the ledger. The rows stay until
    /// `dropSealedRows` has run.
    /// - Parameter monthStart: the first moment of the month that now runs, at the site.
    /// - Returns: what was sealed; nil where nothing was to be.
    public func seal(before monthStart: WallTime) throws(StorageError) -> SealedMonth? {
        let consumers = awaited.withLock { $0 }
        let stretch = try handle.read { try Self.stretch(before: monthStart, consumers: consumers, in: $0) }
        guard let stretch else { return nil }
        let archive = archive
        if mkdir(archive.folder, 0o750) != 0, errno != EEXIST {
            throw .unusable(path: archive.folder, reason: String(cString: strerror(errno)))
        }
        let month = try write(stretch, to: archive)
        try archive.read(month) { _ in true }
        try handle.write { try SealedMonthTable.insert(month, into: $0) }
        return month
    }

    /// Takes rows of sealed months out of the database, a portion at a time; what other rows refer to stays:
    /// recharges, openings, reversals and what they concern, and each account's last entry.
    /// - Returns: whether more are left.
    public func dropSealedRows() throws(StorageError) -> Bool {
        try handle.write { database in
            guard let last = try SealedMonthTable.newest(in: database)?.last else { return false }
            try database.execute(
                sql: """
                    DELETE FROM ledger WHERE sequence IN (
                        SELECT sequence FROM ledger WHERE sequence <= ?
                            AND concerns IS NULL
                            AND sequence NOT IN (SELECT concerns FROM ledger WHERE concerns IS NOT NULL)
                            AND sequence NOT IN (SELECT sequence FROM recharge)
                            AND sequence NOT IN (SELECT sequence FROM opening)
                            AND sequence NOT IN (
                                SELECT max(sequence) FROM ledger WHERE account IS NOT NULL GROUP BY account)
                        ORDER BY sequence LIMIT ?)
                    """, arguments: [last, Self.portion])
            return Int64(database.changesCount) == Self.portion
        }
    }

    /// Months are sealed once these have acknowledged them; whoever else has a cursor is not waited for.
    public func wait(for consumers: Set<String>) { awaited.withLock { $0 = consumers } }

    /// Sealed months, oldest first.
    public func sealedMonths() throws(StorageError) -> [SealedMonth] {
        try handle.read { try SealedMonthTable.all(in: $0) }
    }

    /// Records of a sealed month, in order; fewer than `limit` at its end.
    func archivedRecords(
        of month: SealedMonth, after sequence: Int64, limit: Int
    ) throws(StorageError) -> [LedgerRecord] {
        var records: [LedgerRecord] = []
        try archive.read(month) { record in
            if record.sequence > sequence { records.append(record) }
            return records.count < limit
        }
        return records
    }

    var archive: LedgerArchive {
        LedgerArchive(folder: String(path.dropLast("ledger.db".count)) + "archive")
    }

    private struct Stretch {
        let first: Int64
        let last: Int64
        let previous: ChainHash
    }

    /// What is to be sealed next: from the last seal to the last record before the first trusted one of this
    /// month. The order of records is that of their numbers; times only say where the month ends.
    private static func stretch(
        before monthStart: WallTime, consumers: Set<String>?, in database: Database
    ) throws -> Stretch? {
        let newest = try SealedMonthTable.newest(in: database)
        let from = newest?.last ?? 0
        let next = try Int64.fetchOne(
            database,
            sql: "SELECT sequence FROM ledger WHERE sequence > ? AND trust > 0 AND wall >= ? ORDER BY sequence LIMIT 1",
            arguments: [from, monthStart.millisecondsSince1970])
        let head = try LedgerWriter.head(database).sequence
        let last = next.map { $0 - 1 } ?? head
        guard last > from, try Cursors.least(of: consumers, in: database) >= last else { return nil }
        let first = try LedgerRow.fetch(database, where: "ledger.sequence = ?", [from + 1]).first
        guard let first else { throw DamagedContent("record \(from + 1) is missing") }
        return Stretch(first: from + 1, last: last, previous: newest?.lastHash ?? first.previous)
    }

    private func write(_ stretch: Stretch, to archive: LedgerArchive) throws(StorageError) -> SealedMonth {
        let name = SealedMonth.fileName(first: stretch.first, last: stretch.last)
        let writer = try GzipLineWriter(path: archive.path(of: name))
        var previous = stretch.previous
        var sequence = stretch.first - 1
        do {
            while sequence < stretch.last {
                let records = try handle.read { [sequence] database in
                    try LedgerRow.fetch(
                        database,
                        where: "ledger.sequence > ? AND ledger.sequence <= ? ORDER BY ledger.sequence LIMIT ?",
                        [sequence, stretch.last, Self.portion])
                }
                for record in records {
                    guard record.sequence == sequence + 1, record.previous == previous else {
                        throw StorageError.damaged(path: path, reason: "record \(sequence + 1) breaks the chain")
                    }
                    try writer.write(line: record.json.canonicalText)
                    (sequence, previous) = (record.sequence, record.hash)
                }
                guard !records.isEmpty else {
                    throw StorageError.damaged(path: path, reason: "record \(sequence + 1) is missing")
                }
            }
        } catch {
            writer.abandon()
            throw StorageError.from(error, path: path)
        }
        try writer.finish()
        return SealedMonth(
            first: stretch.first, last: stretch.last, previous: stretch.previous, lastHash: previous, file: name)
    }
}
