private import Glibc

/// Small files that are there whole or not at all, whatever happens: written beside their place, fsync,
/// rename, fsync of the directory.
public enum DurableFile {
    /// Where a file is written before it is put in its place.
    static func temporaryPath(for path: String) -> String { path + ".part" }

    public static func replace(_ path: String, with bytes: [UInt8]) throws(StorageError) {
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
        try synchronise(folder(of: path))
    }

    /// Removes a file, where there is one.
    static func remove(_ path: String) throws(StorageError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure(path) }
    }

    /// Whether a name is taken.
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Moves a file or a folder to a new name, and makes sure of both names' folders.
    static func move(_ path: String, to other: String) throws(StorageError) {
        guard rename(path, other) == 0 else { throw failure(path) }
        try synchronise(folder(of: other))
        try synchronise(folder(of: path))
    }

    /// The names in a folder, sorted.
    static func names(in folder: String) throws(StorageError) -> [String] {
        guard let stream = opendir(folder) else { throw failure(folder) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes the oldest of what bears such a name in a folder, so that so many are left: files, and folders with
    /// what they hold.
    static func keepNewest(_ count: Int, withPrefix prefix: String, in folder: String) throws(StorageError) {
        var found: [(changed: Int, path: String)] = []
        for name in try names(in: folder) where name.hasPrefix(prefix) {
            var status = stat()
            let path = "\(folder)/\(name)"
            guard lstat(path, &status) == 0 else { continue }
            found.append((status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec, path))
        }
        for old in found.sorted(by: { $0.changed > $1.changed }).dropFirst(count) { try removeTree(old.path) }
    }

    private static func removeTree(_ path: String) throws(StorageError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        for name in try names(in: path) { try removeTree("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw failure(path) }
    }

    /// Copies a file's bytes; not yet synced.
    static func copy(_ path: String, to other: String) throws(StorageError) {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failure(path) }
        defer { close(source) }
        let target = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard target >= 0 else { throw failure(other) }
        defer { close(target) }
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count >= 0 else { throw failure(path) }
            if count == 0 { return }
            guard write(target, buffer, count) == count else { throw failure(other) }
        }
    }

    /// The first bytes of a file as text; nil where there is none.
    static func content(of path: String, atMost count: Int) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: count)
        let length = read(descriptor, &buffer, count)
        return String(decoding: buffer.prefix(max(0, length)), as: UTF8.self)
    }

    /// Makes sure of the names in a folder, or of a file's bytes.
    static func sync(_ path: String) throws(StorageError) { try synchronise(path) }

    private static func folder(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
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
