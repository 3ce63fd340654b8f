/// An amount in micro-units of the site's currency (1e-6). Never a floating-point number.
public struct Money: Hashable, Comparable, Sendable {
    public let microunits: Int64

    public init(microunits: Int64) { self.microunits = microunits }

    public static let zero = Money(microunits: 0)
    public static let oneMicrounit = Money(microunits: 1)

    public static func < (left: Self, right: Self) -> Bool { left.microunits < right.microunits }

    /// The sum, or nil on overflow.
    public func adding(_ other: Money) -> Money? {
        let (sum, overflow) = microunits.addingReportingOverflow(other.microunits)
        return overflow ? nil : Money(microunits: sum)
    }

    /// The difference, or nil on overflow.
    public func subtracting(_ other: Money) -> Money? {
        let (difference, overflow) = microunits.subtractingReportingOverflow(other.microunits)
        return overflow ? nil : Money(microunits: difference)
    }

    /// The amount with the other sign, or nil for the one value that has none.
    public var negated: Money? { Money.zero.subtracting(self) }
}

extension Money: CustomStringConvertible {
    /// Reads `12`, `12.5`, `-0.000001`: digits, at most six of them after the point, nothing else.
    /// Nil for exponents, signs other than one minus, empty parts, more digits, and overflow.
    public init?(decimal text: String) {
        guard let value = FixedPoint.parse(text, fractionDigits: 6) else { return nil }
        self.init(microunits: value)
    }

    /// Always six digits after the point: `12.500000`.
    public var description: String { FixedPoint.text(microunits, fractionDigits: 6) }

    /// Two digits after the point where that is exact, all six where it is not: for people.
    public var shortText: String {
        microunits % 10_000 == 0 ? FixedPoint.text(microunits / 10_000, fractionDigits: 2) : description
    }
}

/// The price of one kWh (or one m³) in 1e-4 currency units, so that price × 0.01 kWh is a whole
/// number of micro-units.
public struct Price: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let tenThousandths: Int64

    /// The dearest price accepted: 100,000 currency units per kWh. Above it a debit could overflow.
    public static let largest: Int64 = 1_000_000_000

    /// Nil when negative or above `largest`.
    public init?(tenThousandths: Int64) {
        guard (0...Self.largest).contains(tenThousandths) else { return nil }
        self.tenThousandths = tenThousandths
    }

    /// Reads `0.6180`: digits, at most four of them after the point.
    public init?(decimal text: String) {
        guard let value = FixedPoint.parse(text, fractionDigits: 4) else { return nil }
        self.init(tenThousandths: value)
    }

    public static let free = Price(unchecked: 0)
    private init(unchecked: Int64) { tenThousandths = unchecked }

    public var description: String { FixedPoint.text(tenThousandths, fractionDigits: 4) }

    public static func < (left: Self, right: Self) -> Bool { left.tenThousandths < right.tenThousandths }
}

/// What a quantity costs: whole micro-units, and the remainder that the account carries on.
public struct Charge: Hashable, Sendable {
    public let amount: Money
    /// Tenths of a micro-unit, 0 ... 9: price (1e-4 per 1000 Wh) × 1 Wh is 1e-7.
    public let carryTenths: Int64

    public init(amount: Money, carryTenths: Int64) {
        self.amount = amount
        self.carryTenths = carryTenths
    }
}

extension Price {
    /// What `quantity` Wh (or litres) cost, with the carry of the charge before. Exact: charges of
    /// parts add up to the charge of the whole. Nil on overflow or a negative quantity.
    public func charge(quantity: Int64, carryTenths: Int64 = 0) -> Charge? {
        guard quantity >= 0, (0...9).contains(carryTenths) else { return nil }
        let (tenths, overflow) = tenThousandths.multipliedReportingOverflow(by: quantity)
        guard !overflow else { return nil }
        let (sum, carried) = tenths.addingReportingOverflow(carryTenths)
        guard !carried else { return nil }
        return Charge(amount: Money(microunits: sum / 10), carryTenths: sum % 10)
    }
}

/// Decimal text for integers with a fixed number of digits after the point.
public enum FixedPoint {
    /// Nil unless `text` is an optional minus, at least one digit, and optionally a point with 1 to
    /// `fractionDigits` digits, and the value fits.
    public static func parse(_ text: String, fractionDigits: Int) -> Int64? {
        var rest = Substring(text)
        let negative = rest.first == "-"
        if negative { rest.removeFirst() }
        let parts = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, isDigits(whole), whole.utf8.count <= 19 else { return nil }
        var fraction: Substring = ""
        if parts.count == 2 {
            fraction = parts[1]
            guard isDigits(fraction), fraction.utf8.count <= fractionDigits else { return nil }
        }
        let padding = String(repeating: "0", count: fractionDigits - fraction.utf8.count)
        return Int64((negative ? "-" : "") + whole + fraction + padding)
    }

    public static func text(_ value: Int64, fractionDigits: Int) -> String {
        let digits = String(value.magnitude)
        let padded = String(repeating: "0", count: max(0, fractionDigits + 1 - digits.utf8.count)) + digits
        let sign = value < 0 ? "-" : ""
        return fractionDigits == 0
            ? sign + padded : "\(sign)\(padded.dropLast(fractionDigits)).\(padded.suffix(fractionDigits))"
    }

    private static func isDigits(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
