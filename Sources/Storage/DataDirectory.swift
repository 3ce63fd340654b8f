private import CLinux
private import Glibc
public import Metering

/// The directory that holds all a gateway keeps. Held by one process at a time.
public final class DataDirectory: Sendable {
    public let path: String
    private let lock: Int32

    public var ledgerPath: String { path + "/ledger.db" }
    public var telemetryPath: String { path + "/telemetry.db" }
    public var ballastPath: String { path + "/ballast" }

    /// Creates the directory where it is missing (not its parents) and takes its lock.
    public init(path: String) throws(StorageError) {
        self.path = path
        if mkdir(path, 0o750) != 0, errno != EEXIST {
            if errno == EROFS { throw .readOnly(path) }
            throw .unusable(path: path, reason: String(cString: strerror(errno)))
        }
        let file = path + "/lock"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            // Not even its lock can be taken, and a ledger that was cut off could not be brought in order.
            if errno == EROFS { throw .readOnly(path) }
            throw .unusable(path: file, reason: String(cString: strerror(errno)))
        }
        if clinux_lock_exclusively(descriptor) != 0 {
            let code = errno
            guard code == EWOULDBLOCK else {
                close(descriptor)
                throw .unusable(path: file, reason: String(cString: strerror(code)))
            }
            let holder = Self.content(of: descriptor)
            close(descriptor)
            throw .locked(path: path, processID: holder.isEmpty ? "unknown" : holder)
        }
        let processID = Array("\(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, processID, processID.count, 0) }
        lock = descriptor
    }

    deinit { close(lock) }

    /// The latest wall time that was trusted in this directory; nil on a new box, or where the file says
    /// nothing that makes sense.
    public static func lastKnownTime(in path: String) -> WallTime? {
        let descriptor = open(path + "/last-known-time", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return Int64(content(of: descriptor)).map(WallTime.init(millisecondsSince1970:))
    }

    /// Keeps a wall time that is trusted now.
    public func keep(lastKnownTime wall: WallTime) throws(StorageError) {
        try DurableFile.replace(path + "/last-known-time", with: Array("\(wall.millisecondsSince1970)\n".utf8))
    }

    /// The configuration that a daemon last ran with, as it was written; nil where there is none.
    public static func lastGoodConfiguration(in path: String) -> [UInt8]? {
        let descriptor = open(path + "/gateway.yaml.last-good", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: largestConfiguration)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    /// Keeps the configuration that the daemon runs with.
    public func keep(lastGoodConfiguration text: [UInt8]) throws(StorageError) {
        guard text.count <= Self.largestConfiguration, text != Self.lastGoodConfiguration(in: path) else { return }
        try DurableFile.replace(path + "/gateway.yaml.last-good", with: text)
    }

    private static let largestConfiguration = 256 * 1024

    private static func content(of descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
