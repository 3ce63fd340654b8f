internal import ConfigurationReader
internal import Metering

/// Reads the settings of a profile: one line a setting.
enum SettingReader {
    static func read(_ nodes: [ConfigurationNode]) -> [SettingDefinition] {
        var definitions: [SettingDefinition] = []
        for node in nodes {
            guard let setting = read(node) else { continue }
            if definitions.contains(where: { $0.name == setting.name }) {
                node.refuse("the setting '\(setting.name.rawValue)' stands there twice", "keep one of the two")
            }
            definitions.append(setting)
        }
        return definitions
    }

    private static func read(_ node: ConfigurationNode) -> SettingDefinition? {
        guard let line = node.mapping(keys: ProfileKeys.setting), let name: SettingName = line.choice("name"),
            let address = line.integer("address", in: 0...65_535), let form = readForm(line, name: name, node: node),
            let unit = line.text("unit", default: "")
        else { return nil }
        let table = line["table"].flatMap { $0.registerTable() } ?? .holding
        let write: SettingDefinition.Write? = line["write"].flatMap { $0.choice() }
        let isAddress = name == .address
        let lowest = line["from"].flatMap(thousandths) ?? (isAddress ? 1_000 : .min)
        let highest = line["to"].flatMap(thousandths) ?? (isAddress ? 247_000 : .max)
        guard lowest <= highest else {
            line["from"]?.refuse("'from' is above 'to'", "write the smaller number first")
            return nil
        }
        let setting = SettingDefinition(
            name: name, table: table, address: UInt16(address), form: form, unit: unit, write: write,
            range: lowest...highest, factory: line["factory"].flatMap(thousandths))
        guard setting.request != nil, table == .holding || table == .input else {
            line["address"]?.refuse("these are no registers", "check table and address against the manual")
            return nil
        }
        if write != nil, table != .holding {
            line["write"]?.refuse("an input register cannot be written", "leave 'write' out, or correct 'table'")
            return nil
        }
        if write == .single, setting.registerCount > 1 {
            line["write"]?.refuse("one write of a single register cannot set it", "write 'multiple'")
            return nil
        }
        return setting
    }

    private static func readForm(
        _ line: ConfigurationMapping, name: SettingName, node: ConfigurationNode
    ) -> SettingDefinition.Form? {
        if name == .clock {
            for key in ["encoding", "order", "scale", "unit", "from", "to", "factory"] {
                line[key]?.refuse("'\(key)' has no meaning for a clock", "leave it out")
            }
            let layout: ClockLayout? = line.choice("clock")
            return layout.map { .clock($0) }
        }
        line["clock"]?.refuse("'clock' has no meaning for \(name.rawValue)", "leave it out")
        guard let encoding = line.choice("encoding", default: RegisterEncoding.u16),
            let order = line.choice("order", default: WordOrder.abcd), let text = line.text("scale", default: "1")
        else { return nil }
        guard let scale = ScaleFactor(decimal: text)?.multiplied(by: 1000) else {
            line["scale"]?.refuse("the scale '\(text)' is not a number above zero", "write it like 0.1 or 10")
            return nil
        }
        return .number(encoding, order, scale)
    }

    /// Reads `8.8` as 8800.
    private static func thousandths(_ node: ConfigurationNode) -> Int64? {
        guard let text = node.text else { return nil }
        guard let value = SettingValue(text: text), case .number(let number) = value else {
            node.refuse("'\(text)' is no number", "write it like 8.8, with three digits after the point at most")
            return nil
        }
        return number
    }
}
