/// What is measured. Each quantity has one fixed integer unit from decoding to disk and wire.
public enum Quantity: String, Hashable, Sendable, CaseIterable {
    /// mV
    case voltage
    /// mA
    case current
    /// mW, negative when exporting
    case activePower = "active_power"
    /// mvar, negative when capacitive
    case reactivePower = "reactive_power"
    /// mVA
    case apparentPower = "apparent_power"
    /// thousandths, -1000 ... 1000
    case powerFactor = "power_factor"
    /// mHz
    case frequency
    /// Wh, cumulative: the register that is billed
    case energyImport = "energy_import"
    /// Wh, cumulative
    case energyExport = "energy_export"
    /// Wh, cumulative, import and export added by the meter
    case energyTotal = "energy_total"
    /// varh, cumulative
    case reactiveEnergyImport = "reactive_energy_import"
    /// varh, cumulative
    case reactiveEnergyExport = "reactive_energy_export"
    /// Wh, cumulative, in the meter's own sharp rate
    case energySharp = "energy_sharp"
    /// Wh, cumulative, in the meter's own peak rate
    case energyPeak = "energy_peak"
    /// Wh, cumulative, in the meter's own flat rate
    case energyFlat = "energy_flat"
    /// Wh, cumulative, in the meter's own valley rate
    case energyValley = "energy_valley"
    /// varh, cumulative, import and export added by the meter
    case reactiveEnergyTotal = "reactive_energy_total"
    /// litres, cumulative
    case volume
    /// litres, cumulative, of what ran backwards
    case volumeReverse = "volume_reverse"
    /// litres per hour
    case flow
    /// Pa
    case pressure
    /// thousandths of a degree Celsius
    case temperature
    /// mV, of a device that runs on a battery
    case batteryVoltage = "battery_voltage"
    /// Wh, credit that the meter itself keeps; shown beside the account, never billed from
    case remainingEnergy = "remaining_energy"
    /// Wh, bought at the meter itself since it was made
    case boughtEnergy = "bought_energy"
    /// litres, credit that the meter itself keeps
    case remainingVolume = "remaining_volume"
    /// thousandths of the currency unit that the meter counts in
    case remainingMoney = "remaining_money"
    /// thousandths of the currency unit: the latest purchase that the meter has taken
    case lastRecharge = "last_recharge"
    /// Purchases that the meter has taken
    case purchaseCount = "purchase_count"
    /// How often the meter switched off for too much load
    case loadTrips = "load_trips"
    /// The bits of a state, as the manual numbers them
    case state

    /// Whether the register only ever counts up (until it rolls over).
    public var isCounter: Bool {
        switch self {
        case .energyImport, .energyExport, .energyTotal, .reactiveEnergyImport, .reactiveEnergyExport,
            .energySharp, .energyPeak, .energyFlat, .energyValley, .reactiveEnergyTotal, .volume, .volumeReverse:
            true
        default: false
        }
    }

    /// The unit of the stored integer.
    public var unit: String {
        switch self {
        case .voltage, .batteryVoltage: "mV"
        case .current: "mA"
        case .activePower: "mW"
        case .reactivePower: "mvar"
        case .apparentPower: "mVA"
        case .powerFactor, .remainingMoney, .lastRecharge: "1/1000"
        case .frequency: "mHz"
        case .reactiveEnergyImport, .reactiveEnergyExport, .reactiveEnergyTotal: "varh"
        case .volume, .volumeReverse, .remainingVolume: "l"
        case .flow: "l/h"
        case .pressure: "Pa"
        case .temperature: "m\u{B0}C"
        case .purchaseCount, .loadTrips: "times"
        case .state: "bits"
        default: "Wh"
        }
    }
}

/// Which conductor a value belongs to.
public enum Phase: String, Hashable, Sendable, CaseIterable {
    /// The whole meter, or the only phase of a single-phase meter.
    case all = ""
    case l1
    case l2
    case l3
}

/// One measured value of a meter: a quantity on a phase. Written `active_power` or `active_power_l2`.
public struct Channel: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let quantity: Quantity
    public let phase: Phase

    public init(_ quantity: Quantity, _ phase: Phase = .all) {
        self.quantity = quantity
        self.phase = phase
    }

    /// Reads `voltage`, `active_power_l3`, ...; nil for anything else.
    public init?(name: String) {
        for phase in Phase.allCases where phase != .all {
            let suffix = "_" + phase.rawValue
            guard name.hasSuffix(suffix) else { continue }
            guard let quantity = Quantity(rawValue: String(name.dropLast(suffix.count))) else { return nil }
            self.init(quantity, phase)
            return
        }
        guard let quantity = Quantity(rawValue: name) else { return nil }
        self.init(quantity)
    }

    public var name: String { phase == .all ? quantity.rawValue : "\(quantity.rawValue)_\(phase.rawValue)" }
    public var description: String { name }

    public static func < (left: Self, right: Self) -> Bool { left.name < right.name }
}
