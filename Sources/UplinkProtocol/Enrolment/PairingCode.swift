internal import Crypto

/// Why a text is no pairing code, and what to do.
public enum PairingCodeProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The length that it has, without dashes and spaces.
    case length(Int)
    case character(Character)
    /// A character is another one than was given out.
    case mistyped

    public var description: String {
        switch self {
        case .length(let count):
            "the pairing code has \(count) characters instead of \(PairingCode.length); type all of it"
        case .character(let character):
            "'\(character)' is in no pairing code; digits and letters except U are"
        case .mistyped: "the pairing code has a typing mistake; compare it character by character"
        }
    }
}

/// What an installer types to pair a box with a platform, `ABCD-EFGH-…` in seven groups of four: a secret that
/// is good once, what the platform's authority is known by, and a check against typing mistakes. Five bits a
/// character; I and L are read as 1, O as 0, small letters as capitals.
public struct PairingCode: Hashable, Sendable {
    /// 10 characters: 50 bits of chance, guessed at against a platform that counts.
    public let secret: String
    /// The first 80 bits of the SHA-256 over the authority's certificate (DER).
    public let authorityPrint: [UInt8]

    static let length = 28
    private static let secretLength = 10
    private static let printBytes = 10
    private static let checkLength = 2
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// A new code.
    /// - Parameter authority: the certificate of the platform's authority in DER.
    public init(authority: [UInt8], using generator: inout some RandomNumberGenerator) {
        secret = String(
            decoding: (0..<Self.secretLength).map { _ in
                Self.alphabet[Int(truncatingIfNeeded: generator.next() & 31)]
            }, as: UTF8.self)
        authorityPrint = Self.fingerprint(authority)
    }

    /// Reads what was typed.
    public init(_ text: String) throws(PairingCodeProblem) {
        var digits: [UInt8] = []
        for character in text where !character.isWhitespace && character != "-" {
            guard let digit = Self.digit(character) else { throw .character(character) }
            digits.append(digit)
        }
        guard digits.count == Self.length else { throw .length(digits.count) }
        let content = Array(digits.dropLast(Self.checkLength))
        guard Self.check(content) == Array(digits.suffix(Self.checkLength)) else { throw .mistyped }
        secret = Self.text(content.prefix(Self.secretLength))
        authorityPrint = Self.bytes(content.dropFirst(Self.secretLength))
    }

    /// As it is given out.
    public var text: String {
        let content = secret.compactMap(Self.digit) + Self.digits(authorityPrint)
        let characters = Self.text((content + Self.check(content))[...])
        var groups: [Substring] = []
        var rest = characters[...]
        while !rest.isEmpty {
            groups.append(rest.prefix(4))
            rest = rest.dropFirst(4)
        }
        return groups.joined(separator: "-")
    }

    /// Whether a certificate (DER) is that of the authority which the code names.
    public func names(authority certificate: [UInt8]) -> Bool { Self.fingerprint(certificate) == authorityPrint }

    private static func fingerprint(_ certificate: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: certificate).prefix(printBytes))
    }

    private static func check(_ digits: [UInt8]) -> [UInt8] {
        SHA256.hash(data: digits).prefix(checkLength).map { $0 & 31 }
    }

    private static func text(_ digits: ArraySlice<UInt8>) -> String {
        String(decoding: digits.map { alphabet[Int($0)] }, as: UTF8.self)
    }

    private static func digit(_ character: Character) -> UInt8? {
        guard var letter = character.uppercased().utf8.first, character.isASCII else { return nil }
        switch letter {
        case UInt8(ascii: "I"), UInt8(ascii: "L"): letter = UInt8(ascii: "1")
        case UInt8(ascii: "O"): letter = UInt8(ascii: "0")
        default: break
        }
        return alphabet.firstIndex(of: letter).map { UInt8($0) }
    }

    /// Bytes as groups of five bits; five bytes make eight groups.
    private static func digits(_ bytes: [UInt8]) -> [UInt8] {
        var digits: [UInt8] = []
        var bits: UInt64 = 0
        for (index, byte) in bytes.enumerated() {
            bits = bits << 8 | UInt64(byte)
            guard index % 5 == 4 else { continue }
            for shift in stride(from: 35, through: 0, by: -5) { digits.append(UInt8(bits >> UInt64(shift) & 31)) }
            bits = 0
        }
        return digits
    }

    private static func bytes(_ digits: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var bits: UInt64 = 0
        for (index, digit) in digits.enumerated() {
            bits = bits << 5 | UInt64(digit)
            guard index % 8 == 7 else { continue }
            for shift in stride(from: 32, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
            }
            bits = 0
        }
        return bytes
    }
}
