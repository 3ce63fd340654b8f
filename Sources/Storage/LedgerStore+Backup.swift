internal import GRDB
private import GRDBSQLite

extension LedgerStore {
    /// Copied at a time, so that commits of the running site go on in between: a quarter of a MiB.
    private static let pagesAStep: Int32 = 64

    /// A copy of the file as it is at the end of copying, whole, under another name.
    /// - Parameter copy: an absolute path; what is there is replaced only by a complete copy.
    public func backUp(to copy: String) throws(StorageError) { try backUp(to: copy) {} }

    /// - Parameter between: called between two steps; what is committed there is in the copy.
    func backUp(
        to copy: String, pagesAStep: Int32 = pagesAStep, between: () throws -> Void
    ) throws(StorageError) {
        let part = DurableFile.temporaryPath(for: copy)
        try DurableFile.remove(part)
        do {
            let backup = try OnlineBackup(of: handle, to: part)
            while try backup.step(pages: pagesAStep) { try between() }
            try backup.finish()
        } catch {
            try DurableFile.remove(part)
            throw StorageError.from(error, path: copy)
        }
        try DurableFile.putInPlace(copy)
    }
}

/// SQLite's online backup (https://www.sqlite.org/backup.html). What the connection that is copied from writes
/// meanwhile goes into the copy too.
private final class OnlineBackup {
    private let handle: DatabaseHandle
    private let target: OpaquePointer
    private var backup: OpaquePointer?

    init(of handle: DatabaseHandle, to path: String) throws {
        self.handle = handle
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil)
        guard code == SQLITE_OK, let opened else {
            sqlite3_close(opened)
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "\(path) cannot be made")
        }
        target = opened
        // The whole file is synced when it is complete.
        try run("PRAGMA synchronous = OFF")
        var started: OpaquePointer?
        try handle.outsideTransaction { started = sqlite3_backup_init(opened, "main", $0.sqliteConnection, "main") }
        guard started != nil else { throw failure(sqlite3_errcode(opened)) }
        backup = started
    }

    deinit {
        end()
        sqlite3_close(target)
    }

    /// - Returns: whether there is more.
    func step(pages: Int32) throws -> Bool {
        var code = SQLITE_OK
        // Other threads use the connection between two steps, never within one.
        try handle.outsideTransaction { _ in code = sqlite3_backup_step(backup, pages) }
        switch code {
        case SQLITE_DONE: return false
        case SQLITE_OK: return true
        default: throw failure(code)
        }
    }

    /// The copy is one file that stands by itself.
    func finish() throws {
        end()
        try run("PRAGMA journal_mode = DELETE")
    }

    private func end() {
        guard let ended = backup else { return }
        backup = nil
        // Where even this is refused, the connection is closed and nothing is left to end.
        try? handle.outsideTransaction { _ in sqlite3_backup_finish(ended) }
    }

    private func run(_ sql: String) throws {
        let code = sqlite3_exec(target, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func failure(_ code: Int32) -> DatabaseError {
        DatabaseError(resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errstr(code)))
    }
}
