private import Glibc
private import Synchronization

/// A file of no use but to be given up: on a full disk not even a deletion goes through, and with its room
/// the ledger can say that the disk is full.
public final class Ballast: Sendable {
    public static let standardBytes = 4 * 1024 * 1024

    private let path: String
    private let bytes: Int
    private let held: Mutex<Bool>

    /// - Parameter path: in the file system that is to be kept writable.
    public init(path: String, bytes: Int = standardBytes) {
        self.path = path
        self.bytes = bytes
        held = Mutex(false)
        restore()
    }

    public var isHeld: Bool { held.withLock { $0 } }

    /// Gives the room back to the file system.
    /// - Returns: false where there was none to give.
    @discardableResult
    public func release() -> Bool {
        held.withLock { held in
            guard held else { return false }
            held = false
            return unlink(path) == 0
        }
    }

    /// Takes the room again where there is four times as much.
    /// - Returns: whether it is held now.
    @discardableResult
    public func restore() -> Bool {
        held.withLock { held in
            if held { return true }
            var status = stat()
            // One of an earlier run.
            if stat(path, &status) == 0, status.st_size >= bytes {
                held = true
                return true
            }
            var room = statvfs()
            let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            guard statvfs(folder, &room) == 0, UInt64(room.f_bavail) * UInt64(room.f_frsize) / 4 >= UInt64(bytes)
            else { return false }
            held = allocate()
            return held
        }
    }

    private func allocate() -> Bool {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard posix_fallocate(descriptor, 0, bytes) == 0 else {
            unlink(path)
            return false
        }
        return true
    }
}
