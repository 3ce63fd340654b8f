/// Why bytes are not acceptable JSON.
public struct JSONProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public let offset: Int
    public let what: String

    public var description: String { "at byte \(offset): \(what)" }
}

/// Reads JSON (RFC 8259) and refuses what common readers let pass: numbers that are not whole, keys
/// given twice, text that is not UTF-8, and anything deeper or longer than it has reason to be.
public struct StrictJSON {
    /// Objects and arrays within one another.
    public static let deepest = 16

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    /// - Parameter limit: the most bytes that are looked at.
    public static func parse(_ bytes: [UInt8], limit: Int = 4 * 1024 * 1024) throws(JSONProblem) -> JSONValue {
        guard bytes.count <= limit else { throw JSONProblem(offset: limit, what: "longer than \(limit) bytes") }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw JSONProblem(offset: 0, what: "not UTF-8")
        }
        var reader = StrictJSON(bytes: bytes)
        let value = try reader.value()
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.problem("more follows after the value") }
        return value
    }

    public static func parse(_ text: String) throws(JSONProblem) -> JSONValue { try parse(Array(text.utf8)) }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func problem(_ what: String) -> JSONProblem { JSONProblem(offset: position, what: what) }
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONProblem) -> JSONValue {
        skipSpace()
        switch next ?? 0 {
        case UInt8(ascii: "{"): return try nested { reader throws(JSONProblem) in try reader.object() }
        case UInt8(ascii: "["): return try nested { reader throws(JSONProblem) in try reader.array() }
        case UInt8(ascii: "\""): return .string(try text())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw problem("a value was expected")
        }
    }

    private mutating func nested(
        _ read: (inout StrictJSON) throws(JSONProblem) -> JSONValue
    ) throws(JSONProblem) -> JSONValue {
        depth += 1
        guard depth <= Self.deepest else { throw problem("deeper than \(Self.deepest)") }
        defer { depth -= 1 }
        position += 1
        return try read(&self)
    }

    private mutating func object() throws(JSONProblem) -> JSONValue {
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw problem("a key was expected") }
            let key = try text()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw problem("':' was expected") }
            let value = try value()
            guard members.updateValue(value, forKey: key) == nil else {
                throw problem("the key '\(key)' is given twice")
            }
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw problem("',' or '}' was expected") }
            return .object(members)
        }
    }

    private mutating func array() throws(JSONProblem) -> JSONValue {
        var values: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(values) }
        while true {
            values.append(try value())
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw problem("',' or ']' was expected") }
            return .array(values)
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(JSONProblem) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else { throw problem("a value was expected") }
        position += word.utf8.count
        return value
    }

    private mutating func number() throws(JSONProblem) -> JSONValue {
        let isNegative = take(UInt8(ascii: "-"))
        let digits = position
        var value: Int64 = 0
        var isBeyond = false
        while position < bytes.count {
            // Below the zero it wraps around to far above nine.
            let digit = Int64(bytes[position] &- UInt8(ascii: "0"))
            guard digit <= 9 else { break }
            position += 1
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            // Downwards for a negative one: there is one more of them.
            let (sum, carry) =
                isNegative ? tenfold.subtractingReportingOverflow(digit) : tenfold.addingReportingOverflow(digit)
            isBeyond = isBeyond || overflow || carry
            value = sum
        }
        guard position > digits else { throw problem("a digit was expected") }
        if bytes[digits] == UInt8(ascii: "0"), position > digits + 1 { throw problem("a number with a leading zero") }
        switch next {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
            throw problem("a number that is not written as a whole one")
        default: break
        }
        guard !isBeyond else { throw problem("a number beyond 64 bits") }
        return .integer(value)
    }

    private mutating func text() throws(JSONProblem) -> String {
        position += 1
        var content: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"): content += try escape()
            case 0..<0x20: throw problem("a control character in text")
            default: content.append(byte)
            }
        }
        throw problem("text without an end")
    }

    private mutating func escape() throws(JSONProblem) -> [UInt8] {
        guard let byte = next else { throw problem("text without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(Character(try scalar())).utf8)
        default: throw problem("an unknown escape")
        }
    }

    private mutating func scalar() throws(JSONProblem) -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A high surrogate must be followed by a low one (RFC 8259, 7).
        guard (0xD800..<0xDC00).contains(first), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw problem("half of a surrogate pair")
        }
        let second = try fourDigits()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw problem("half of a surrogate pair") }
        return scalar
    }

    private mutating func fourDigits() throws(JSONProblem) -> UInt32 {
        guard position + 4 <= bytes.count else { throw problem("four hexadecimal digits were expected") }
        let digits = bytes[position..<(position + 4)]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw problem("four hexadecimal digits were expected") }
        position += 4
        return value
    }
}
