private import CZlib
private import Glibc

/// Writes lines to a gzip file that is there whole or not at all: a temporary file, fsync, rename, fsync of
/// the directory.
struct GzipLineWriter: ~Copyable {
    private let path: String
    private let file: gzFile

    init(path: String) throws(StorageError) {
        guard let file = gzopen(DurableFile.temporaryPath(for: path), "wb6") else { throw DurableFile.failure(path) }
        self.path = path
        self.file = file
    }

    func write(line: String) throws(StorageError) {
        let bytes = Array((line + "\n").utf8)
        guard gzwrite(file, bytes, UInt32(truncatingIfNeeded: bytes.count)) == Int32(truncatingIfNeeded: bytes.count)
        else { throw DurableFile.failure(path) }
    }

    /// Puts the file in its place.
    consuming func finish() throws(StorageError) {
        guard gzclose(file) == Z_OK else { throw DurableFile.failure(path) }
        try DurableFile.putInPlace(path)
    }

    /// Leaves nothing behind.
    consuming func abandon() {
        gzclose(file)
        unlink(DurableFile.temporaryPath(for: path))
    }
}

/// Reads a gzip file line by line.
struct GzipLineReader: ~Copyable {
    private let path: String
    private let file: gzFile
    private var buffer: [CChar]

    /// A record's canonical JSON is far shorter.
    static let longestLine = 1 << 20

    init(path: String) throws(StorageError) {
        guard let file = gzopen(path, "rb") else {
            throw .unusable(path: path, reason: String(cString: strerror(errno)))
        }
        self.path = path
        self.file = file
        buffer = [CChar](repeating: 0, count: Self.longestLine + 2)
    }

    deinit { gzclose(file) }

    /// The next line without its end; nil after the last one.
    /// - Throws: `.unusable` for a file that is cut off, damaged, or no gzip file.
    mutating func next() throws(StorageError) -> String? {
        guard gzgets(file, &buffer, Int32(buffer.count)) != nil else {
            var code: Int32 = 0
            let message = gzerror(file, &code).map { String(cString: $0) } ?? ""
            // The end of a file that was cut off looks like the end, with Z_BUF_ERROR.
            guard code == Z_OK || code == Z_STREAM_END else {
                throw .unusable(path: path, reason: message.isEmpty ? "it is cut off" : message)
            }
            return nil
        }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        guard bytes.last == UInt8(ascii: "\n"), let line = String(validating: bytes.dropLast(), as: UTF8.self) else {
            throw .unusable(path: path, reason: "it holds something that is no line of text")
        }
        return line
    }
}
