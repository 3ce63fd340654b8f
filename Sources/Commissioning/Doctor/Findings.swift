public import Metering

/// What was seen of a box at one moment, by looking and asking; what could not be looked at is nil or empty.
/// The diagnosis is made of it alone.
public struct Findings: Hashable, Sendable {
    public var configuration: ConfigurationState
    public var daemon: DaemonState
    public var ports: [PortState] = []
    public var data: DataState?
    public var clock: ClockState?
    public var certificates: [CertificateState] = []
    public var uplink: UplinkState?
    public var broker: BrokerState?
    public var money: MoneyState?
    /// Why the running daemon cannot write readings; nil where it can.
    public var telemetryProblem: String?
    /// In the order of their addresses.
    public var devices: [DeviceState] = []
    public var lines: [LineState] = []

    public init(configuration: ConfigurationState, daemon: DaemonState) {
        self.configuration = configuration
        self.daemon = daemon
    }
}

public enum ConfigurationState: Hashable, Sendable {
    case sound(path: String)
    case absent(path: String)
    /// Each with its file, line and remedy.
    case wrong(path: String, problems: [String])
}

public enum DaemonState: Hashable, Sendable {
    case answers
    /// Nobody listens at the socket.
    case silent(socket: String)
    /// The user of this command may not open the socket.
    case notPermitted(socket: String)
}

/// One bus's port, tried where no daemon holds it.
public struct PortState: Hashable, Sendable {
    public enum Condition: Hashable, Sendable {
        case usable
        /// Open at the running daemon.
        case inUse
        case absent
        /// By a program that is not the daemon, where it could be told.
        case busy(holder: String?)
        case notPermitted
        case notSerial
        case other(String)
    }

    public let bus: BusID
    public let path: String
    public let condition: Condition
    /// Serial ports that are there and belong to no bus of the configuration.
    public let spares: [String]

    public init(bus: BusID, path: String, condition: Condition, spares: [String] = []) {
        self.bus = bus
        self.path = path
        self.condition = condition
        self.spares = spares
    }
}

/// The directory that holds the ledger.
public struct DataState: Hashable, Sendable {
    public enum Condition: Hashable, Sendable {
        case sound
        /// A new box: it will be made.
        case absent
        case parentAbsent
        case notPermitted
        case readOnly
        case ledgerUnreadable(String)
    }

    public let path: String
    public let condition: Condition
    public let freeBytes: Int64?
    public let freeInodes: Int64?
    /// What was moved aside after damage, still there.
    public let movedAside: [String]

    public init(
        path: String, condition: Condition, freeBytes: Int64? = nil, freeInodes: Int64? = nil, movedAside: [String] = []
    ) {
        self.path = path
        self.condition = condition
        self.freeBytes = freeBytes
        self.freeInodes = freeInodes
        self.movedAside = movedAside
    }
}

public struct ClockState: Hashable, Sendable {
    /// What the machine says the time is.
    public let wall: WallTime
    /// No present moment is earlier: the program's build, or the last time that was trusted.
    public let earliestPresent: WallTime
    /// A time source disciplines it, says the kernel.
    public let isSynchronised: Bool
    /// The configuration tells to believe it all the same.
    public let isAssumed: Bool
    /// At the running daemon; nil without one.
    public let isTrusted: Bool?

    public init(
        wall: WallTime, earliestPresent: WallTime, isSynchronised: Bool, isAssumed: Bool, isTrusted: Bool?
    ) {
        self.wall = wall
        self.earliestPresent = earliestPresent
        self.isSynchronised = isSynchronised
        self.isAssumed = isAssumed
        self.isTrusted = isTrusted
    }
}

public struct CertificateState: Hashable, Sendable {
    public enum Condition: Hashable, Sendable {
        case valid(from: WallTime, until: WallTime)
        /// The file, what is wrong with it, and what to do.
        case unusable(String)
    }

    /// `uplink.certificate`: the key of the configuration.
    public let role: String
    public let path: String
    public let condition: Condition

    public init(role: String, path: String, condition: Condition) {
        self.role = role
        self.path = path
        self.condition = condition
    }
}

/// How far one question to the platform came.
public enum UplinkReach: Hashable, Sendable {
    case answered(status: Int)
    /// As a platform would, but with something no platform says.
    case strangeAnswer(reason: String)
    case nameUnknown(host: String)
    case unreachable(reason: String)
    case tlsRefused(reason: String)
    case noAnswer(reason: String)
}

public struct UplinkState: Hashable, Sendable {
    public let url: String
    public let proxy: String?
    /// Nil where nothing was asked.
    public let reach: UplinkReach?
    /// At the running daemon: `up`, `refused`, ...
    public let condition: String?
    public let problem: String?
    /// Nil where the daemon cannot tell, or does not run.
    public let ledgerQueued: Int64?
    /// Records whose content the platform refused.
    public let ledgerWithheld: Int64

    public init(
        url: String, proxy: String? = nil, reach: UplinkReach?, condition: String? = nil, problem: String? = nil,
        ledgerQueued: Int64? = nil, ledgerWithheld: Int64 = 0
    ) {
        self.ledgerWithheld = ledgerWithheld
        self.url = url
        self.proxy = proxy
        self.reach = reach
        self.condition = condition
        self.problem = problem
        self.ledgerQueued = ledgerQueued
    }
}

/// The running daemon's way to an MQTT broker.
public struct BrokerState: Hashable, Sendable {
    /// Nil where nothing is wrong.
    public let problem: String?
    /// Nil where the daemon cannot tell.
    public let ledgerQueued: Int64?

    public init(problem: String?, ledgerQueued: Int64?) {
        self.problem = problem
        self.ledgerQueued = ledgerQueued
    }
}

/// The running daemon's ledger.
public struct MoneyState: Hashable, Sendable {
    public let isLedgerUsable: Bool
    /// Why no money moves until a person has looked.
    public let heldBecause: String?
    public let heldCuts: Int

    public init(isLedgerUsable: Bool, heldBecause: String? = nil, heldCuts: Int = 0) {
        self.isLedgerUsable = isLedgerUsable
        self.heldBecause = heldBecause
        self.heldCuts = heldCuts
    }
}

/// One installed device of the running daemon.
public struct DeviceState: Hashable, Sendable {
    public let meter: MeterID
    public let address: UnitAddress
    /// What it measures for; nil for a relay board.
    public var circuit: CircuitID?
    /// Nil while it answers.
    public var noData: NoDataReason?
    public var isQuarantined = false
    public var isOpenedElsewhere = false
    /// Why its breaker is wanted as it is; nil for what has none.
    public var rule: String?
    public var doubt: String?
    public var waitsFor: String?
    /// Since its last answer, where it ever gave one.
    public var silentFor: Duration?

    public init(meter: MeterID, address: UnitAddress, circuit: CircuitID? = nil, noData: NoDataReason? = nil) {
        self.meter = meter
        self.address = address
        self.circuit = circuit
        self.noData = noData
    }
}

/// What the running daemon has found out about a line.
public struct LineState: Hashable, Sendable {
    public let bus: BusID
    public let findings: [String]

    public init(bus: BusID, findings: [String]) {
        self.bus = bus
        self.findings = findings
    }
}
