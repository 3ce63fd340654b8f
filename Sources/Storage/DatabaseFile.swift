internal import GRDB

/// How far a commit must have reached the flash before it counts (SQLite, PRAGMA synchronous).
enum Durability: Int {
    /// After a power cut the last commits may be missing; none is torn.
    case normal = 1
    /// A commit is on the flash when it returns.
    case full = 2
}

/// Opens the SQLite files the one way they may be opened: one connection, WAL, no memory map, and the
/// durability read back, because the library above sets its own after the preparation block.
enum DatabaseFile {
    /// Marks the files as ours: "MKEE".
    static let applicationID = 0x4D4B_4545

    static func open(
        path: String, durability: Durability, largestPages: Int, version: Int, layout: String
    ) throws(StorageError) -> DatabaseQueue {
        do {
            var configuration = Configuration()
            configuration.journalMode = .wal
            configuration.foreignKeysEnabled = true
            configuration.busyMode = .timeout(5)
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.inDatabase { database in
                try database.execute(sql: "PRAGMA synchronous = \(durability.rawValue)")
                try database.execute(sql: "PRAGMA max_page_count = \(largestPages)")
                try checkPragmas(database, durability: durability)
                let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                if found > version { throw StorageError.tooNew(path: path, version: found) }
            }
            try queue.write { database in
                guard try Int.fetchOne(database, sql: "PRAGMA user_version") == 0 else { return }
                try database.execute(sql: layout)
                try database.execute(sql: "PRAGMA application_id = \(applicationID)")
                try database.execute(sql: "PRAGMA user_version = \(version)")
            }
            try queue.inDatabase { try quickCheck($0, path: path) }
            return queue
        } catch {
            throw StorageError.from(error, path: path)
        }
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

    private static func quickCheck(_ database: Database, path: String) throws {
        let said = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "no answer"
        guard said == "ok" else { throw StorageError.damaged(path: path, reason: said) }
    }
}
