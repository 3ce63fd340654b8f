/// One Modbus slave on one bus.
public struct UnitAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let bus: BusID
    /// 1 ... 247; 0 is broadcast, 248 ... 255 are reserved (Modbus serial line specification, 2.2).
    public let unit: UInt8

    /// Nil when the unit is outside 1 ... 247.
    public init?(bus: BusID, unit: UInt8) {
        guard (1...247).contains(unit) else { return nil }
        self.bus = bus
        self.unit = unit
    }

    private init(bus: BusID) {
        self.bus = bus
        unit = 1
    }

    /// The box itself, as the device of its own relays.
    public static let board = UnitAddress(bus: .board)

    public var description: String { "\(bus)/\(unit)" }

    public static func < (left: Self, right: Self) -> Bool { (left.bus, left.unit) < (right.bus, right.unit) }
}

/// One switch on a bus: a meter's own relay is point 1, a relay board has points 1 ... n.
public struct BreakerAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let device: UnitAddress
    public let point: Int

    public init(device: UnitAddress, point: Int) {
        self.device = device
        self.point = point
    }

    public var description: String { "\(device)/\(point)" }

    public static func < (left: Self, right: Self) -> Bool { (left.device, left.point) < (right.device, right.point) }
}
