internal import GRDB
private import Glibc
private import Synchronization

/// One open file, and the memory of what stopped it: after a write that failed half-way, or once damage
/// was seen, nothing more is written until the file has been opened and checked again.
final class DatabaseHandle: Sendable {
    let path: String
    private let queue: DatabaseQueue
    private let stop = Mutex<StorageError?>(nil)

    init(path: String, opened: DatabaseFile.Opened) {
        self.path = path
        queue = opened.queue
        if let damage = opened.damage { note(.damaged(path: path, reason: damage)) }
    }

    var stopped: StorageError? { stop.withLock { $0 } }

    /// One whole transaction.
    func write<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        if let stopped { throw stopped }
        do { return try queue.write(body) } catch {
            if isReadOnlyDisk(error) { throw .readOnly(path) }
            throw noted(error)
        }
    }

    /// A file system that became read-only refuses the write itself: nothing is half-way, what was there can be read,
    /// and the next write may go through. SQLite calls it an I/O error all the same. A sync that failed is another
    /// matter.
    private func isReadOnlyDisk(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError,
            [.SQLITE_IOERR_WRITE, .SQLITE_IOERR_TRUNCATE].contains(error.extendedResultCode)
        else { return false }
        return access(path, W_OK) != 0 && errno == EROFS
    }

    /// Several statements that nothing comes between: there is one connection, and `body` has it to itself. So no
    /// transaction is opened, which would cost more than most of what is read.
    func read<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try queue.unsafeRead(body) } catch { throw noted(error) }
    }

    /// For what SQLite does not do within a transaction.
    func outsideTransaction(_ body: (Database) throws -> Void) throws(StorageError) {
        do { try queue.inDatabase(body) } catch { throw noted(error) }
    }

    func close() throws(StorageError) {
        do { try queue.close() } catch { throw StorageError.from(error, path: path) }
    }

    /// The first reason stays: what follows is its consequence.
    func note(_ error: StorageError) {
        stop.withLock { $0 = $0 ?? error }
    }

    private func noted(_ error: any Error) -> StorageError {
        let error = StorageError.from(error, path: path)
        if error.stopsWriting { note(error) }
        return error
    }
}
