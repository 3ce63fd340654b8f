public import Metering

/// The power of one circuit at one moment. Values beyond ±2 MW are clamped: no circuit carries them, and
/// their squares fit.
public struct PowerSample: Hashable, Sendable {
    public let at: MonotonicTime
    public let activeMilliwatts: Int64
    /// Nil where the meter does not say. Signed or not, of the fundamental or with distortion: as the
    /// meter has it.
    public let reactiveMillivars: Int64?

    public static let largestMilliwatts: Int64 = 2_000_000_000

    public init(at: MonotonicTime, activeMilliwatts: Int64, reactiveMillivars: Int64?) {
        self.at = at
        self.activeMilliwatts = Self.clamped(activeMilliwatts)
        self.reactiveMillivars = reactiveMillivars.map(Self.clamped)
    }

    /// √(S²−P²); 0 where the two figures leave nothing.
    public static func reactivePower(apparentMillivoltamperes: Int64, activeMilliwatts: Int64) -> Int64 {
        let apparent = clamped(apparentMillivoltamperes)
        let active = clamped(activeMilliwatts)
        guard apparent.magnitude > active.magnitude else { return 0 }
        return wholeRoot(UInt64(apparent * apparent) - UInt64(active * active))
    }

    private static func clamped(_ value: Int64) -> Int64 {
        min(max(value, -largestMilliwatts), largestMilliwatts)
    }
}

/// P/√(P²+Q²) in millionths, 0 ... 1,000,000.
public struct PowerFactor: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let millionths: Int64

    /// Nil outside 0 ... 1,000,000.
    public init?(millionths: Int64) {
        guard (0...1_000_000).contains(millionths) else { return nil }
        self.millionths = millionths
    }

    /// Nil where there is no power or it flows backwards.
    public init?(activeMilliwatts: Int64, reactiveMillivars: Int64) {
        let bounds = -2 * PowerSample.largestMilliwatts...2 * PowerSample.largestMilliwatts
        guard activeMilliwatts > 0, bounds.contains(activeMilliwatts), bounds.contains(reactiveMillivars) else {
            return nil
        }
        // The squares of differences of samples are below 1.6e19, and their sum is too large: halve.
        let (active, reactive) = ((activeMilliwatts + 1) / 2, reactiveMillivars / 2)
        let apparent = wholeRoot(UInt64(active * active) + UInt64(reactive * reactive))
        millionths = min(active * 1_000_000 / max(apparent, 1), 1_000_000)
    }

    /// Reads `0.995`, `0.9970` or `1`: at most six digits after the point.
    public init?(text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap({ Int64($0) }), (0...1).contains(whole), parts[0].count == 1 else {
            return nil
        }
        var value = whole * 1_000_000
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...6).contains(digits.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let fraction = Int64(digits + String(repeating: "0", count: 6 - digits.count))
            else { return nil }
            value += fraction
        }
        self.init(millionths: value)
    }

    public static func < (left: Self, right: Self) -> Bool { left.millionths < right.millionths }

    /// Four digits, rounded down, so that a value below a limit is never shown as the limit.
    public var description: String {
        if millionths == 1_000_000 { return "1.0000" }
        let digits = String(millionths / 100)
        return "0." + String(repeating: "0", count: 4 - digits.count) + digits
    }
}

/// The whole part of the square root.
func wholeRoot(_ value: UInt64) -> Int64 {
    var rest = value
    var result: UInt64 = 0
    var bit: UInt64 = 1 << 62
    while bit > rest { bit >>= 2 }
    while bit != 0 {
        if rest >= result + bit {
            rest -= result + bit
            result = (result >> 1) + bit
        } else {
            result >>= 1
        }
        bit >>= 2
    }
    return Int64(result)
}
