/// Makes wrong inputs out of right ones: the same ones for the same seed (SplitMix64).
public struct Mutator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Changes one to four things about a sample.
    /// - Parameter samples: what it may be mixed with; the sample itself is one of them.
    public mutating func mutated(_ sample: [UInt8], among samples: [[UInt8]]) -> [UInt8] {
        var bytes = sample
        for _ in 0...Int.random(in: 0...3, using: &self) { change(&bytes, samples) }
        return Array(bytes.prefix(16_384))
    }

    /// What readers stumble over.
    private static let tokens: [[UInt8]] =
        [
            "{", "}", "[", "]", ":", ",", "\"", "\\u0000", "\\ud800", "-9223372036854775808", "9223372036854775808",
            "-1", "0", "1e99", "99999999999999999999", "null", "true", "\n", "  ", "- ", "&a", "*a", "<<: *a", "!!int",
            "|",
            "\t", "#", "'", "0x10", ".nan", "\u{FEFF}", "\u{1F600}", "M-1", "2026-02-30", "24:00", "255", "65536",
        ].map { Array($0.utf8) } + [[0x00], [0xFF], [0xC3, 0x28], [0x80]]

    private mutating func change(_ bytes: inout [UInt8], _ samples: [[UInt8]]) {
        let place = Int.random(in: 0...bytes.count, using: &self)
        let end = min(bytes.count, place + Int.random(in: 0...12, using: &self))
        switch Int.random(in: 0...8, using: &self) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &self)
        case 1 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &self)
        case 2: bytes.insert(contentsOf: Self.tokens.randomElement(using: &self) ?? [], at: place)
        case 3: bytes.replaceSubrange(place..<end, with: Self.tokens.randomElement(using: &self) ?? [])
        case 4: bytes.removeSubrange(place..<end)
        case 5: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 6: bytes.removeSubrange(place...)
        case 7:
            for _ in 0..<Int.random(in: 1...40, using: &self) {
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            }
        default:
            let other = samples.randomElement(using: &self) ?? []
            bytes.replaceSubrange(place..., with: other.dropFirst(Int.random(in: 0...other.count, using: &self)))
        }
    }
}
