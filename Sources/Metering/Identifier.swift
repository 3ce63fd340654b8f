/// The name of a thing on the site: 1 to 40 of `A-Z a-z 0-9 . _ -`, so that it can stand in a file
/// name, a URL path, a CSV cell and a log line without quoting.
public struct Identifier<Subject>: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: String

    /// Nil when the text is empty, longer than 40, or has any other character.
    public init?(rawValue: String) {
        let bytes = rawValue.utf8
        guard (1...40).contains(bytes.count), bytes.allSatisfy(Self.allows) else { return nil }
        self.rawValue = rawValue
    }

    fileprivate init(known name: String) { rawValue = name }

    /// What an identifier may look like, for messages.
    public static var rule: String { "1 to 40 characters of A-Z a-z 0-9 . _ -" }

    public var description: String { rawValue }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

public enum Gateway {}
public enum Bus {}
public enum Meter {}
public enum Circuit {}
public enum CustomerAccount {}

/// This box, as the platform knows it.
public typealias GatewayID = Identifier<Gateway>
/// One RS485 port.
public typealias BusID = Identifier<Bus>
/// One Modbus slave that measures, or that switches for others (a relay board).
public typealias MeterID = Identifier<Meter>
/// A metered, switchable output.
public typealias CircuitID = Identifier<Circuit>
/// A customer's account.
public typealias AccountID = Identifier<CustomerAccount>

extension Identifier<Bus> {
    /// Stands for the relays of the box itself, which are on no RS485 port.
    public static let board = BusID(known: "board")
}
