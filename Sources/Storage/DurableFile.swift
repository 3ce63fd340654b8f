private import Glibc

/// Small files that are there whole or not at all, whatever happens: written beside their place, fsync,
/// rename, fsync of the directory.
enum DurableFile {
    /// Where a file is written before it is put in its place.
    static func temporaryPath(for path: String) -> String { path + ".part" }

    static func replace(_ path: String, with bytes: [UInt8]) throws(StorageError) {
        let temporary = temporaryPath(for: path)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw failure(path) }
        let written = write(descriptor, bytes, bytes.count)
        guard close(descriptor) == 0, written == bytes.count else { throw failure(path) }
        try putInPlace(path)
    }

    /// Puts what was written to the temporary path in its place.
    static func putInPlace(_ path: String) throws(StorageError) {
        let temporary = temporaryPath(for: path)
        try synchronise(temporary)
        guard rename(temporary, path) == 0 else { throw failure(path) }
        try synchronise(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
    }

    /// What errno says of a file.
    static func failure(_ path: String) -> StorageError {
        errno == ENOSPC || errno == EDQUOT
            ? .full(path) : .unusable(path: path, reason: String(cString: strerror(errno)))
    }

    private static func synchronise(_ path: String) throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }
}
