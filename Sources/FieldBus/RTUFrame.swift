package import MeterProfiles

/// Requests and answers of Modbus RTU as bytes, without their line.
package enum RTUFrame {
    /// The request without its CRC, which the transport adds.
    package static func request(unit: UInt8, read: ReadRequest) -> [UInt8] {
        let count = UInt16(truncatingIfNeeded: read.count)
        return [
            unit, read.table.rawValue, high(read.address), low(read.address), high(count), low(count),
        ]
    }

    static func request(unit: UInt8, write: RelayWrite) -> [UInt8] {
        switch write {
        case .coil(let address, let value): [unit, 0x05, high(address), low(address), value ? 0xFF : 0x00, 0x00]
        case .register(let address, let value): [unit, 0x06, high(address), low(address), high(value), low(value)]
        case .registers(let address, let values):
            [unit, 0x10, high(address), low(address), 0, UInt8(truncatingIfNeeded: values.count)]
                + [UInt8(truncatingIfNeeded: values.count * 2)] + values.flatMap { [high($0), low($0)] }
        }
    }

    /// CRC-16, polynomial 0xA001, low byte first (Modbus serial line specification, 6.2.2).
    package static func crc(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var crc: UInt16 = 0xFFFF
        for byte in bytes {
            crc ^= UInt16(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xA001 : crc >> 1 }
        }
        return [UInt8(crc & 0xFF), UInt8(crc >> 8)]
    }

    /// Whether the last two bytes are the CRC of the others.
    static func isSealed(_ frame: ArraySlice<UInt8>) -> Bool {
        frame.count >= 4 && crc(frame.dropLast(2)).elementsEqual(frame.suffix(2))
    }

    /// How long another master's request is, and what repeats it.
    static let requestLength = 8

    /// How long an answer is that begins like this, by what it says of itself; nil where it does not say.
    static func answerLength(_ start: ArraySlice<UInt8>) -> Int? {
        guard start.count >= 3 else { return nil }
        switch start[start.startIndex + 1] {
        case 0x01, 0x02, 0x03, 0x04: return 5 + Int(start[start.startIndex + 2])
        case 0x05, 0x06, 0x0F, 0x10: return 8
        case 0x80...: return 5
        default: return nil
        }
    }

    /// The length of the whole, sealed frame at the beginning of `rest`: an answer, or another master's
    /// request.
    static func wholeFrame(_ rest: ArraySlice<UInt8>) -> Int? {
        [answerLength(rest), requestLength].compactMap(\.self).first { $0 <= rest.count && isSealed(rest.prefix($0)) }
    }

    private static func high(_ word: UInt16) -> UInt8 { UInt8(word >> 8) }
    private static func low(_ word: UInt16) -> UInt8 { UInt8(word & 0xFF) }
}
