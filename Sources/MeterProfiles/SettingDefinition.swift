public import Metering

/// How a meter's clock stands in its registers.
public enum ClockLayout: String, Hashable, Sendable, CaseIterable {
    /// Three registers, six bytes of two decimal digits: year of the century, month, day, hour, minute, second.
    case bcdBytes = "bcd_ymdhms"
    /// Three registers, six bytes: year of the century, month, day, hour, minute, second.
    case bytes = "bytes_ymdhms"
    /// Six registers: year, month, day, hour, minute, second.
    case words = "words_ymdhms"

    public var registerCount: Int { self == .words ? 6 : 3 }
}

/// A register that a meter keeps for itself: not measured, set once and looked at now and then.
public struct SettingDefinition: Hashable, Sendable {
    public enum Form: Hashable, Sendable {
        case number(RegisterEncoding, WordOrder, ScaleFactor)
        case clock(ClockLayout)
    }

    /// The function that writes it.
    public enum Write: String, Hashable, Sendable, CaseIterable {
        /// FC06
        case single
        /// FC16
        case multiple
    }

    public let name: SettingName
    public let table: RegisterTable
    public let address: UInt16
    public let form: Form
    /// As the manual prints it; empty for a plain number.
    public let unit: String
    /// Nil where it is only read.
    public let write: Write?
    /// Thousandths, what the model takes.
    public let range: ClosedRange<Int64>
    /// Thousandths, how the meter leaves the factory; nil where the manual does not say.
    public let factory: Int64?

    public init(
        name: SettingName, table: RegisterTable, address: UInt16, form: Form, unit: String, write: Write?,
        range: ClosedRange<Int64>, factory: Int64?
    ) {
        self.name = name
        self.table = table
        self.address = address
        self.form = form
        self.unit = unit
        self.write = write
        self.range = range
        self.factory = factory
    }

    public var registerCount: Int {
        switch form {
        case .number(let encoding, _, _): encoding.registerCount
        case .clock(let layout): layout.registerCount
        }
    }

    /// The read that fetches it alone.
    public var request: ReadRequest? { ReadRequest(table: table, address: address, count: registerCount) }

    /// Nil where the registers hold no number, or no moment.
    public func decode(_ words: [UInt16]) -> SettingValue? {
        switch form {
        case .number(let encoding, let order, let scale):
            RegisterValue(encoding: encoding, order: order, scale: scale).decode(words).map { .number($0) }
        case .clock(let layout): layout.decode(words).map { .clock($0) }
        }
    }

    /// The registers that hold the value; nil where it does not fit them, or is outside what the model takes.
    public func encode(_ value: SettingValue) -> [UInt16]? {
        switch (form, value) {
        case (.number(let encoding, let order, let scale), .number(let thousandths)):
            guard range.contains(thousandths) else { return nil }
            return RegisterValue(encoding: encoding, order: order, scale: scale).encode(thousandths)
        case (.clock(let layout), .clock(let time)): return layout.encode(time)
        case (.number, .clock), (.clock, .number): return nil
        }
    }

    /// The write that sets it; nil where it is only read, or the value does not fit.
    public func writing(_ value: SettingValue) -> RelayWrite? {
        guard let write, let words = encode(value) else { return nil }
        switch write {
        case .single: return words.first.map { .register(address: address, value: $0) }
        case .multiple: return .registers(address: address, values: words)
        }
    }
}

extension ClockLayout {
    func decode(_ words: [UInt16]) -> LocalTime? {
        guard words.count == registerCount else { return nil }
        var parts: [Int]
        if self == .words {
            parts = words.map { Int($0) }
        } else {
            parts = words.flatMap { [Int($0 >> 8), Int($0 & 0xFF)] }
            if self == .bcdBytes {
                parts = parts.compactMap { BinaryCodedDecimal.decode(UInt64($0)).map { Int($0) } }
            }
            guard parts.count == 6, parts[0] <= 99 else { return nil }
            parts[0] += 2000
        }
        guard let date = CivilDate(year: parts[0], month: parts[1], day: parts[2]), parts[3] < 24, parts[4] < 60,
            parts[5] < 60
        else { return nil }
        return LocalTime(date: date, millisecondOfDay: Int64((parts[3] * 60 + parts[4]) * 60 + parts[5]) * 1000)
    }

    func encode(_ time: LocalTime) -> [UInt16]? {
        let (year, month, day) = time.date.components
        let seconds = Int(time.millisecondOfDay / 1000)
        let parts = [year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60]
        if self == .words { return parts.map { UInt16($0) } }
        guard (2000...2099).contains(year) else { return nil }
        let bytes = ([year - 2000] + parts.dropFirst()).map { part in
            self == .bytes ? UInt16(part) : UInt16(part / 10 * 16 + part % 10)
        }
        return stride(from: 0, to: 6, by: 2).map { bytes[$0] << 8 | bytes[$0 + 1] }
    }
}
