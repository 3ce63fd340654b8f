public import ConfigurationReader
private import MeterProfiles
private import Metering

/// The site file: every key is explained in `etc/site.example.yaml`.
extension SitePlan {
    /// The keys of the file.
    public static let keys = [
        "gateway", "time_zone", "clock", "data", "socket", "profiles", "buses", "uplink", "enrolment", "customers",
        "devices", "more",
    ]
    private static let uplinkKeys = ["url", "authority", "certificate", "key", "minimum_tls", "proxy"]
    private static let mostDevices = 8 * 247
    private static let mostCodes = 10_000

    /// - Parameter isDraft: it may lack buses still.
    /// - Throws: every problem of the file.
    public init(file: String, text: String, isDraft: Bool = false) throws(ConfigurationProblems) {
        let collector = ProblemCollector()
        let plan = ConfigurationNode(file: file, text: text, collector: collector)?.mapping(keys: Self.keys)
            .flatMap { Self.read($0, isDraft: isDraft) }
        try collector.check()
        guard let plan else {
            throw ConfigurationProblems([
                ConfigurationProblem(
                    file: file, line: 0, what: "the site file cannot be read",
                    remedy: "compare it with etc/site.example.yaml")
            ])
        }
        self = plan
    }

    private static func read(_ root: ConfigurationMapping, isDraft: Bool) -> SitePlan? {
        guard let gateway = root.text("gateway") else { return nil }
        var plan = SitePlan(gateway: gateway)
        plan.timeZone = root.text("time_zone", default: plan.timeZone) ?? plan.timeZone
        plan.clock = root.text("clock", default: plan.clock) ?? plan.clock
        plan.data = root.text("data", default: plan.data) ?? plan.data
        plan.socket = root.text("socket", default: plan.socket) ?? plan.socket
        plan.profiles = root.text("profiles", default: plan.profiles) ?? plan.profiles
        plan.more = root["more"]?.text
        plan.buses = root.list("buses").compactMap(bus)
        if plan.buses.isEmpty, !isDraft {
            root.place.refuse("there is no bus", "add 'buses:' with an entry '- { id: bus1, port: auto }'")
        }
        for (index, bus) in plan.buses.enumerated() where plan.buses[..<index].contains(where: { $0.id == bus.id }) {
            root["buses"]?.refuse("the bus '\(bus.id)' is there twice", "give each bus a name of its own")
        }
        plan.uplink = root["uplink"].flatMap(uplink)
        plan.enrolment = root["enrolment"].flatMap(enrolment)
        if plan.enrolment != nil, root["uplink"] == nil {
            root["enrolment"]?.refuse(
                "a box that is enrolled needs to know where to send", "add 'uplink: { url: https://... }'")
        }
        plan.customers = root["customers"].map { columns($0, allowed: customerColumns) } ?? [:]
        plan.devices = root.list("devices").prefix(mostDevices).compactMap { device($0, buses: plan.buses.map(\.id)) }
        return plan
    }

    private static func bus(_ node: ConfigurationNode) -> Bus? {
        guard let bus = node.mapping(keys: ["id", "port", "baud", "format", "scan"]), let text = bus.text("id"),
            let port = bus.text("port", default: "auto")
        else { return nil }
        guard let id = BusID(rawValue: text) else {
            bus["id"]?.refuse("'\(text)' is no name", "write \(BusID.rule)")
            return nil
        }
        let isGiven = bus["baud"] != nil || bus["format"] != nil
        return Bus(id: id, port: port, serial: isGiven ? SerialFormat.read(bus) : nil, scan: bus["scan"]?.text)
    }

    private static func uplink(_ node: ConfigurationNode) -> Uplink? {
        guard let mapping = node.mapping(keys: uplinkKeys), let url = mapping.text("url") else { return nil }
        var uplink = Uplink(url: url)
        uplink.authority = mapping["authority"]?.text
        uplink.certificate = mapping["certificate"]?.text
        uplink.key = mapping["key"]?.text
        uplink.minimumTLS = mapping["minimum_tls"]?.text
        uplink.proxy = mapping["proxy"]?.text
        return uplink
    }

    private static func enrolment(_ node: ConfigurationNode) -> Enrolment? {
        guard let mapping = node.mapping(keys: ["platform", "codes"]), let platform = mapping.text("platform") else {
            return nil
        }
        var codes: [String: String] = [:]
        for (name, code) in mapping["codes"]?.entries?.prefix(mostCodes) ?? [] {
            if GatewayID(rawValue: name) == nil {
                code.refuse("'\(name)' is no name of a box", "write \(GatewayID.rule)")
            }
            codes[name] = code.text
        }
        return Enrolment(platform: platform, codes: codes)
    }

    private static func columns(_ node: ConfigurationNode, allowed: [String]) -> [String: String] {
        guard let mapping = node.mapping(keys: allowed) else { return [:] }
        var columns: [String: String] = [:]
        for name in allowed {
            guard let text = mapping[name]?.text else { continue }
            if text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) {
                mapping[name]?.refuse(
                    "'\(name)' cannot stand in an import file", "leave out commas, quotes and newlines")
            }
            columns[name] = text
        }
        return columns
    }

    private static func device(_ node: ConfigurationNode, buses: [BusID]) -> Device? {
        let own = ["name", "bus", "unit", "profile", "perhaps"]
        guard let mapping = node.mapping(keys: own + deviceColumns), let name = mapping.text("name"),
            let unit = mapping.integer("unit", in: 1...247)
        else { return nil }
        guard let id = MeterID(rawValue: name) else {
            mapping["name"]?.refuse("'\(name)' is no name", "write \(MeterID.rule)")
            return nil
        }
        let busName = mapping.text("bus", default: buses.first?.rawValue ?? "") ?? ""
        guard let bus = BusID(rawValue: busName), buses.contains(bus) else {
            let known = buses.map(\.rawValue).joined(separator: ", ")
            mapping["bus"]?.refuse("the bus '\(busName)' is not in this file", "use one of \(known)")
            return nil
        }
        var columns: [String: String] = [:]
        for column in deviceColumns { columns[column] = mapping[column]?.text }
        return Device(
            name: id, bus: bus, unit: UInt8(unit), profile: mapping["profile"]?.text,
            perhaps: mapping.list("perhaps").compactMap(\.text), columns: columns)
    }
}
