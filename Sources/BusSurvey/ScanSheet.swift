public import MeterProfiles
public import Metering

/// What a scan found, as files an installer goes on with: lines for `meterkeep import`, and the entry of
/// the bus for `gateway.yaml`.
public struct ScanSheet: Sendable {
    public let bus: BusID
    public let port: String
    /// The format of the bus: as configured, or the one most devices have.
    public let serial: SerialFormat
    private let devices: [FoundDevice]
    private let installed: [UInt8: SiteMeter]

    /// - Parameters:
    ///   - configured: the bus's format where it has one already.
    ///   - installed: the devices that the site has on this bus.
    public init(
        bus: BusID, port: String, configured: SerialFormat?, found: [FoundDevice], installed: [SiteMeter] = []
    ) {
        self.bus = bus
        self.port = port
        devices = found.settled.sorted { ($0.unit, $0.serial.baud) < ($1.unit, $1.serial.baud) }
        self.installed = Dictionary(installed.map { ($0.address.unit, $0) }) { first, _ in first }
        var counts: [SerialFormat: Int] = [:]
        for device in devices { counts[device.serial, default: 0] += 1 }
        let usual = counts.max { ($0.value, $0.key.baud) < ($1.value, $1.key.baud) }?.key
        serial = configured ?? usual ?? SerialFormat(baud: 9600, parity: .none, stopBits: 1)
    }

    private static let header = """
        meter,bus,unit,profile,circuit,account,customer,issuer,price,alarm_1,alarm_2,overdraft,hoarding_cap,\
        opening_balance,rated_watts,breaker_bus,breaker_unit,breaker_point
        """

    /// A file for `meterkeep import`. What cannot be imported as it is stands there as a comment that says
    /// what to do.
    public var importFile: String {
        var lines = [
            "# Found on bus \(bus) (\(port)). Fill in names and accounts, then: meterkeep import FILE",
            Self.header,
        ]
        for device in devices { lines += self.lines(for: device) }
        if devices.isEmpty { lines.append("# nothing answered") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The bus in `gateway.yaml`.
    public var configurationFragment: String {
        let count = devices.count { $0.serial == serial }
        return """
            buses:
              # \(count) of \(devices.count) devices found answer in this format
              - { id: \(bus), port: \(port), baud: \(serial.baud), format: \(serial.formatText) }

            """
    }

    private func lines(for device: FoundDevice) -> [String] {
        var lines: [String] = []
        let isInstalled = installed[device.unit] != nil && device.serial == serial
        let format = "\(device.serial.baud) \(device.serial.formatText)"
        let remark = words(for: device)
        if !remark.isEmpty { lines.append("# unit \(device.unit): \(remark)") }
        if let meter = installed[device.unit], isInstalled {
            if let profile = device.model.profile, profile != meter.profile {
                lines.append(
                    "# unit \(device.unit): installed as \(meter.id) with profile \(meter.profile), but it answers "
                        + "as \(profile); correct the profile and import it again")
            } else {
                lines.append("# unit \(device.unit): installed already as \(meter.id)")
            }
            return lines
        }
        let row = "\(bus)-\(device.unit),\(bus),\(device.unit),\(device.model.profile ?? ""),,,,,,,,,,,,,,"
        guard device.serial == serial else {
            lines.append(
                "# unit \(device.unit): answers at \(format), the bus has \(serial.baud) \(serial.formatText); set "
                    + "its rate and format at the meter, then use this line")
            lines.append("#\(row)")
            return lines
        }
        let isSafe = device.evidence.verdict == .oneDevice || device.evidence.verdict == .poorLine
        lines.append(device.model.profile != nil && isSafe ? row : "#\(row)")
        return lines
    }

    /// What is to be said about a device, beside its line; empty when all is well.
    public func words(for device: FoundDevice) -> String {
        var parts: [String] = []
        switch device.evidence.verdict {
        case .twoDevices:
            parts.append(
                "two devices have this address; disconnect one, give the other a new address, then scan again")
        case .perhapsTwoDevices:
            parts.append(
                "\(device.evidence.broken) of \(device.evidence.asked) answers came broken; two devices may share this "
                    + "address, or the cable there is bad: disconnect one device and scan this address again")
        case .poorLine:
            parts.append(
                "\(device.evidence.asked - device.evidence.answered) of \(device.evidence.asked) answers got lost; "
                    + "check the cable and its ends there")
        case .oneDevice, .nobody: break
        }
        let twins = devices.filter { $0.unit == device.unit && $0.serial != device.serial }
        if let twin = twins.first {
            parts.append(
                "a device at \(twin.serial.baud) \(twin.serial.formatText) has this address too; give one of them "
                    + "another before they get the same rate")
        }
        switch device.model {
        case .identified: break
        case .ambiguous(let profiles):
            parts.append("may be \(profiles.joined(separator: " or ")); write the right one into 'profile'")
        case .plausible(let profiles):
            parts.append(
                "it answers like \(profiles.joined(separator: " or ")), which no register proves; compare one value "
                    + "with the meter's display, or count the relays of a board: others answer alike")
        case .unknown:
            parts.append("its model is not known; write its profile into 'profile' (docs/profiles.md)")
        }
        return parts.joined(separator: ". Also: ")
    }
}
