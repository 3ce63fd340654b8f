internal import GRDB

/// What a failure of the store means for the caller.
public enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process uses the data directory.
    case locked(path: String, processID: String)
    /// The directory or a file cannot be used at all.
    case unusable(path: String, reason: String)
    /// The disk or the file's quota is full: answer "not now".
    case full(String)
    /// The file system takes no writes.
    case readOnly(String)
    /// Another program holds the file; nothing was kept.
    case busy(String)
    /// Writing failed in a way that may have lost what was written: stop, re-open, verify.
    case mustReopen(String)
    /// The file is not what this program wrote.
    case damaged(path: String, reason: String)
    /// The file was written by a later version.
    case tooNew(path: String, version: Int)
    /// The change contradicts what is stored; nothing of it was kept.
    case refused(String)

    public var description: String {
        switch self {
        case .locked(let path, let processID):
            "\(path) is in use by process \(processID); stop it first (systemctl stop meterkeepd), or choose another 'data' directory"
        case .unusable(let path, let reason):
            "\(path) cannot be used: \(reason); check that it exists and belongs to the daemon's user"
        case .full(let path): "\(path): no space left; free space on the disk"
        case .readOnly(let path):
            "\(path): the file system is read-only; see what the kernel says of it (dmesg), then mount it writable"
        case .busy(let path): "\(path) is held by another program; close it (fuser \(path) names it)"
        case .mustReopen(let reason): "writing failed: \(reason); the store is closed, checked and opened again"
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason); every breaker is held until it is restored from a backup"
        case .tooNew(let path, let version):
            "\(path) has layout \(version), written by a later version; install that version again"
        case .refused(let reason): "refused by the store: \(reason)"
        }
    }

    /// Whether nothing may be written before the file has been opened and checked again.
    public var stopsWriting: Bool {
        switch self {
        case .mustReopen, .damaged: true
        default: false
        }
    }

    /// Whether the file must make room for a new one.
    public var needsAnotherFile: Bool {
        switch self {
        case .damaged, .tooNew: true
        default: false
        }
    }

    /// Sorts what SQLite reports by what must happen next.
    static func from(_ error: any Error, path: String) -> StorageError {
        if let known = error as? StorageError { return known }
        if let content = error as? DamagedContent { return .damaged(path: path, reason: content.reason) }
        guard let database = error as? DatabaseError else { return .mustReopen("\(error)") }
        switch database.resultCode {
        case .SQLITE_FULL: return .full(path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged(path: path, reason: database.message ?? "not a database")
        case .SQLITE_CONSTRAINT: return .refused(database.message ?? "a rule of the tables")
        case .SQLITE_READONLY: return .readOnly(path)
        case .SQLITE_BUSY, .SQLITE_LOCKED: return .busy(path)
        case .SQLITE_CANTOPEN, .SQLITE_PERM:
            return .unusable(path: path, reason: database.message ?? "it cannot be opened")
        default: return .mustReopen("\(database.resultCode.rawValue) \(database.message ?? "")")
        }
    }
}

/// Something read from a file that this program cannot have written.
struct DamagedContent: Error, CustomStringConvertible {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    var description: String { reason }
}
