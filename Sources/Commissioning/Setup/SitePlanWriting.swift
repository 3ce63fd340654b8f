private import MeterProfiles
public import Metering

/// What a plan becomes: the configuration, the import file, and the site file itself.
extension SitePlan {
    /// `gateway.yaml`.
    /// - Parameters:
    ///   - name: of this very box.
    ///   - isEnrolled: its certificates are there; without them the platform's section is a comment.
    public func configuration(name: GatewayID, isEnrolled: Bool) -> String {
        var lines = [
            "# Made by meterkeep setup. Every key is explained in the example gateway.yaml.", "gateway: \(name)",
            "data: \(Self.quoted(data))", "socket: \(Self.quoted(socket))", "profiles: \(Self.quoted(profiles))",
            "time_zone: \(Self.quoted(timeZone))", "clock: \(Self.quoted(clock))", "buses:",
        ]
        for bus in buses {
            let serial = bus.serial.map { "baud: \($0.baud), format: \($0.formatText)" } ?? "baud: 9600, format: 8N1"
            lines.append("  - { id: \(bus.id), port: \(Self.quoted(bus.port)), \(serial) }")
        }
        if let uplink {
            let section = ["uplink:"] + Self.lines(uplink)
            lines += isEnrolled ? section : ["# Once the certificates are there:"] + section.map { "# \($0)" }
        }
        if let more { lines += more.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What `meterkeep import` reads. Devices whose model is not known stand there as comments.
    public var importFile: String {
        let columns = ["meter", "bus", "unit", "profile"] + Self.deviceColumns
        var lines = [
            "# Made by meterkeep setup. Every column is explained in the example meters.csv.",
            columns.joined(separator: ","),
        ]
        var described: Set<String> = []
        for device in devices.sorted(by: { ($0.bus, $0.unit) < ($1.bus, $1.unit) }) {
            var cells = device.columns
            // An account is described where it stands first.
            let isFirst = cells["account"].map { described.insert($0).inserted } ?? false
            for (column, value) in customers where cells[column] == nil {
                let isOfCircuit =
                    column == "rated_watts" || cells["account"] != nil && Self.circuitColumns.contains(column)
                if isFirst || isOfCircuit { cells[column] = value }
            }
            let own = [device.name.rawValue, device.bus.rawValue, String(device.unit), device.profile ?? ""]
            let line = (own + Self.deviceColumns.map { cells[$0] ?? "" }).joined(separator: ",")
            lines.append(device.profile == nil ? "# its model is not known: #\(line)" : line)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The site file: `SitePlan(file:text:)` reads it back as this very plan, but for
    /// pairing codes.
    public var siteFile: String {
        func pairs(_ columns: [String: String], _ order: [String]) -> [String] {
            order.compactMap { name in columns[name].map { "\(name): \(Self.quoted($0))" } }
        }
        var lines = ["# Made by meterkeep setup. Every key is explained in the example site file."]
        lines += [
            "gateway: \(Self.quoted(gateway))", "time_zone: \(Self.quoted(timeZone))", "clock: \(Self.quoted(clock))",
            "data: \(Self.quoted(data))", "socket: \(Self.quoted(socket))", "profiles: \(Self.quoted(profiles))",
        ]
        if !buses.isEmpty { lines.append("buses:") }
        for bus in buses {
            var parts = ["id: \(bus.id)", "port: \(Self.quoted(bus.port))"]
            if let serial = bus.serial { parts += ["baud: \(serial.baud)", "format: \(serial.formatText)"] }
            if let scan = bus.scan { parts.append("scan: \(Self.quoted(scan))") }
            lines.append("  - { \(parts.joined(separator: ", ")) }")
        }
        if let uplink { lines += ["uplink:"] + Self.lines(uplink) }
        if let enrolment { lines.append("enrolment: { platform: \(Self.quoted(enrolment.platform)) }") }
        if !customers.isEmpty {
            lines.append("customers: { \(pairs(customers, Self.customerColumns).joined(separator: ", ")) }")
        }
        if !devices.isEmpty { lines.append("devices:") }
        for device in devices {
            var parts = ["name: \(Self.quoted(device.name.rawValue))", "bus: \(device.bus)", "unit: \(device.unit)"]
            if let profile = device.profile { parts.append("profile: \(Self.quoted(profile))") }
            if !device.perhaps.isEmpty {
                parts.append("perhaps: [\(device.perhaps.map(Self.quoted).joined(separator: ", "))]")
            }
            parts += pairs(device.columns, Self.deviceColumns)
            lines.append("  - { \(parts.joined(separator: ", ")) }")
        }
        if let more { lines.append("more: \(Self.quoted(more))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ uplink: Uplink) -> [String] {
        let pairs = [
            ("url", uplink.url), ("authority", uplink.authority), ("certificate", uplink.certificate),
            ("key", uplink.key), ("minimum_tls", uplink.minimumTLS), ("proxy", uplink.proxy),
        ]
        return pairs.compactMap { name, value in value.map { "  \(name): \(quoted($0))" } }
    }

    /// A YAML scalar in double quotes (YAML 1.2, 7.3.1).
    private static func quoted(_ text: String) -> String {
        let escaped = text.map { character -> String in
            switch character {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            case "\t": "\\t"
            default: String(character)
            }
        }
        return "\"\(escaped.joined())\""
    }
}
