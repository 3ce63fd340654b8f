public import FieldBus
public import GatewayIdentity
public import MeterProfiles
public import Metering
public import UplinkHTTP
public import UplinkMQTT
public import UplinkProtocol
public import UplinkPull

/// One RS485 bus of the box.
public struct BusConfiguration: Hashable, Sendable {
    public let id: BusID
    /// A stable name: a link under /dev/serial, or a UART; or a network address, see `PortAddress`.
    public let port: String
    public let serial: SerialFormat
    public let allowances: LineAllowances

    public init(id: BusID, port: String, serial: SerialFormat, allowances: LineAllowances = LineAllowances()) {
        self.id = id
        self.port = port
        self.serial = serial
        self.allowances = allowances
    }

    /// The path of a serial port; nil where the bus is behind a network.
    public var devicePath: String? {
        if case .serial(let path) = PortAddress(port) { path } else { nil }
    }
}

/// What the daemon is to do, read from `gateway.yaml`. Paths are absolute, or as seen from the file.
public struct GatewayConfiguration: Hashable, Sendable {
    public enum ClockSource: String, Hashable, Sendable, CaseIterable {
        /// The wall clock is believed when the kernel says that a time source disciplines it.
        case kernel
        /// The wall clock is believed always: benches and demonstrations.
        case assumed
    }

    public let gateway: GatewayID
    public let dataPath: String
    public let socketPath: String
    public internal(set) var profilesPath: String
    public let timeZoneName: String
    public let clockSource: ClockSource
    public internal(set) var buses: [BusConfiguration]
    public internal(set) var periods: PollSchedule.Periods
    /// A reading older than this opens no breaker.
    public internal(set) var staleAfter: Duration
    /// Between two breakers that close on their own, so that not all loads come on at once.
    public internal(set) var closingGap: Duration
    /// Voltages beyond them are events.
    public internal(set) var supplyLimits: SupplyLimits
    /// One reading of each meter is kept in it.
    public internal(set) var telemetryInterval: Duration
    /// How long readings wait to be committed together.
    public internal(set) var telemetryCommitInterval: Duration
    /// The port of the loopback interface where the metrics page is; nil: on the local API only.
    public let metricsPort: Int?
    public internal(set) var meterSettings: MeterSettingsConfiguration
    /// Nil: nothing goes upstream.
    public internal(set) var platform: PlatformAddress?
    /// Who the gateway is for the platform, where `meterkeep enrol` has made that; nil: certificate and key are
    /// somebody else's to renew.
    public internal(set) var identity: IdentityFolder?
    /// Nil: nobody pulls.
    public internal(set) var pull: PullAddress?
    /// Nil: nothing goes to a broker.
    public internal(set) var broker: BrokerAddress?
    /// Nil: the box has no relays, contacts and lights of its own.
    public let board: BoardConfiguration?
    /// Records in a batch, at most.
    public internal(set) var batchRecords: Int
    /// What no command from outside may go beyond.
    public internal(set) var commandLimits: CommandLimits
    /// PEM: the key that commands from outside must be signed with; nil: none.
    public internal(set) var commandKeyPath: String?
}
