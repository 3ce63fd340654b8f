internal import GRDB
private import Glibc
private import Synchronization

/// One open file, and the memory of what stopped it: after a write that failed half-way, or once damage
/// was seen, nothing more is written until the file has been opened and checked again.
final class DatabaseHandle: Sendable {
    private struct Content {
        /// Nil while the file is not open: then `stop` says why.
        var queue: DatabaseQueue?
        var stop: StorageError?
    }

    let path: String
    private let content: Mutex<Content>

    init(path: String, opened: DatabaseFile.Opened) {
        self.path = path
        content = Mutex(Content(queue: opened.queue))
        if let damage = opened.damage { note(.damaged(path: path, reason: damage)) }
    }

    /// A file that is not open yet: every call fails for this reason.
    init(path: String, unopened reason: StorageError) {
        self.path = path
        content = Mutex(Content(stop: reason))
    }

    var stopped: StorageError? { content.withLock { $0.stop } }

    /// Closes the file, and opens it again; where that fails it stays closed for the new reason.
    func reopen(_ open: () throws(StorageError) -> DatabaseFile.Opened) throws(StorageError) {
        shut(for: stopped ?? .unusable(path: path, reason: "it is being opened again"))
        do throws(StorageError) {
            let opened = try open()
            let damage = opened.damage.map { StorageError.damaged(path: path, reason: $0) }
            content.withLock { $0 = Content(queue: opened.queue, stop: damage) }
        } catch {
            content.withLock { $0.stop = error }
            throw error
        }
    }

    /// Lets go of the file; every later call fails for this reason.
    func shut(for reason: StorageError) {
        let queue = content.withLock { content -> DatabaseQueue? in
            defer { content = Content(stop: reason) }
            return content.queue
        }
        // What cannot be written at its end is found when it is opened again.
        try? queue?.close()
    }

    private func queue() throws(StorageError) -> DatabaseQueue {
        let (queue, stop) = content.withLock { ($0.queue, $0.stop) }
        guard let queue else { throw stop ?? .unusable(path: path, reason: "it is not open") }
        return queue
    }

    /// One whole transaction.
    func write<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        if let stopped { throw stopped }
        let queue = try queue()
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
        let queue = try queue()
        do { return try queue.unsafeRead(body) } catch { throw noted(error) }
    }

    /// For what SQLite does not do within a transaction.
    func outsideTransaction(_ body: (Database) throws -> Void) throws(StorageError) {
        let queue = try queue()
        do { try queue.inDatabase(body) } catch { throw noted(error) }
    }

    func close() throws(StorageError) {
        guard let queue = content.withLock({ $0.queue }) else { return }
        do { try queue.close() } catch { throw StorageError.from(error, path: path) }
    }

    /// The first reason stays: what follows is its consequence.
    func note(_ error: StorageError) {
        content.withLock { $0.stop = $0.stop ?? error }
    }

    private func noted(_ error: any Error) -> StorageError {
        let error = StorageError.from(error, path: path)
        if error.stopsWriting { note(error) }
        return error
    }
}
