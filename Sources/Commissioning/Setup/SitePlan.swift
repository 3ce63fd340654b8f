public import MeterProfiles
public import Metering

/// What a box is to be on its site, as a site file says it or the guided setup found out. Amounts are kept as they
/// were written; the import checks them.
public struct SitePlan: Hashable, Sendable {
    public struct Bus: Hashable, Sendable {
        public var id: BusID
        /// A port's name; `auto`: the first serial port of the box that no other bus has.
        public var port: String
        /// Nil: as the scan finds it.
        public var serial: SerialFormat?
        /// Where the scan looks: `1-32,100`; nil: it does not.
        public var scan: String?

        public init(id: BusID, port: String, serial: SerialFormat? = nil, scan: String? = nil) {
            self.id = id
            self.port = port
            self.serial = serial
            self.scan = scan
        }
    }

    public struct Device: Hashable, Sendable {
        public var name: MeterID
        public var bus: BusID
        public var unit: UInt8
        /// Nil: as the scan finds it.
        public var profile: String?
        /// What it may be, where the scan could not tell for sure.
        public var perhaps: [String]
        /// Columns of the import, beside those above: `account`, `customer`, `price`, ...
        public var columns: [String: String]

        public init(
            name: MeterID, bus: BusID, unit: UInt8, profile: String?, perhaps: [String] = [],
            columns: [String: String] = [:]
        ) {
            self.name = name
            self.bus = bus
            self.unit = unit
            self.profile = profile
            self.perhaps = perhaps
            self.columns = columns
        }
    }

    /// What is nil is where enrolment puts it.
    public struct Uplink: Hashable, Sendable {
        public var url: String
        public var authority: String?
        public var certificate: String?
        public var key: String?
        public var minimumTLS: String?
        public var proxy: String?

        public init(url: String, minimumTLS: String? = nil, proxy: String? = nil) {
            self.url = url
            self.minimumTLS = minimumTLS
            self.proxy = proxy
        }
    }

    /// How boxes are made known to the platform (`meterkeep enrol`).
    public struct Enrolment: Hashable, Sendable {
        /// The platform's address for new boxes.
        public var platform: String
        /// Pairing codes by the boxes' names. Good once, but until then whoever has one is that box: they do not stay in
        /// what a setup writes.
        public var codes: [String: String]

        public init(platform: String, codes: [String: String] = [:]) {
            self.platform = platform
            self.codes = codes
        }
    }

    /// May hold `{serial}`, `{host}` and `{mac}`, so that one file serves many boxes.
    public var gateway: String
    public var timeZone = "UTC"
    public var clock = "kernel"
    public var data = "/var/lib/meterkeep"
    public var socket = "/run/meterkeep/meterkeep.sock"
    public var profiles = "profiles"
    public var buses: [Bus] = []
    public var uplink: Uplink?
    public var enrolment: Enrolment?
    /// For every account: `price`, `alarm_1`, ...
    public var customers: [String: String] = [:]
    public var devices: [Device] = []
    /// Further sections of gateway.yaml, as they stand there.
    public var more: String?

    public init(gateway: String) { self.gateway = gateway }

    /// Columns that may stand with a device, in the order of the import.
    public static let deviceColumns = ["circuit", "account", "customer"] + customerColumns + breakerColumns
    /// Those that may stand once for all.
    public static let customerColumns = [
        "issuer", "price", "alarm_1", "alarm_2", "overdraft", "hoarding_cap", "opening_balance", "rated_watts",
        "overload_watts", "forbidden_appliances",
    ]
    /// Those of them that are a circuit's, not its account's.
    static let circuitColumns: Set<String> = ["rated_watts", "overload_watts", "forbidden_appliances"]
    public static let breakerColumns = ["breaker_bus", "breaker_unit", "breaker_point"]
}

/// What a box knows of itself, for its name.
public struct BoxIdentity: Hashable, Sendable {
    /// Of the board, or of the machine.
    public var serial: String?
    public var host: String?
    /// Of the first network interface, without colons.
    public var mac: String?

    public init(serial: String? = nil, host: String? = nil, mac: String? = nil) {
        self.serial = serial
        self.host = host
        self.mac = mac
    }

    /// Fills a pattern in. Whatever may not stand in a name becomes a hyphen.
    /// - Throws: what is not known, or why the outcome is no name; with what to do.
    public func name(from pattern: String) throws(SetupProblem) -> GatewayID {
        var name = pattern
        for (word, value) in [("{serial}", serial), ("{host}", host), ("{mac}", mac)] where name.contains(word) {
            guard let value, !value.isEmpty else {
                throw SetupProblem("gateway '\(pattern)': this box does not tell its \(word); use another pattern")
            }
            name = name.split(separator: word, omittingEmptySubsequences: false).joined(separator: Self.plain(value))
        }
        guard let id = GatewayID(rawValue: name) else {
            throw SetupProblem("gateway '\(name)' is no name; write \(GatewayID.rule)")
        }
        return id
    }

    private static func plain(_ text: String) -> String {
        String(text.map { GatewayID(rawValue: String($0)) == nil ? "-" : $0 })
    }
}

/// Why a box cannot be set up: where, what, and what to do.
public struct SetupProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
