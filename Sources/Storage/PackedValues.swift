/// Integers as zigzag varints: small values, of either sign, in few bytes.
struct PackedWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func append(bytes more: [UInt8]) { bytes += more }
}

/// Reads what `PackedWriter` wrote.
struct PackedReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    /// Nil where the bytes end within a value, or make none.
    mutating func next() -> Int64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count, shift < 64 {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return Int64(bitPattern: value >> 1) ^ -Int64(value & 1) }
            shift += 7
        }
        return nil
    }
}
