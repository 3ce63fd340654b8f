/// Integers packed as zigzag varints: small values, of either sign, in few bytes.
enum PackedValues {
    static func pack(_ values: [Int64]) -> [UInt8] {
        var bytes: [UInt8] = []
        for value in values {
            var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
            while rest >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
        return bytes
    }

    /// Nil unless the bytes are exactly `count` values.
    static func unpack(_ bytes: some Sequence<UInt8>, count: Int) -> [Int64]? {
        var values: [Int64] = []
        var value: UInt64 = 0
        var shift: UInt64 = 0
        for byte in bytes {
            guard shift < 64 else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            shift += 7
            guard byte & 0x80 == 0 else { continue }
            values.append(Int64(bitPattern: value >> 1) ^ -Int64(value & 1))
            (value, shift) = (0, 0)
        }
        return shift == 0 && values.count == count ? values : nil
    }
}
