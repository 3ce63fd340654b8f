public import Metering

/// A meter (or relay board) model: what its registers mean, as read from one file in `etc/profiles`.
public struct MeterProfile: Hashable, Sendable {
    /// The file's name without `.yaml`: `eastron-sdm120`.
    public let id: String
    /// Maker and model, for people.
    public let title: String
    /// Where the register facts come from: manual and page.
    public let source: String
    /// False when the map was never confirmed against a vendor manual or a real meter.
    public let isVerified: Bool
    public let commodity: Commodity?
    /// The usual setting, used where the site configuration says nothing.
    public let serial: SerialFormat
    public let limits: ReadLimits
    public let registers: [RegisterDefinition]
    /// The register that is billed; nil for relay boards.
    public let billing: BillingRegister?
    public let identification: [IdentificationRule]
    /// Models whose answers look the same to a scan: a person must tell them apart.
    public let resembles: [String]
    /// Nil for models without a switch of their own.
    public let relay: RelayDefinition?
    /// What the meter keeps for itself and can be read, compared and, where its definition says so, written.
    public let settings: [SettingDefinition]

    public init(
        id: String, title: String, source: String, isVerified: Bool, commodity: Commodity?, serial: SerialFormat,
        limits: ReadLimits, registers: [RegisterDefinition], billing: BillingRegister?,
        identification: [IdentificationRule], resembles: [String] = [], relay: RelayDefinition?,
        settings: [SettingDefinition] = []
    ) {
        self.id = id
        self.title = title
        self.source = source
        self.isVerified = isVerified
        self.commodity = commodity
        self.serial = serial
        self.limits = limits
        self.registers = registers
        self.billing = billing
        self.identification = identification
        self.resembles = resembles
        self.relay = relay
        self.settings = settings
    }
}

/// What a meter reading must respect in one model.
public struct ReadLimits: Hashable, Sendable {
    /// Registers in one read, at most (1 ... 125).
    public let registersPerRead: Int
    /// The pause the model needs between two requests.
    public let requestGap: Duration
    /// Whether one read may run over registers the map does not define.
    public let allowsGaps: Bool
    /// How long the model may take to start its answer.
    public let responseTimeout: Duration

    public init(registersPerRead: Int, requestGap: Duration, allowsGaps: Bool, responseTimeout: Duration) {
        self.registersPerRead = registersPerRead
        self.requestGap = requestGap
        self.allowsGaps = allowsGaps
        self.responseTimeout = responseTimeout
    }
}

/// Which Modbus table a register or bit lives in; the raw value is the function code that reads it.
public enum RegisterTable: UInt8, Hashable, Sendable, CaseIterable {
    case coil = 1
    case discreteInput = 2
    case holding = 3
    case input = 4
}

/// How many registers a value takes and how its bits are read.
public enum RegisterEncoding: String, Hashable, Sendable, CaseIterable {
    case u16, i16, u32, i32, u64, i64, float32
    /// Four and eight decimal digits, one in each half byte.
    case bcd16, bcd32

    public var registerCount: Int {
        switch self {
        case .u16, .i16, .bcd16: 1
        case .u32, .i32, .float32, .bcd32: 2
        case .u64, .i64: 4
        }
    }
}

/// The order of the bytes of a value over its registers, as manuals write it: A is the highest byte.
public enum WordOrder: String, Hashable, Sendable, CaseIterable {
    /// Big-endian, high word first: the Modbus habit.
    case abcd = "ABCD"
    /// Low word first, bytes big-endian.
    case cdab = "CDAB"
    /// High word first, bytes swapped.
    case badc = "BADC"
    /// Little-endian throughout.
    case dcba = "DCBA"
}

/// An exact scale factor: raw value × numerator ÷ denominator = value in the quantity's unit.
public struct ScaleFactor: Hashable, Sendable {
    public let numerator: Int64
    public let denominator: Int64

    public init(numerator: Int64, denominator: Int64) {
        self.numerator = numerator
        self.denominator = denominator
    }
}

/// A register of the meter that says how its values are scaled, such as a transformer ratio. Fetched in
/// the same request as the value, so that the two belong together.
public struct ScaleRegister: Hashable, Sendable {
    public enum Meaning: String, Hashable, Sendable, CaseIterable {
        /// Signed: the value counts in 10 to the power of it.
        case powerOfTen = "power_of_ten"
        /// Unsigned: the value is multiplied by it.
        case factor
    }

    public let address: UInt16
    public let meaning: Meaning

    public init(address: UInt16, meaning: Meaning) {
        self.address = address
        self.meaning = meaning
    }
}

/// One value in the map.
public struct RegisterDefinition: Hashable, Sendable {
    public let channel: Channel
    public let table: RegisterTable
    public let address: UInt16
    public let encoding: RegisterEncoding
    public let order: WordOrder
    public let scale: ScaleFactor
    public let pollClass: PollClass
    /// Raw patterns (right-aligned) that mean "no value" in this model.
    public let invalid: Set<UInt64>
    /// The part of the register that holds the value, counted from its lowest bit; nil where all of it does.
    public let bits: ClosedRange<Int>?
    public let scaleRegister: ScaleRegister?

    public init(
        channel: Channel, table: RegisterTable, address: UInt16, encoding: RegisterEncoding, order: WordOrder,
        scale: ScaleFactor, pollClass: PollClass, invalid: Set<UInt64>, bits: ClosedRange<Int>? = nil,
        scaleRegister: ScaleRegister? = nil
    ) {
        self.channel = channel
        self.table = table
        self.address = address
        self.encoding = encoding
        self.order = order
        self.scale = scale
        self.pollClass = pollClass
        self.invalid = invalid
        self.bits = bits
        self.scaleRegister = scaleRegister
    }
}

/// The cumulative register that is billed.
public struct BillingRegister: Hashable, Sendable {
    public let channel: Channel
    /// Where it rolls over, in the quantity's unit; nil when it does not in practice.
    public let modulus: Int64?
    /// The largest increment it counts in, in the quantity's unit.
    public let step: Int64

    public init(channel: Channel, modulus: Int64?, step: Int64) {
        self.channel = channel
        self.modulus = modulus
        self.step = step
    }
}

/// One read that tells this model from others.
public struct IdentificationRule: Hashable, Sendable {
    public let table: RegisterTable
    public let address: UInt16
    /// The registers that this model answers with, at that address.
    public let equals: [UInt16]

    public init(table: RegisterTable, address: UInt16, equals: [UInt16]) {
        self.table = table
        self.address = address
        self.equals = equals
    }
}

/// A write that moves a switch.
public enum RelayWrite: Hashable, Sendable {
    /// FC05
    case coil(address: UInt16, value: Bool)
    /// FC06
    case register(address: UInt16, value: UInt16)
    /// FC16
    case registers(address: UInt16, values: [UInt16])
}

/// Where a switch's position is read back: the bits of one register (or the one bit of a coil) under
/// `mask`, compared with the value that means closed.
public struct RelayReadback: Hashable, Sendable {
    public let table: RegisterTable
    public let address: UInt16
    public let mask: UInt16
    public let closedValue: UInt16

    public init(table: RegisterTable, address: UInt16, mask: UInt16, closedValue: UInt16) {
        self.table = table
        self.address = address
        self.mask = mask
        self.closedValue = closedValue
    }
}

/// One switch of a model. A meter's own relay is point 1; a relay board has points 1 ... n.
public struct RelayPoint: Hashable, Sendable {
    public let point: Int
    public let open: RelayWrite
    public let close: RelayWrite
    public let readback: RelayReadback

    public init(point: Int, open: RelayWrite, close: RelayWrite, readback: RelayReadback) {
        self.point = point
        self.open = open
        self.close = close
        self.readback = readback
    }
}

/// The position a switch takes when its device powers up.
public enum PowerUpPosition: String, Hashable, Sendable, CaseIterable {
    case open, closed, last
}

/// The switches of a model.
public struct RelayDefinition: Hashable, Sendable {
    public let points: [RelayPoint]
    public let powerUp: PowerUpPosition
    /// The coil that moves all switches of a board at once; nil where there is none. The gateway moves
    /// one switch at a time and never writes it.
    public let allCoil: UInt16?
    /// How long the switch is on its way: a valve takes seconds.
    public let travelTime: Duration

    public init(
        points: [RelayPoint], powerUp: PowerUpPosition, allCoil: UInt16? = nil, travelTime: Duration = .zero
    ) {
        self.points = points
        self.powerUp = powerUp
        self.travelTime = travelTime
        self.allCoil = allCoil
    }

    public subscript(point: Int) -> RelayPoint? { points.first { $0.point == point } }
}

/// Character format of a serial line.
public struct SerialFormat: Hashable, Sendable {
    public enum Parity: String, Hashable, Sendable, CaseIterable {
        case none = "N"
        case even = "E"
        case odd = "O"
    }

    public let baud: Int
    public let parity: Parity
    public let stopBits: Int

    public init(baud: Int, parity: Parity, stopBits: Int) {
        self.baud = baud
        self.parity = parity
        self.stopBits = stopBits
    }

    /// Start bit, eight data bits, parity, stop bits.
    public var bitsPerCharacter: Int { 9 + (parity == .none ? 0 : 1) + stopBits }

    /// The time `count` characters take on the wire.
    public func duration(ofCharacters count: Double) -> Duration {
        .nanoseconds(Int64(count * Double(bitsPerCharacter) * 1e9 / Double(baud)))
    }
}
