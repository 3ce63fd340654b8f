public import MeterProfiles

/// Requests and answers of Modbus RTU from the meter's side. Written apart from the daemon's own frames,
/// so that each is the other's check.
public enum ServerFrame {
    /// What a master asks.
    public enum Request: Hashable, Sendable {
        case read(RegisterTable, address: UInt16, count: Int)
        case write(RelayWrite)
        /// FC0F
        case writeCoils(address: UInt16, values: [Bool])
        case unsupported(function: UInt8)
        /// A value or a count that the function does not have.
        case malformed(function: UInt8)
    }

    /// The length of the request that starts with these bytes, its CRC included; nil until it is known.
    public static func requestLength(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 2 else { return nil }
        switch bytes[1] {
        case 0x0F, 0x10: return bytes.count >= 7 ? 9 + Int(bytes[6]) : nil
        default: return 8
        }
    }

    /// Reads a whole request; nil where its CRC is wrong.
    public static func parse(_ frame: [UInt8]) -> (unit: UInt8, request: Request)? {
        guard frame.count >= 8, crc(frame.dropLast(2)) == Array(frame.suffix(2)) else { return nil }
        func word(_ offset: Int) -> UInt16 { UInt16(frame[offset]) << 8 | UInt16(frame[offset + 1]) }
        let address = word(2)
        let request: Request
        switch frame[1] {
        case 1...4:
            guard let table = RegisterTable(rawValue: frame[1]) else { return nil }
            request = .read(table, address: address, count: Int(word(4)))
        case 5:
            guard word(4) == 0xFF00 || word(4) == 0 else { return (frame[0], .malformed(function: 5)) }
            request = .write(.coil(address: address, value: frame[4] == 0xFF))
        case 6: request = .write(.register(address: address, value: word(4)))
        case 0x0F:
            let count = Int(word(4))
            guard frame.count == 9 + Int(frame[6]), (1...1968).contains(count), Int(frame[6]) == (count + 7) / 8 else {
                return (frame[0], .malformed(function: 0x0F))
            }
            request = .writeCoils(
                address: address,
                values: (0..<count).map { frame[7 + $0 / 8] >> UInt8($0 % 8) & 1 == 1 })
        case 0x10:
            guard frame.count == 9 + Int(frame[6]), (1...123).contains(word(4)), Int(frame[6]) == 2 * Int(word(4))
            else {
                return (frame[0], .malformed(function: 0x10))
            }
            let values = stride(from: 7, to: frame.count - 2, by: 2).map { word($0) }
            request = .write(.registers(address: address, values: values))
        default: request = .unsupported(function: frame[1])
        }
        return (frame[0], request)
    }

    public static func answer(unit: UInt8, table: RegisterTable, words: [UInt16]) -> [UInt8] {
        var data: [UInt8]
        switch table {
        case .coil, .discreteInput:
            data = [UInt8](repeating: 0, count: (words.count + 7) / 8)
            for (index, word) in words.enumerated() where word != 0 { data[index / 8] |= 1 << UInt8(index % 8) }
        case .holding, .input: data = words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        }
        return seal([unit, table.rawValue, UInt8(truncatingIfNeeded: data.count)] + data)
    }

    /// The answer to a write: its first six bytes again.
    public static func echo(of request: [UInt8]) -> [UInt8] { seal(Array(request.prefix(6))) }

    public static func exception(unit: UInt8, function: UInt8, code: UInt8) -> [UInt8] {
        seal([unit, function | 0x80, code])
    }

    public static func seal(_ bytes: [UInt8]) -> [UInt8] { bytes + crc(bytes) }

    /// CRC-16, polynomial 0xA001, low byte first (Modbus serial line specification, 6.2.2).
    static func crc(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var crc: UInt16 = 0xFFFF
        for byte in bytes {
            crc ^= UInt16(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xA001 : crc >> 1 }
        }
        return [UInt8(crc & 0xFF), UInt8(crc >> 8)]
    }
}
