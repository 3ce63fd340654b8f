public import MeterProfiles
public import Metering

/// One frame on the wire in words, for people who watch a bus.
public enum FrameWords {
    /// A request, without its CRC: `read input 0x0000 x 14`.
    public static func request(_ frame: [UInt8]) -> String {
        guard frame.count >= 6 else { return "unreadable: \(hexadecimal(frame))" }
        let address = "0x" + digits(word(frame, 2), 4)
        let value = word(frame, 4)
        switch frame[1] {
        case 0x01...0x04:
            let table = ["coils", "discrete inputs", "holding", "input"][Int(frame[1]) - 1]
            return "read \(table) \(address) x \(value)"
        case 0x05:
            return "write coil \(address) \(value == 0xFF00 ? "on" : value == 0 ? "off" : "0x" + digits(value, 4))"
        case 0x06: return "write \(address) = \(value)"
        case 0x0F: return "write coils \(address) x \(value) = \(hexadecimal(Array(frame.dropFirst(7))))"
        case 0x10:
            let words = stride(from: 7, to: frame.count - 1, by: 2).map { String(word(frame, $0)) }
            return "write \(address) x \(value) = \(words.joined(separator: " "))"
        default: return "function \(frame[1]): \(hexadecimal(Array(frame.dropFirst(2))))"
        }
    }

    /// What was read, by the profile where it is known: `voltage 230.1 V, active_power 276 W`; else the
    /// registers themselves.
    public static func values(_ words: [UInt16], of read: ReadRequest, profile: MeterProfile?) -> String {
        let named = profile?.decode(read, words).map { register, value in
            "\(register.channel) \(quantity(value, register.channel.quantity))"
        }
        let positions = profile?.relay?.positions(read, words).map { point, isClosed in
            "relay \(point) \(isClosed ? "closed" : "open")"
        }
        let all = (named ?? []) + (positions ?? [])
        if !all.isEmpty { return all.joined(separator: ", ") }
        switch read.table {
        case .coil, .discreteInput: return words.map { $0 == 0 ? "0" : "1" }.joined(separator: " ")
        case .holding, .input: return words.map { digits($0, 4) }.joined(separator: " ")
        }
    }

    /// What an exception code means (Modbus application protocol, 7).
    public static func exception(_ code: UInt8) -> String {
        let meaning: String? =
            switch code {
            case 1: "illegal function"
            case 2: "illegal data address"
            case 3: "illegal data value"
            case 4: "device failure"
            case 5: "acknowledge"
            case 6: "device busy"
            case 8: "memory parity error"
            case 10: "gateway path unavailable"
            case 11: "gateway target did not respond"
            default: nil
            }
        return "exception \(code)" + (meaning.map { " (\($0))" } ?? "")
    }

    public static func note(_ note: LineNote) -> String {
        switch note {
        case .lateAnswer(let unit, let after):
            "an answer of unit \(unit), \(after.wholeMilliseconds) ms after it was asked: it had been given up"
        case .secondAnswer(let unit): "a second answer of unit \(unit)"
        case .foreignFrame(let unit): "a frame of unit \(unit), which was not asked"
        case .noise(let bytes): "\(bytes) \(bytes == 1 ? "byte" : "bytes") that belong to no frame"
        case .localEcho: "the adapter hands back what it sends"
        }
    }

    /// `05 04 00 00`
    public static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { digits(UInt16($0), 2) }.joined(separator: " ")
    }

    /// The value in the unit people use: `230.1 V` for 230100 mV.
    static func quantity(_ value: Int64, _ quantity: Quantity) -> String {
        let unit = quantity.unit
        if unit == "1/1000" { return thousandths(value) }
        if unit.hasPrefix("m") { return "\(thousandths(value)) \(unit.dropFirst())" }
        if unit == "Wh" || unit == "varh" { return "\(thousandths(value)) k\(unit)" }
        if unit == "l" { return "\(thousandths(value)) m3" }
        return "\(value) \(unit)"
    }

    private static func thousandths(_ value: Int64) -> String {
        let whole = value.magnitude / 1000
        var fraction = String(value.magnitude % 1000)
        fraction = String(repeating: "0", count: 3 - fraction.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return (value < 0 ? "-" : "") + String(whole) + (fraction.isEmpty ? "" : ".\(fraction)")
    }

    private static func word(_ frame: [UInt8], _ index: Int) -> UInt16 {
        UInt16(frame[index]) << 8 | UInt16(frame[index + 1])
    }

    private static func digits(_ value: UInt16, _ count: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
}
