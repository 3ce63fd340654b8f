private import Glibc

/// A file that goes into a backup, to be read once from its start to its end. It needs no name while it is read.
public final class BackupSource: Sendable {
    public let byteCount: Int64
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DurableFile.failure(path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            close(descriptor)
            throw DurableFile.failure(path)
        }
        self.path = path
        self.descriptor = descriptor
        byteCount = Int64(status.st_size)
    }

    deinit { close(descriptor) }

    /// - Returns: what stands from `offset` on, at most `count` bytes; none at the end.
    public func bytes(at offset: Int64, atMost count: Int) throws(StorageError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let length = pread(descriptor, &buffer, count, off_t(offset))
        guard length >= 0 else { throw DurableFile.failure(path) }
        buffer.removeLast(count - length)
        return buffer
    }
}

extension LedgerStore {
    /// A copy of the ledger as it is now. It is made beside the ledger, where this process may write, and is gone with
    /// its last reader.
    public func copy() throws(StorageError) -> BackupSource {
        let place = path + ".backup"
        try backUp(to: place)
        let source = try BackupSource(place)
        try DurableFile.remove(place)
        return source
    }

    /// The file of a sealed month; nil where no month has one of that name.
    public func sealedFile(_ name: String) throws(StorageError) -> BackupSource? {
        guard try sealedMonths().contains(where: { $0.file == name }) else { return nil }
        return try BackupSource(archive.path(of: name))
    }
}

/// Writes a file bit by bit that is there whole or not at all.
public final class DurableFileWriter {
    private let path: String
    private var descriptor: Int32

    /// Only its owner may read it: it holds what customers owe.
    public init(_ path: String) throws(StorageError) {
        self.path = path
        descriptor = open(DurableFile.temporaryPath(for: path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DurableFile.failure(path) }
    }

    /// What was not finished leaves nothing behind.
    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(DurableFile.temporaryPath(for: path))
    }

    public func append(_ bytes: [UInt8]) throws(StorageError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw DurableFile.failure(path) }
            written += count
        }
    }

    /// Puts it in its place; what was there before is gone then.
    public func finish() throws(StorageError) {
        guard close(descriptor) == 0 else {
            descriptor = -1
            throw DurableFile.failure(path)
        }
        descriptor = -1
        try DurableFile.putInPlace(path)
    }
}
