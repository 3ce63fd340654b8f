internal import MeterProfiles
internal import Metering

/// What a simulated device keeps for itself: its settings, and a clock that starts at 2026-01-01 00:00:00.
struct SimulatedSettings: Sendable {
    private let definitions: [SettingDefinition]
    private var values: [SettingName: [UInt16]] = [:]
    private var clock = LocalTime(date: CivilDate(daysSince1970: 20_454), millisecondOfDay: 0)
    private var clockSetAt: Double = 0

    init(_ definitions: [SettingDefinition]) {
        self.definitions = definitions
        for definition in definitions {
            values[definition.name] = definition.encode(.number(definition.factory ?? definition.range.lowerBound))
        }
    }

    /// What the registers of each setting in a table show.
    func words(_ table: RegisterTable, unit: UInt8, seconds: Double) -> [(SettingDefinition, [UInt16])] {
        definitions.filter { $0.table == table }.compactMap { definition in
            let words: [UInt16]? =
                switch definition.name {
                case .address: definition.encode(.number(Int64(unit) * 1000))
                case .clock: definition.encode(.clock(time(at: seconds)))
                default: values[definition.name]
                }
            return words.map { (definition, $0) }
        }
    }

    /// The setting that a write sets.
    func definition(for write: RelayWrite) -> SettingDefinition? {
        definitions.first { definition in
            switch (write, definition.write) {
            case (.register(let address, _), .single): address == definition.address
            case (.registers(let address, let values), .multiple):
                address == definition.address && values.count == definition.registerCount
            default: false
            }
        }
    }

    /// - Returns: the new address of the device, where it was set.
    mutating func take(_ write: RelayWrite, of definition: SettingDefinition, seconds: Double) -> UInt8? {
        let words: [UInt16]
        switch write {
        case .register(_, let value): words = [value]
        case .registers(_, let values): words = values
        case .coil: return nil
        }
        guard let value = definition.decode(words) else { return nil }
        switch (definition.name, value) {
        case (.address, .number(let thousandths)): return UInt8(exactly: thousandths / 1000)
        case (.clock, .clock(let time)): (clock, clockSetAt) = (time, seconds)
        default: values[definition.name] = words
        }
        return nil
    }

    func holds(_ name: SettingName) -> Bool { definitions.contains { $0.name == name } }

    /// Somebody turns a setting at the display.
    mutating func turn(_ name: SettingName, to value: SettingValue, seconds: Double) {
        switch value {
        case .clock(let time): (clock, clockSetAt) = (time, seconds)
        case .number: values[name] = definitions.first { $0.name == name }?.encode(value) ?? values[name]
        }
    }

    private func time(at seconds: Double) -> LocalTime {
        let passed = Int64(max(0, seconds - clockSetAt) * 1000) + clock.millisecondOfDay
        return LocalTime(
            date: clock.date.adding(days: Int(passed / 86_400_000)), millisecondOfDay: passed % 86_400_000)
    }
}

extension SettingValue {
    /// As it is turned at a display: `8.8`, `2026-03-01T12:30:00`.
    init?(display text: String) {
        let parts = text.split(separator: "T").map(String.init)
        guard parts.count == 2 else {
            self.init(text: text)
            return
        }
        let time = parts[1].split(separator: ":").compactMap { Int64($0) }
        guard let date = CivilDate(iso: parts[0]), time.count == 3, (0...23).contains(time[0]),
            (0...59).contains(time[1]), (0...59).contains(time[2])
        else { return nil }
        self = .clock(LocalTime(date: date, millisecondOfDay: ((time[0] * 60 + time[1]) * 60 + time[2]) * 1000))
    }
}
