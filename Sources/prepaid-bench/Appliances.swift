/// How an appliance counts when the detector is judged.
enum ApplianceKind: String, CaseIterable {
    /// To be found.
    case forbidden
    /// Resistive, in use where kettles are forbidden: told apart by power and the allow-list only.
    case lookAlike = "look-alike"
    /// Not resistive on the whole, with a heater inside that comes on as a step of its own.
    case heaterInside = "heater inside"
    case other
}

/// What the recordings do not say about an appliance. The power factors are synthetic here: the recordings
/// have active power only. Those marked assumed have no measured source.
struct Appliance {
    let name: String
    let kind: ApplianceKind
    let powerFactor: Double
    let isAssumed: Bool

    static let table: [Appliance] = [
        Appliance("WaterKettle", .forbidden, 0.9998),
        Appliance("Coffeemaker", .lookAlike, 0.9998),
        Appliance("Iron", .lookAlike, 0.9998),
        Appliance("Lamp", .lookAlike, 0.9998),
        Appliance("Toaster", .lookAlike, 0.9998),
        Appliance("WaterBoiler", .lookAlike, 0.9998),
        Appliance("Dishwasher", .heaterInside, 0.986, isAssumed: true),
        Appliance("LaundryDryer", .heaterInside, 0.986, isAssumed: true),
        Appliance("Washingmachine", .heaterInside, 0.986),
        Appliance("MicrowaveOven", .other, 0.95, isAssumed: true),
        Appliance("Monitor-TFT", .other, 0.6, isAssumed: true),
        Appliance("PC-Desktop", .other, 0.6, isAssumed: true),
        Appliance("PC-Laptop", .other, 0.82),
        Appliance("Printer", .other, 0.9, isAssumed: true),
        Appliance("Refrigerator", .other, 0.68),
        Appliance("Router", .other, 0.6, isAssumed: true),
        Appliance("TV-LCD", .other, 0.989),
        Appliance("VacuumCleaner", .other, 0.983),
    ]

    init(_ name: String, _ kind: ApplianceKind, _ powerFactor: Double, isAssumed: Bool = false) {
        self.name = name
        self.kind = kind
        self.powerFactor = powerFactor
        self.isAssumed = isAssumed
    }

    /// One that the table does not know counts as not resistive, at 0.95.
    static func named(_ name: String) -> Appliance {
        table.first { $0.name == name } ?? Appliance(name, .other, 0.95, isAssumed: true)
    }

    /// Reactive per active power.
    var tangent: Double { Self.tangent(powerFactor) }

    static func tangent(_ powerFactor: Double) -> Double {
        (1 - powerFactor * powerFactor).squareRoot() / powerFactor
    }
}
