internal import Glibc

/// Small files and links that are there whole or not at all: written beside their place, fsync, rename, fsync
/// of the folder. Made by root, they go to whoever owns the folder above the identity's.
struct SafeFile {
    /// Owner and group of what is made; nil: whoever runs this.
    let owner: (user: uid_t, group: gid_t)?

    /// - Parameter path: what its maker owns belongs to it.
    init(likeFolder path: String) {
        var status = stat()
        owner = geteuid() == 0 && stat(path, &status) == 0 ? (status.st_uid, status.st_gid) : nil
    }

    func makeFolder(_ path: String) throws(IdentityProblem) {
        if mkdir(path, 0o700) != 0 {
            guard errno == EEXIST else { throw Self.failure(path) }
            return
        }
        try give(path)
        try Self.sync(Self.folder(of: path))
    }

    /// - Parameter mode: of the file from its first moment on.
    func write(_ text: String, to path: String, mode: mode_t) throws(IdentityProblem) {
        let temporary = path + ".part"
        guard unlink(temporary) == 0 || errno == ENOENT else { throw Self.failure(temporary) }
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Self.failure(path) }
        let bytes = Array(text.utf8)
        let isWritten = Glibc.write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        guard close(descriptor) == 0, isWritten else { throw Self.failure(path) }
        try give(temporary)
        try putInPlace(temporary, path)
    }

    /// Points a link at something else, in one step.
    func link(_ path: String, to target: String) throws(IdentityProblem) {
        let temporary = path + ".part"
        guard unlink(temporary) == 0 || errno == ENOENT, symlink(target, temporary) == 0 else {
            throw Self.failure(path)
        }
        try give(temporary)
        try putInPlace(temporary, path)
    }

    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(validating: buffer.prefix(count), as: UTF8.self) : nil
    }

    /// What a link says; nil where there is none.
    static func target(of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(validating: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }

    /// Removes a folder with the files of these names in it; what else it holds keeps it.
    static func remove(_ folder: String, files: [String]) {
        for file in files {
            unlink("\(folder)/\(file)")
            unlink("\(folder)/\(file).part")
        }
        rmdir(folder)
    }

    static func sync(_ path: String) throws(IdentityProblem) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    private func putInPlace(_ temporary: String, _ path: String) throws(IdentityProblem) {
        guard rename(temporary, path) == 0 else { throw Self.failure(path) }
        try Self.sync(Self.folder(of: path))
    }

    private func give(_ path: String) throws(IdentityProblem) {
        guard let owner else { return }
        guard lchown(path, owner.user, owner.group) == 0 else { throw Self.failure(path) }
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    private static func failure(_ path: String) -> IdentityProblem {
        .file(path: path, reason: String(cString: strerror(errno)))
    }
}
