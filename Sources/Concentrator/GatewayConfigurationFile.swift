public import ConfigurationReader
private import FieldBus
private import Foundation
private import GatewayIdentity
private import MeterProfiles
private import Metering
private import Prepaid
private import UplinkHTTP
private import UplinkProtocol

extension GatewayConfiguration {
    private static let keys = [
        "gateway", "data", "socket", "profiles", "time_zone", "clock", "buses", "poll", "breakers", "supply",
        "telemetry",
        "metrics", "meter_settings", "uplink", "pull", "mqtt", "commands", "board",
    ]

    private static let commandKeys = [
        "largest_amount", "largest_balance", "largest_price", "smallest_price", "daily_credit_account",
        "daily_credit_site", "key",
    ]

    /// Reads the configuration. Every key is explained in `etc/gateway.yaml`.
    /// - Throws: every problem of the file; nothing is used then.
    public init(file: String, text: String) throws(ConfigurationProblems) {
        let collector = ProblemCollector()
        let root = ConfigurationNode(file: file, text: text, collector: collector)?.mapping(keys: Self.keys)
        let folder = URL(filePath: file).deletingLastPathComponent()
        let read = root.flatMap { Self.read($0, folder: folder) }
        try collector.check()
        guard let read else {
            throw ConfigurationProblems([
                ConfigurationProblem(
                    file: file, line: 0, what: "the configuration cannot be read",
                    remedy: "compare it with etc/gateway.yaml")
            ])
        }
        self = read
    }

    private static func read(_ root: ConfigurationMapping, folder: URL) -> GatewayConfiguration? {
        func path(_ text: String?) -> String? {
            text.map {
                CredentialPlace.path(of: $0)
                    ?? ($0.hasPrefix("/") ? $0 : folder.appending(path: $0).standardizedFileURL.path)
            }
        }
        let buses = readBuses(root)
        let periods = readPeriods(root["poll"])
        let pull = root["pull"].map { readPull($0, path: path) }
        let broker = root["mqtt"].map { readBroker($0, path: path) }
        let zone = root.text("time_zone", default: "UTC")
        if let zone, TimeZone(identifier: zone) == nil {
            root["time_zone"]?.refuse("the time zone '\(zone)' is unknown", "write an IANA name like Asia/Shanghai")
        }
        let clock: ClockSource? = root.choice("clock", default: .kernel)
        guard let gateway = identifier(root.required("gateway"), Gateway.self), let zone, let clock,
            let data = path(root.text("data", default: "/var/lib/meterkeep")),
            let socket = path(root.text("socket", default: "/run/meterkeep/meterkeep.sock")),
            let profiles = path(root.text("profiles", default: "profiles")), let periods
        else { return nil }
        let identity = IdentityFolder(dataPath: data)
        let platform = root["uplink"].flatMap { readPlatform($0, identity: identity, path: path) }
        let breakers = root.mapping("breakers", keys: ["closing_gap_ms"])
        let supply = root.mapping("supply", keys: ["nominal_volts", "tolerance_percent"])
        let supplyLimits = SupplyLimits(
            nominalVolts: Int64(supply?.integer("nominal_volts", in: 100...400, default: 230) ?? 230),
            tolerancePercent: Int64(supply?.integer("tolerance_percent", in: 1...50, default: 10) ?? 10))
        let closingGap = breakers?.integer("closing_gap_ms", in: 0...60_000, default: 500) ?? 500
        let telemetry = root.mapping("telemetry", keys: ["interval_seconds", "commit_seconds"])
        let intervalSeconds = telemetry?.integer("interval_seconds", in: 1...1_800, default: 300) ?? 300
        let commitSeconds = telemetry?.integer("commit_seconds", in: 1...3_600, default: 1_500) ?? 1_500
        let metrics = root["metrics"].flatMap { $0.mapping(keys: ["port"]) }
        let metricsPort = metrics.flatMap { $0.integer("port", in: 1...65_535) }
        let commands = root.mapping("commands", keys: Self.commandKeys)
        guard let limits = readLimits(commands) else { return nil }
        return GatewayConfiguration(
            gateway: gateway, dataPath: data, socketPath: socket, profilesPath: profiles, timeZoneName: zone,
            clockSource: clock, buses: buses, periods: periods.periods, staleAfter: periods.staleAfter,
            closingGap: .milliseconds(closingGap), supplyLimits: supplyLimits,
            telemetryInterval: .seconds(intervalSeconds), telemetryCommitInterval: .seconds(commitSeconds),
            metricsPort: metricsPort,
            meterSettings: root["meter_settings"].flatMap(MeterSettingsConfiguration.read) ?? .standard,
            platform: platform?.address,
            identity: platform?.address.certificatePath == identity.certificatePath ? identity : nil,
            pull: pull.flatMap { $0 }, broker: broker.flatMap { $0 },
            board: root["board"].flatMap(BoardConfiguration.read),
            batchRecords: platform?.batchRecords ?? 500, commandLimits: limits,
            commandKeyPath: path(commands?["key"]?.text))
    }

    private static func identifier<Subject>(
        _ node: ConfigurationNode?, _: Subject.Type
    ) -> Identifier<Subject>? {
        guard let node, let text = node.text else { return nil }
        if let identifier = Identifier<Subject>(rawValue: text) { return identifier }
        node.refuse("\(node.path) '\(text)' is no name", "write \(Identifier<Subject>.rule)")
        return nil
    }

    private static func readBuses(_ root: ConfigurationMapping) -> [BusConfiguration] {
        var buses: [BusConfiguration] = []
        let nodes = root.required("buses")?.list
        for node in nodes ?? [] {
            guard let bus = node.mapping(keys: Self.busKeys),
                let id = identifier(bus.required("id"), Bus.self), let port = bus.text("port"),
                let serial = SerialFormat.read(bus), let allowances = LineAllowances.read(bus)
            else { continue }
            let address = PortAddress(port)
            if address == nil { bus["port"]?.refuse("'\(port)' is no port", PortAddress.rule) }
            if case .network = address, allowances.driving != .automatic {
                bus["rs485"]?.refuse("a network port has no RTS line", "leave 'rs485' out")
            }
            if id == .board {
                bus["id"]?.refuse("'board' stands for the relays of the box itself", "give the bus another name")
            }
            if buses.contains(where: { $0.id == id }) {
                bus["id"]?.refuse("the bus '\(id)' is there twice", "give each bus a name of its own")
            }
            if let other = buses.first(where: { $0.port == port }) {
                bus["port"]?.refuse("the port \(port) is that of bus '\(other.id)' too", "give each bus its own port")
            }
            buses.append(BusConfiguration(id: id, port: port, serial: serial, allowances: allowances))
        }
        if let nodes, nodes.isEmpty {
            root["buses"]?.refuse(
                "there is no bus", "add an entry '- { id: bus1, port: ..., baud: 9600, format: 8N1 }'")
        }
        if buses.count > 8 {
            root["buses"]?.refuse("\(buses.count) buses are too many for one box", "use at most 8")
        }
        return buses
    }

    private static func readPeriods(
        _ node: ConfigurationNode?
    ) -> (periods: PollSchedule.Periods, staleAfter: Duration)? {
        var fast: Int? = 1_000
        var normal: Int? = 5_000
        var slow: Int? = 60_000
        var stale: Int? = 60
        if let node {
            guard let poll = node.mapping(keys: ["fast_ms", "normal_ms", "slow_ms", "stale_seconds"]) else {
                return nil
            }
            fast = poll.integer("fast_ms", in: 100...60_000, default: 1_000)
            normal = poll.integer("normal_ms", in: 100...600_000, default: 5_000)
            slow = poll.integer("slow_ms", in: 100...3_600_000, default: 60_000)
            stale = poll.integer("stale_seconds", in: 2...3_600, default: 60)
            if let fast, let normal, let slow, fast > normal || normal > slow {
                node.refuse("the poll periods are not in order", "write fast_ms ≤ normal_ms ≤ slow_ms")
            }
        }
        guard let fast, let normal, let slow, let stale else { return nil }
        return (
            PollSchedule.Periods(fast: .milliseconds(fast), normal: .milliseconds(normal), slow: .milliseconds(slow)),
            .seconds(stale)
        )
    }

    private static func readLimits(_ commands: ConfigurationMapping?) -> CommandLimits? {
        var limits = CommandLimits.standard
        guard let commands else { return limits }
        func read<Value>(_ key: String, _ example: String, _ parse: (String) -> Value?) -> Value? {
            guard let node = commands[key] else { return nil }
            guard let text = node.text, let value = parse(text) else {
                node.refuse("\(node.path) is no amount", "write it in quotes, like \"\(example)\"")
                return nil
            }
            return value
        }
        limits.largestAmount = read("largest_amount", "100000") { Money(decimal: $0) } ?? limits.largestAmount
        limits.largestBalance = read("largest_balance", "1000000") { Money(decimal: $0) } ?? limits.largestBalance
        limits.largestPrice = read("largest_price", "1000.0000") { Price(decimal: $0) } ?? limits.largestPrice
        limits.smallestPrice = read("smallest_price", "0.1000") { Price(decimal: $0) } ?? limits.smallestPrice
        limits.dailyCredit.perAccount =
            read("daily_credit_account", "200000") { Money(decimal: $0) } ?? limits.dailyCredit.perAccount
        limits.dailyCredit.perSite =
            read("daily_credit_site", "5000000") { Money(decimal: $0) } ?? limits.dailyCredit.perSite
        return limits
    }

    private static func readPlatform(
        _ node: ConfigurationNode, identity: IdentityFolder, path: (String?) -> String?
    ) -> (address: PlatformAddress, batchRecords: Int)? {
        let keys = ["url", "authority", "certificate", "key", "minimum_tls", "batch_records", "proxy"]
        guard let uplink = node.mapping(keys: keys), let url = uplink.text("url"),
            let authority = path(uplink.text("authority", default: identity.authorityPath)),
            let certificate = path(uplink.text("certificate", default: identity.certificatePath)),
            let key = path(uplink.text("key", default: identity.keyPath)),
            let minimum: PlatformAddress.MinimumTLS = uplink.choice("minimum_tls", default: .v13),
            let records = uplink.integer("batch_records", in: 1...5_000, default: 500)
        else { return nil }
        if (uplink["certificate"] == nil) != (uplink["key"] == nil) {
            node.refuse(
                "'certificate' and 'key' belong together", "name both, or neither to use what 'meterkeep enrol' made")
        }
        if !url.hasPrefix("https://") {
            uplink["url"]?.refuse("'\(url)' is no HTTPS address", "write it like https://platform.example:8443")
        }
        var proxy: String?
        if let node = uplink["proxy"] {
            proxy = node.text
            if let proxy, !proxy.hasPrefix("http://") {
                node.refuse("'uplink.proxy' is no proxy's address", "write it like http://proxy.example:3128")
            }
        }
        return (
            PlatformAddress(
                url: url, authorityPath: authority, certificatePath: certificate, keyPath: key, minimumTLS: minimum,
                proxy: proxy),
            records
        )
    }
}
