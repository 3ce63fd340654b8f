/// What a setting of a meter is for.
public enum SettingName: String, Hashable, Sendable, CaseIterable, Comparable {
    /// The meter's own clock, in the site's local time.
    case clock
    /// The Modbus address of the meter.
    case address
    case baudCode = "baud_code"
    case parityCode = "parity_code"
    case currentRatio = "ct_ratio"
    case voltageRatio = "pt_ratio"
    case alarm1 = "alarm_1"
    case alarm2 = "alarm_2"
    case overloadLimit = "overload_limit"
    case overdraftLimit = "overdraft_limit"
    case hoardingLimit = "hoarding_limit"
    case malignantThreshold = "malignant_threshold"
    /// The price of a unit in the meter's own tariff.
    case price
    case emergencyAmount = "emergency_amount"
    case serialNumber = "serial_number"
    case firmwareVersion = "firmware_version"

    /// Whether somebody can say what it should be: a clock should be right, an address that of the site.
    public var canBeExpected: Bool { self != .clock && self != .address }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A setting's value as a meter holds it.
public enum SettingValue: Hashable, Sendable, CustomStringConvertible {
    /// Thousandths of the unit that the manual prints.
    case number(Int64)
    /// Local time of the site, to the second.
    case clock(LocalTime)

    /// `8.8`, `2026-03-01 12:00:05`
    public var description: String {
        switch self {
        case .number(let thousandths): Self.decimal(thousandths)
        case .clock(let time):
            "\(time.date) \(Self.twoDigits(time.millisecondOfDay / 3_600_000)):"
                + "\(Self.twoDigits(time.millisecondOfDay / 60_000 % 60)):"
                + Self.twoDigits(time.millisecondOfDay / 1000 % 60)
        }
    }

    private static func twoDigits(_ number: Int64) -> String { (number < 10 ? "0" : "") + String(number) }

    private static func decimal(_ thousandths: Int64) -> String {
        let (whole, rest) = thousandths.magnitude.quotientAndRemainder(dividingBy: 1000)
        var fraction = String(String(rest + 1000).dropFirst())
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return (thousandths < 0 ? "-" : "") + String(whole) + (fraction.isEmpty ? "" : ".\(fraction)")
    }
}

extension SettingValue {
    /// Reads `8.8`, `-1`: a number with three digits after the point at most; nil for anything else.
    public init?(text: String) {
        let isNegative = text.hasPrefix("-")
        let parts = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, !whole.isEmpty,
            parts.allSatisfy({ $0.allSatisfy(Self.isDigit) })
        else { return nil }
        let fraction = parts.count == 2 ? parts[1] : "000"
        guard (1...3).contains(fraction.count),
            let rest = Int64(fraction + String(repeating: "0", count: 3 - fraction.count)), let units = Int64(whole)
        else { return nil }
        let (scaled, overflow) = units.multipliedReportingOverflow(by: 1000)
        guard !overflow, case let (sum, isTooLarge) = scaled.addingReportingOverflow(rest), !isTooLarge else {
            return nil
        }
        self = .number(isNegative ? -sum : sum)
    }

    private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }
}
