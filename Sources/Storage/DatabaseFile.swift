internal import Failpoints
internal import GRDB

/// How far a commit must have reached the flash before it counts (SQLite, PRAGMA synchronous).
enum Durability: Int {
    /// After a power cut the last commits may be missing; none is torn.
    case normal = 1
    /// A commit is on the flash when it returns.
    case full = 2
}

/// The tables of one kind of file.
struct DatabaseLayout: Sendable {
    /// Marks the file as of this kind (PRAGMA application_id).
    let applicationID: Int
    /// Written as a whole whenever a byte of it changes (PRAGMA page_size).
    var pageBytes = 4096
    /// SQL from one version to the next, the first from an empty file. A step never changes once it has
    /// been shipped.
    let steps: [String]
    /// What no SQL says, in the transaction of the step that makes this version.
    var afterStep: [Int: @Sendable (Database) throws -> Void] = [:]

    /// What PRAGMA user_version says of a file with all steps done.
    var version: Int { steps.count }
}

/// Opens the SQLite files the one way they may be opened: one connection, WAL, no memory map, and the
/// durability read back, because the library above sets its own after the preparation block.
enum DatabaseFile {
    struct Opened {
        let queue: DatabaseQueue
        /// What is wrong with the file's pages; nothing has been written to it then.
        let damage: String?
    }

    /// A WAL file is cut back to this after a checkpoint.
    private static let journalBytes = 4 * 1024 * 1024

    static func open(
        path: String, durability: Durability, largestBytes: Int64, layout: DatabaseLayout
    ) throws(StorageError) -> Opened {
        do {
            var configuration = Configuration()
            configuration.journalMode = .wal
            configuration.foreignKeysEnabled = true
            configuration.busyMode = .timeout(5)
            // Of a new file; that of an old one stays.
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA page_size = \(layout.pageBytes)") }
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let damage = try queue.inDatabase { database -> String? in
                try set(database, durability: durability, largestBytes: largestBytes)
                try checkPragmas(database, durability: durability)
                if let fault = pageFault(database) { return fault }
                try checkKind(database, path: path, layout: layout)
                return nil
            }
            if damage == nil { try migrate(queue, layout: layout) }
            return Opened(queue: queue, damage: damage)
        } catch {
            throw StorageError.from(error, path: path)
        }
    }

    private static func set(_ database: Database, durability: Durability, largestBytes: Int64) throws {
        let pageSize = try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 4096
        try database.execute(
            sql: """
                PRAGMA synchronous = \(durability.rawValue);
                PRAGMA max_page_count = \(max(1, largestBytes / max(1, pageSize)));
                PRAGMA journal_size_limit = \(journalBytes);
                PRAGMA cell_size_check = ON;
                """)
    }

    private static func checkPragmas(_ database: Database, durability: Durability) throws {
        for (pragma, expected) in [("synchronous", durability.rawValue), ("foreign_keys", 1)] {
            let found = try Int.fetchOne(database, sql: "PRAGMA \(pragma)") ?? -1
            guard found >= expected else {
                throw StorageError.mustReopen("PRAGMA \(pragma) reads back \(found), \(expected) was asked for")
            }
        }
        let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode")
        guard mode == "wal" else { throw StorageError.mustReopen("journal mode is \(mode ?? "unknown"), not WAL") }
    }

    /// Nil for sound pages.
    private static func pageFault(_ database: Database) -> String? {
        do {
            let said = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "the check gives no answer"
            return said == "ok" ? nil : said
        } catch {
            return "\(error)"
        }
    }

    private static func checkKind(_ database: Database, path: String, layout: DatabaseLayout) throws {
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let kind = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let objects = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        let isNew = version == 0 && kind == 0 && objects == 0
        guard isNew || (version != 0 && kind == layout.applicationID) else {
            throw DamagedContent("it is not marked as this kind of file")
        }
        if version > layout.version { throw StorageError.tooNew(path: path, version: version) }
    }

    /// Each step is one transaction: a kill leaves the file before it or after it.
    private static func migrate(_ queue: DatabaseQueue, layout: DatabaseLayout) throws {
        let done = try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
        for (index, step) in layout.steps.enumerated().dropFirst(done) {
            try queue.write { database in
                try database.execute(sql: step)
                try layout.afterStep[index + 1]?(database)
                Failpoint.migrationWithinStep.pass()
                try database.execute(sql: "PRAGMA application_id = \(layout.applicationID)")
                try database.execute(sql: "PRAGMA user_version = \(index + 1)")
            }
        }
    }

    /// Where the tables are not as the layout makes them: a damaged declaration can change what a value
    /// means.
    static func layoutFault(_ database: Database, layout: DatabaseLayout) throws -> String? {
        let fresh = try DatabaseQueue()
        let expected = try fresh.write { fresh in
            for step in layout.steps { try fresh.execute(sql: step) }
            return try declarations(fresh)
        }
        return try declarations(database) == expected ? nil : "the tables are not declared as they must be"
    }

    private static func declarations(_ database: Database) throws -> [String] {
        try String.fetchAll(
            database,
            sql: "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, '') FROM sqlite_schema ORDER BY 1"
        )
    }
}
