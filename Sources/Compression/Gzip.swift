private import CZlib

/// Why bytes are not taken for gzip.
public enum GzipProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// No gzip, damaged, cut off, or with something after its end.
    case malformed
    /// More than the caller takes.
    case tooLong(limit: Int)

    public var description: String {
        switch self {
        case .malformed: "the body is no whole gzip stream"
        case .tooLong(let limit): "the body is longer than \(limit) bytes when unpacked"
        }
    }
}

/// One gzip member in memory (RFC 1952). The same bytes give the same stream: no time, no name is in it.
public enum Gzip {
    /// Window of 32 KiB, gzip frame.
    private static let windowBits: Int32 = 15 + 16
    private static let chunk = 64 * 1024

    /// - Parameter level: 1 (fast) to 9 (small).
    /// - Returns: nil where there is no memory for it.
    public static func compress(_ bytes: [UInt8], level: Int32 = 6) -> [UInt8]? {
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        var input = bytes
        let inputCount = input.count
        guard let inputSize = UInt32(exactly: inputCount), let outputSize = UInt32(exactly: bound) else { return nil }
        let packed = input.withUnsafeMutableBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: bound) { target, count in
                stream.next_in = source.baseAddress
                stream.avail_in = inputSize
                stream.next_out = target.baseAddress
                stream.avail_out = outputSize
                count = deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
            }
        }
        return packed.isEmpty ? nil : packed
    }

    /// - Parameter limit: the most bytes that may come out; what would be longer is not unpacked to its end.
    public static func expand(_ bytes: [UInt8], limit: Int) throws(GzipProblem) -> [UInt8] {
        var stream = z_stream()
        guard
            inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK,
            let inputSize = UInt32(exactly: bytes.count)
        else { throw .malformed }
        defer { inflateEnd(&stream) }
        var input = bytes
        var expanded: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: chunk)
        // Errors leave the closure as values: a typed throw does not pass through it.
        let problem: GzipProblem? = input.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = inputSize
            while true {
                var result = Z_DATA_ERROR
                let count = buffer.withUnsafeMutableBufferPointer { target in
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(chunk)
                    result = inflate(&stream, Z_NO_FLUSH)
                    return chunk - Int(stream.avail_out)
                }
                guard result == Z_OK || result == Z_STREAM_END else { return .malformed }
                guard expanded.count + count <= limit else { return .tooLong(limit: limit) }
                expanded += buffer[..<count]
                if result == Z_STREAM_END { return stream.avail_in == 0 ? nil : .malformed }
            }
        }
        if let problem { throw problem }
        return expanded
    }
}
