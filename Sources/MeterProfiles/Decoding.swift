extension RegisterDefinition {
    /// The value in the quantity's unit, from the registers of this definition (high address last, as
    /// they come). Nil where the registers hold the model's "no value" marker, are not a number, or do
    /// not fit: there is no reading then, and never a zero.
    /// - Parameter scaleWord: what the scale register holds, where the definition names one.
    public func decode(_ registers: some Collection<UInt16>, scaleWord: UInt16? = nil) -> Int64? {
        guard let scale = effectiveScale(scaleWord) else { return nil }
        return RegisterValue(encoding: encoding, order: order, scale: scale, bits: bits, invalid: invalid)
            .decode(registers)
    }

    /// The registers that this model would show for `value`: the inverse of `decode` up to the
    /// register's step. Nil where the value does not fit the register.
    /// - Parameter scaleWord: what the scale register holds, where the definition names one.
    public func encode(_ value: Int64, scaleWord: UInt16? = nil) -> [UInt16]? {
        guard let scale = effectiveScale(scaleWord) else { return nil }
        return RegisterValue(encoding: encoding, order: order, scale: scale, bits: bits).encode(value)
    }

    /// The bits of its one register that hold the value.
    public var mask: UInt16 { RegisterValue.mask(bits) }

    private func effectiveScale(_ word: UInt16?) -> ScaleFactor? {
        guard let scaleRegister else { return scale }
        guard let word else { return nil }
        switch scaleRegister.meaning {
        case .factor: return word > 0 ? scale.multiplied(by: Int64(word)) : nil
        case .powerOfTen:
            let power = Int(Int16(bitPattern: word))
            guard (-9...9).contains(power) else { return nil }
            let ten = (0..<power.magnitude).reduce(Int64(1)) { product, _ in product * 10 }
            return power < 0 ? scale.divided(by: ten) : scale.multiplied(by: ten)
        }
    }
}

extension ScaleRegister {
    /// What it holds where it changes nothing.
    public var neutralWord: UInt16 { meaning == .factor ? 1 : 0 }
}

/// How one number stands in registers.
struct RegisterValue: Hashable, Sendable {
    var encoding: RegisterEncoding
    var order: WordOrder
    var scale: ScaleFactor
    var bits: ClosedRange<Int>?
    var invalid: Set<UInt64> = []

    func decode(_ registers: some Collection<UInt16>) -> Int64? {
        guard registers.count == encoding.registerCount else { return nil }
        let whole = order.assemble(registers)
        if invalid.contains(whole) { return nil }
        let part = bits.map { (whole & UInt64(Self.mask($0))) >> UInt64($0.lowerBound) } ?? whole
        switch encoding {
        case .u16, .u32: return scale.apply(Int64(part))
        case .u64: return Int64(exactly: part).flatMap(scale.apply)
        case .i16: return scale.apply(Int64(Int16(truncatingIfNeeded: part)))
        case .i32: return scale.apply(Int64(Int32(truncatingIfNeeded: part)))
        case .i64: return scale.apply(Int64(bitPattern: part))
        case .float32: return scale.apply(Float32(bitPattern: UInt32(truncatingIfNeeded: part)))
        case .bcd16, .bcd32: return BinaryCodedDecimal.decode(part).flatMap(scale.apply)
        }
    }

    func encode(_ value: Int64) -> [UInt16]? {
        let whole: UInt64?
        if encoding == .float32 {
            whole = UInt64(Float32(scale.undoFloating(value)).bitPattern)
        } else {
            guard let raw = scale.undo(value) else { return nil }
            whole =
                switch encoding {
                case .u16: UInt16(exactly: raw).map(UInt64.init)
                case .u32: UInt32(exactly: raw).map(UInt64.init)
                case .u64: UInt64(exactly: raw)
                case .i16: Int16(exactly: raw).map { UInt64(UInt16(bitPattern: $0)) }
                case .i32: Int32(exactly: raw).map { UInt64(UInt32(bitPattern: $0)) }
                case .i64, .float32: UInt64(bitPattern: raw)
                case .bcd16: BinaryCodedDecimal.encode(raw, digits: 4)
                case .bcd32: BinaryCodedDecimal.encode(raw, digits: 8)
                }
        }
        guard var whole else { return nil }
        if let bits {
            guard whole <= UInt64(Self.mask(bits)) >> UInt64(bits.lowerBound) else { return nil }
            whole <<= UInt64(bits.lowerBound)
        }
        return order.split(whole, registers: encoding.registerCount)
    }

    static func mask(_ bits: ClosedRange<Int>?) -> UInt16 {
        guard let bits else { return .max }
        return bits.reduce(0) { $0 | 1 << UInt16(truncatingIfNeeded: $1) }
    }
}

/// Decimal digits, one in each half byte.
enum BinaryCodedDecimal {
    /// Nil where a half byte is no digit.
    static func decode(_ bits: UInt64) -> Int64? {
        var value: Int64 = 0
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = Int64(bits >> shift & 0xF)
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard digit <= 9, !overflow else { return nil }
            value = product + digit
        }
        return value
    }

    /// Nil where the value does not fit so many digits.
    static func encode(_ value: Int64, digits: Int) -> UInt64? {
        guard value >= 0 else { return nil }
        var (rest, bits) = (value, UInt64(0))
        for digit in 0..<digits {
            bits |= UInt64(rest % 10) << UInt64(4 * digit)
            rest /= 10
        }
        return rest == 0 ? bits : nil
    }
}

extension WordOrder {
    private var swapsWords: Bool { self == .cdab || self == .dcba }
    private var swapsBytes: Bool { self == .badc || self == .dcba }

    /// The bits of a value, highest first in ABCD.
    func assemble(_ registers: some Collection<UInt16>) -> UInt64 {
        var (bits, shift) = (UInt64(0), UInt64(0))
        for word in registers {
            let word = UInt64(swapsBytes ? word.byteSwapped : word)
            if swapsWords { bits |= word << shift } else { bits = bits << 16 | word }
            shift += 16
        }
        return bits
    }

    func split(_ bits: UInt64, registers count: Int) -> [UInt16] {
        let words = (0..<count).reversed().map { index -> UInt16 in
            let word = UInt16(truncatingIfNeeded: bits >> (16 * UInt64(index)))
            return swapsBytes ? word.byteSwapped : word
        }
        return swapsWords ? words.reversed() : words
    }
}

extension ScaleFactor {
    /// raw × numerator ÷ denominator, to the nearest integer, ties away from zero; nil on overflow.
    func apply(_ raw: Int64) -> Int64? { Self.divideRounding(raw, numerator, denominator) }

    /// The raw value that shows `value`, to the nearest; nil on overflow.
    func undo(_ value: Int64) -> Int64? { Self.divideRounding(value, denominator, numerator) }

    /// A float register turned into whole units once, here. Nil for NaN, infinities and what does not fit.
    func apply(_ raw: Float32) -> Int64? {
        guard raw.isFinite else { return nil }
        // A Float32 has 24 bits of mantissa and a numerator fits 53: the product is exact in Double or
        // off by less than the register's own step.
        let scaled = (Double(raw) * Double(numerator) / Double(denominator)).rounded(.toNearestOrAwayFromZero)
        return Int64(exactly: scaled)
    }

    func undoFloating(_ value: Int64) -> Double { Double(value) * Double(denominator) / Double(numerator) }

    private static func divideRounding(_ value: Int64, _ factor: Int64, _ divisor: Int64) -> Int64? {
        guard divisor > 0, factor > 0 else { return nil }
        let (product, overflow) = value.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        let (quotient, remainder) = product.quotientAndRemainder(dividingBy: divisor)
        guard remainder.magnitude >= divisor.magnitude - remainder.magnitude else { return quotient }
        let (rounded, tooLarge) = quotient.addingReportingOverflow(product < 0 ? -1 : 1)
        return tooLarge ? nil : rounded
    }
}
