extension RegisterDefinition {
    /// The value in the quantity's unit, from the registers of this definition (high address last, as
    /// they come). Nil where the registers hold the model's "no value" marker, are not a number, or do
    /// not fit: there is no reading then, and never a zero.
    public func decode(_ registers: some Collection<UInt16>) -> Int64? {
        guard registers.count == encoding.registerCount else { return nil }
        let bits = order.assemble(registers)
        if invalid.contains(bits) { return nil }
        switch encoding {
        case .u16, .u32: return scale.apply(Int64(bits))
        case .u64: return Int64(exactly: bits).flatMap(scale.apply)
        case .i16: return scale.apply(Int64(Int16(truncatingIfNeeded: bits)))
        case .i32: return scale.apply(Int64(Int32(truncatingIfNeeded: bits)))
        case .i64: return scale.apply(Int64(bitPattern: bits))
        case .float32: return scale.apply(Float32(bitPattern: UInt32(truncatingIfNeeded: bits)))
        }
    }

    /// The registers that this model would show for `value`: the inverse of `decode` up to the
    /// register's step. Nil where the value does not fit the register.
    public func encode(_ value: Int64) -> [UInt16]? {
        let bits: UInt64?
        if encoding == .float32 {
            bits = UInt64(Float32(scale.undoFloating(value)).bitPattern)
        } else {
            guard let raw = scale.undo(value) else { return nil }
            bits =
                switch encoding {
                case .u16: UInt16(exactly: raw).map(UInt64.init)
                case .u32: UInt32(exactly: raw).map(UInt64.init)
                case .u64: UInt64(exactly: raw)
                case .i16: Int16(exactly: raw).map { UInt64(UInt16(bitPattern: $0)) }
                case .i32: Int32(exactly: raw).map { UInt64(UInt32(bitPattern: $0)) }
                case .i64, .float32: UInt64(bitPattern: raw)
                }
        }
        return bits.map { order.split($0, registers: encoding.registerCount) }
    }
}

extension WordOrder {
    private var swapsWords: Bool { self == .cdab || self == .dcba }
    private var swapsBytes: Bool { self == .badc || self == .dcba }

    /// The bits of a value, highest first in ABCD.
    func assemble(_ registers: some Collection<UInt16>) -> UInt64 {
        let words = swapsWords ? Array(registers.reversed()) : Array(registers)
        return words.reduce(0) { $0 << 16 | UInt64(swapsBytes ? $1.byteSwapped : $1) }
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
