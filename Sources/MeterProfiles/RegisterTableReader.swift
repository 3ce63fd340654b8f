internal import ConfigurationReader
internal import Metering

/// Reads the register table of a profile: one line a register, defaults above it.
struct RegisterTableReader {
    private var table: RegisterTable = .holding
    private var encoding: RegisterEncoding = .u16
    private var order: WordOrder = .abcd

    init(defaults: ConfigurationNode?) {
        guard let defaults = defaults?.mapping(keys: ProfileKeys.defaults) else { return }
        table = defaults["table"]?.registerTable() ?? table
        encoding = defaults.choice("encoding", default: encoding) ?? encoding
        order = defaults.choice("order", default: order) ?? order
    }

    func read(_ nodes: [ConfigurationNode]) -> [RegisterDefinition] {
        var definitions: [(node: ConfigurationNode, register: RegisterDefinition)] = []
        for node in nodes {
            guard let register = read(node) else { continue }
            if let twin = definitions.first(where: { $0.register.channel == register.channel }) {
                node.refuse("\(register.channel) stands in line \(twin.node.line) already", "keep one of the two")
            }
            if let other = definitions.first(where: { $0.register.overlaps(register) }) {
                node.refuse(
                    "\(register.channel) overlaps \(other.register.channel) in line \(other.node.line)",
                    "check address and encoding against the manual")
            }
            definitions.append((node, register))
        }
        return definitions.map(\.register)
    }

    private func read(_ node: ConfigurationNode) -> RegisterDefinition? {
        guard let line = node.mapping(keys: ProfileKeys.register), let name = line.text("channel"),
            let address = line.integer("address", in: 0...65_535), let unitName = line.text("unit"),
            let scaleText = line.text("scale", default: "1"),
            let encoding = line.choice("encoding", default: encoding),
            let order = line.choice("order", default: order),
            let pollClass: PollClass = line.choice("poll", default: .normal)
        else { return nil }
        guard let channel = Channel(name: name) else {
            line["channel"]?.refuse(
                "the channel '\(name)' is unknown",
                ConfigurationNode.suggestion(for: name, among: Channel.allNames))
            return nil
        }
        guard let scale = scale(scaleText, unitName: unitName, channel: channel, line: line) else { return nil }
        guard address + encoding.registerCount <= 65_536 else {
            line["address"]?.refuse("the register runs past 0xFFFF", "check the address against the manual")
            return nil
        }
        return RegisterDefinition(
            channel: channel, table: line["table"].flatMap { $0.registerTable() } ?? table, address: UInt16(address),
            encoding: encoding, order: order, scale: scale, pollClass: pollClass,
            invalid: Set(line.list("invalid").compactMap { readMarker($0, encoding: encoding) }),
            bits: line["bits"].flatMap { readBits($0, encoding: encoding) },
            scaleRegister: line["scale_register"].flatMap(readScaleRegister))
    }

    /// `[0, 7]`: the lowest and the highest bit.
    private func readBits(_ node: ConfigurationNode, encoding: RegisterEncoding) -> ClosedRange<Int>? {
        let ends = (node.list ?? []).compactMap { $0.integer(in: 0...15) }
        guard ends.count == 2, ends[0] <= ends[1], encoding == .u16 else {
            node.refuse(
                "'bits' is not the part of a u16 register", "write the lowest and the highest bit, like [0, 7]")
            return nil
        }
        return ends[0]...ends[1]
    }

    private func readScaleRegister(_ node: ConfigurationNode) -> ScaleRegister? {
        guard let scale = node.mapping(keys: ProfileKeys.scaleRegister),
            let address = scale.integer("address", in: 0...65_535),
            let meaning: ScaleRegister.Meaning = scale.choice("means")
        else { return nil }
        return ScaleRegister(address: UInt16(address), meaning: meaning)
    }

    /// A raw pattern as wide as the value: up to 64 bits.
    private func readMarker(_ node: ConfigurationNode, encoding: RegisterEncoding) -> UInt64? {
        guard let text = node.text else { return nil }
        let bits = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
        guard let bits, bits <= UInt64.max >> (64 - 16 * UInt64(encoding.registerCount)) else {
            node.refuse(
                "the marker '\(text)' is no pattern of \(encoding)",
                "write it as the manual does, at most 0x\(String(repeating: "FFFF", count: encoding.registerCount))")
            return nil
        }
        return bits
    }

    private func scale(
        _ text: String, unitName: String, channel: Channel, line: ConfigurationMapping
    ) -> ScaleFactor? {
        guard let factor = Self.units[unitName], factor.quantityUnit == channel.quantity.unit else {
            let fitting = Self.units.filter { $0.value.quantityUnit == channel.quantity.unit }.keys.sorted()
            line["unit"]?.refuse(
                "the unit '\(unitName)' does not fit \(channel)", "write one of \(fitting.joined(separator: ", "))")
            return nil
        }
        guard let scale = ScaleFactor(decimal: text), let product = scale.multiplied(by: factor.perUnit) else {
            line["scale"]?.refuse("the scale '\(text)' is not a number above zero", "write it like 0.1 or 10")
            return nil
        }
        return product
    }

    /// Units as manuals print them: how many of the quantity's unit one of them is.
    static let units: [String: (quantityUnit: String, perUnit: Int64)] = [
        "V": ("mV", 1000), "A": ("mA", 1000), "W": ("mW", 1000), "kW": ("mW", 1_000_000),
        "var": ("mvar", 1000), "kvar": ("mvar", 1_000_000), "VA": ("mVA", 1000), "kVA": ("mVA", 1_000_000),
        "1": ("1/1000", 1000), "Hz": ("mHz", 1000), "Wh": ("Wh", 1), "kWh": ("Wh", 1000), "MWh": ("Wh", 1_000_000),
        "varh": ("varh", 1), "kvarh": ("varh", 1000), "l": ("l", 1), "m3": ("l", 1000), "l/h": ("l/h", 1),
        "m3/h": ("l/h", 1000), "Pa": ("Pa", 1), "kPa": ("Pa", 1000), "MPa": ("Pa", 1_000_000),
        "C": ("m\u{B0}C", 1000), "times": ("times", 1), "bits": ("bits", 1),
    ]
}

extension Channel {
    static let allNames = Quantity.allCases.flatMap { quantity in
        Phase.allCases.map { Channel(quantity, $0).name }
    }
}

extension RegisterDefinition {
    func overlaps(_ other: RegisterDefinition) -> Bool {
        guard table == other.table else { return false }
        if address == other.address, bits != nil, other.bits != nil { return mask & other.mask != 0 }
        let mine = Int(address)..<(Int(address) + encoding.registerCount)
        return mine.overlaps(Int(other.address)..<(Int(other.address) + other.encoding.registerCount))
    }
}

extension ScaleFactor {
    /// Reads `0.01`, `10`: digits and at most nine of them after the point; not zero.
    init?(decimal text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        guard let whole = parts.first, !whole.isEmpty, parts.count == 1 || !fraction.isEmpty, fraction.utf8.count <= 9,
            (whole + fraction).utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let numerator = Int64(whole + fraction), numerator > 0
        else { return nil }
        var denominator: Int64 = 1
        for _ in fraction.utf8 { denominator *= 10 }
        self.init(numerator: numerator, denominator: denominator)
    }

    /// In lowest terms; nil on overflow.
    func divided(by divisor: Int64) -> ScaleFactor? {
        let (product, overflow) = denominator.multipliedReportingOverflow(by: divisor)
        guard !overflow, divisor > 0 else { return nil }
        return ScaleFactor(numerator: numerator, denominator: product).multiplied(by: 1)
    }

    /// In lowest terms; nil on overflow.
    func multiplied(by factor: Int64) -> ScaleFactor? {
        let (product, overflow) = numerator.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        var (one, other) = (product, denominator)
        while other != 0 { (one, other) = (other, one % other) }
        return ScaleFactor(numerator: product / one, denominator: denominator / one)
    }
}

extension ConfigurationNode {
    /// `coil`, `discrete`, `holding` or `input`.
    func registerTable() -> RegisterTable? {
        switch text {
        case nil: return nil
        case "coil": return .coil
        case "discrete": return .discreteInput
        case "holding": return .holding
        case "input": return .input
        case let text?:
            refuse("the table '\(text)' is unknown", "write one of coil, discrete, holding, input")
            return nil
        }
    }
}
