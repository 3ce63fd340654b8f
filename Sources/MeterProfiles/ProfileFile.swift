public import ConfigurationReader
private import Metering

/// Reads one profile file. The keys are documented in `docs/profiles.md`.
public struct ProfileFile {
    public let profile: MeterProfile
    /// The file it came from, for messages about a set of profiles.
    public let file: String
    /// Where `identify` stands; 0 where there is none.
    let identifyLine: Int

    /// - Parameters:
    ///   - file: the path as the installer knows it; its last part without `.yaml` must be the id.
    /// - Throws: every problem of the file.
    public init(file: String, text: String) throws(ConfigurationProblems) {
        let collector = ProblemCollector()
        let root = ConfigurationNode(file: file, text: text, collector: collector)?.mapping(keys: ProfileKeys.profile)
        let profile = root.flatMap { Self.read($0) }
        try collector.check()
        guard let profile else {
            throw ConfigurationProblems([
                ConfigurationProblem(
                    file: file, line: 0, what: "the profile cannot be read", remedy: "compare it with another profile")
            ])
        }
        self.profile = profile
        self.file = file
        identifyLine = root?["identify"]?.line ?? 0
    }

    private static func read(_ root: ConfigurationMapping) -> MeterProfile? {
        let id = root.text("id")
        let name = root.place.file.split(separator: "/").last.map(String.init) ?? ""
        if let id, name != "\(id).yaml" {
            root["id"]?.refuse("the id '\(id)' is not the file's name", "name the file \(id).yaml")
        }
        let commodity: Commodity? = root["commodity"].flatMap { $0.choice() }
        let serial = root.required("serial").flatMap(SerialFormat.read)
        let limits = root.required("limits").flatMap(readLimits)
        let lines = root.list("registers")
        let registers = RegisterTableReader(defaults: root["defaults"]).read(lines)
        let relay = root["relay"].flatMap(RelayReader.read)
        // Where a line of the table is wrong, its channel is missing for that reason alone.
        let billing =
            lines.count == registers.count
            ? root["billing"].flatMap { readBilling($0, registers: registers, commodity: commodity) } : nil
        if commodity != nil, root["billing"] == nil {
            root.place.refuse("a meter without 'billing' cannot be billed", "name the cumulative register in 'billing'")
        }
        if commodity == nil, root["commodity"] == nil, let billing = root["billing"] {
            billing.refuse("'billing' needs to know what is sold", "add 'commodity: electricity' or 'commodity: water'")
        }
        if lines.isEmpty, root["relay"] == nil {
            root.place.refuse("the profile has neither registers nor a relay", "add 'registers' or 'relay'")
        }
        let rules = root.list("identify").compactMap(readIdentification)
        guard let id, let title = root.text("title"), let source = root.text("source"),
            let isVerified = root.boolean("verified", default: false), let serial, let limits
        else { return nil }
        for register in registers where register.span > limits.registersPerRead {
            root["limits"]?.refuse(
                "registers_per_read \(limits.registersPerRead) cannot hold \(register.channel)",
                "raise registers_per_read to \(register.span)")
        }
        let settings = SettingReader.read(root.list("settings"))
        if !isVerified, let setting = settings.first(where: { $0.write != nil }) {
            root["settings"]?.refuse(
                "\(setting.name.rawValue) can be written, but nobody has confirmed this map",
                "leave 'write' out, or write 'verified: true' once a manual or a real meter confirms it")
        }
        return MeterProfile(
            id: id, title: title, source: source, isVerified: isVerified, commodity: commodity, serial: serial,
            limits: limits, registers: registers, billing: billing, identification: rules,
            resembles: root.list("resembles").compactMap(\.text), relay: relay, settings: settings)
    }

    private static func readLimits(_ node: ConfigurationNode) -> ReadLimits? {
        guard let limits = node.mapping(keys: ProfileKeys.limits),
            let registersPerRead = limits.integer("registers_per_read", in: 1...125),
            let gap = limits.integer("request_gap_ms", in: 0...2_000, default: 0),
            let allowsGaps = limits.boolean("allows_gaps", default: false),
            let timeout = limits.integer("response_timeout_ms", in: 20...5_000, default: 500)
        else { return nil }
        return ReadLimits(
            registersPerRead: registersPerRead, requestGap: .milliseconds(gap), allowsGaps: allowsGaps,
            responseTimeout: .milliseconds(timeout))
    }

    private static func readBilling(
        _ node: ConfigurationNode, registers: [RegisterDefinition], commodity: Commodity?
    ) -> BillingRegister? {
        guard let billing = node.mapping(keys: ProfileKeys.billing), let name = billing.text("channel"),
            let step = billing.integer("step", in: 1...1_000_000)
        else { return nil }
        let modulus = billing["modulus"].flatMap { $0.integer(in: 1...Int.max / 4) }
        guard let channel = Channel(name: name), channel.quantity.isCounter,
            registers.contains(where: { $0.channel == channel })
        else {
            billing["channel"]?.refuse("'\(name)' is no cumulative register of this profile", "name one that is")
            return nil
        }
        if let commodity, channel.quantity.unit != commodity.counterUnit {
            billing["channel"]?.refuse(
                "\(commodity) is counted in \(commodity.counterUnit), \(channel) in \(channel.quantity.unit)",
                "name a register that counts \(commodity.counterUnit)")
            return nil
        }
        return BillingRegister(channel: channel, modulus: modulus.map(Int64.init), step: Int64(step))
    }

    private static func readIdentification(_ node: ConfigurationNode) -> IdentificationRule? {
        guard let rule = node.mapping(keys: ProfileKeys.identification),
            let table: RegisterTable = rule["table"]?.registerTable(),
            let address = rule.integer("address", in: 0...65_535)
        else { return nil }
        let words = rule.list("equals").compactMap { $0.integer(in: 0...65_535).map { UInt16($0) } }
        guard (1...16).contains(words.count) else {
            node.refuse("'equals' needs 1 to 16 registers", "write 'equals: [7]'")
            return nil
        }
        guard ReadRequest(table: table, address: UInt16(address), count: words.count) != nil else {
            node.refuse("the registers run past 0xFFFF", "check the address against the manual")
            return nil
        }
        return IdentificationRule(table: table, address: UInt16(address), equals: words)
    }
}

extension RegisterDefinition {
    /// The registers of the read that fetches this value with its scale register.
    fileprivate var span: Int {
        let (first, end) = (Int(address), Int(address) + encoding.registerCount)
        let scaledBy = scaleRegister.map { Int($0.address) } ?? first
        return max(end, scaledBy + 1) - min(first, scaledBy)
    }
}

extension Commodity {
    fileprivate var counterUnit: String {
        switch self {
        case .electricity: "Wh"
        case .water: "l"
        }
    }
}

extension IdentificationRule {
    /// The read that fetches what is compared.
    public var request: ReadRequest? { ReadRequest(table: table, address: address, count: equals.count) }

    /// Whether an answer to `request` is this model's.
    public func matches(_ words: [UInt16]) -> Bool { words == equals }
}

extension SerialFormat {
    /// The rates of RS485 meters.
    public static let baudRates = [1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200]

    /// Reads `{ baud: 9600, format: 8N1 }`.
    public static func read(_ node: ConfigurationNode) -> SerialFormat? {
        guard let serial = node.mapping(keys: ProfileKeys.serial) else { return nil }
        return read(serial)
    }

    /// Reads the keys `baud` and `format` of a mapping.
    public static func read(_ mapping: ConfigurationMapping) -> SerialFormat? {
        guard let baud = mapping.integer("baud", in: 1...1_000_000), let format = mapping.text("format") else {
            return nil
        }
        guard baudRates.contains(baud) else {
            mapping["baud"]?.refuse(
                "\(baud) baud is not a rate of RS485 meters",
                "write one of \(baudRates.map(String.init).joined(separator: ", "))")
            return nil
        }
        let characters = Array(format)
        guard characters.count == 3, characters[0] == "8", let parity = Parity(rawValue: String(characters[1])),
            let stopBits = Int(String(characters[2])), (1...2).contains(stopBits)
        else {
            mapping["format"]?.refuse("the character format '\(format)' is unknown", "write one of 8N1, 8E1, 8O1, 8N2")
            return nil
        }
        return SerialFormat(baud: baud, parity: parity, stopBits: stopBits)
    }

    /// `8N1`
    public var formatText: String { "8\(parity.rawValue)\(stopBits)" }
}
