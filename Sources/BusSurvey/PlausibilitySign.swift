internal import MeterProfiles
internal import Metering

/// One read that speaks for a model that no register proves. A device that shows all signs of a profile may be of it.
struct PlausibilitySign: Sendable {
    let profile: String
    let read: ReadRequest
    private let kind: Kind

    private enum Kind: Sendable {
        /// A value that is known well enough beforehand to tell it from garbage.
        case value(RegisterDefinition)
        /// The device says its own address.
        case ownAddress(SettingDefinition)
        /// The switches are where the model has them, whatever their positions.
        case positions
    }

    /// All of a profile; none where `identify` says what it is.
    static func signs(of profile: MeterProfile) -> [PlausibilitySign] {
        guard profile.identification.isEmpty else { return [] }
        if profile.registers.isEmpty { return boardSigns(of: profile) }
        return [Quantity.voltage, .frequency].compactMap { quantity in
            guard let register = profile.registers.first(where: { $0.channel.quantity == quantity }),
                let read = ReadRequest(
                    table: register.table, address: register.address, count: register.encoding.registerCount)
            else { return nil }
            return PlausibilitySign(profile: profile.id, read: read, kind: .value(register))
        }
    }

    /// A board measures nothing. Coils alone are no sign, for many devices have some: one is known where it keeps its
    /// address in a register too.
    private static func boardSigns(of profile: MeterProfile) -> [PlausibilitySign] {
        guard let address = profile.settings.first(where: { $0.name == .address }), let own = address.request,
            let switches = profile.relay?.points.map(\.readback), let first = switches.map(\.address).min(),
            let last = switches.map(\.address).max(), let table = switches.first?.table,
            let positions = ReadRequest(table: table, address: first, count: Int(last - first) + 1)
        else { return [] }
        return [
            PlausibilitySign(profile: profile.id, read: own, kind: .ownAddress(address)),
            PlausibilitySign(profile: profile.id, read: positions, kind: .positions),
        ]
    }

    /// - Parameter unit: who answered.
    func isShown(by words: [UInt16], of unit: UInt8) -> Bool {
        switch kind {
        case .value(let register):
            switch (register.channel.quantity, register.decode(words)) {
            case (.voltage, let value?): (50_000...500_000).contains(value)
            case (.frequency, let value?): (45_000...65_000).contains(value)
            default: false
            }
        case .ownAddress(let setting): setting.decode(words) == .number(Int64(unit) * 1000)
        case .positions: words.count == read.count
        }
    }
}
