/// What draws power: a step in active and reactive power while it is on.
public struct Appliance: Hashable, Sendable {
    public let name: String
    /// W
    public let activePower: Int64
    /// var, negative when capacitive
    public let reactivePower: Int64

    public init(name: String, activePower: Int64, reactivePower: Int64) {
        self.name = name
        self.activePower = activePower
        self.reactivePower = reactivePower
    }

    /// The catalogue: typical household appliances at 230 V. Heaters are resistive; the others have the
    /// reactive power of their usual power factor.
    public static let catalogue: [Appliance] = [
        Appliance(name: "kettle", activePower: 1_800, reactivePower: 8),
        Appliance(name: "immersion_heater", activePower: 1_000, reactivePower: 4),
        Appliance(name: "hair_dryer", activePower: 1_200, reactivePower: 90),
        Appliance(name: "iron", activePower: 2_000, reactivePower: 9),
        Appliance(name: "toaster", activePower: 850, reactivePower: 4),
        Appliance(name: "coffee_maker", activePower: 900, reactivePower: 6),
        Appliance(name: "rice_cooker", activePower: 700, reactivePower: 4),
        Appliance(name: "refrigerator", activePower: 90, reactivePower: 97),
        Appliance(name: "laptop", activePower: 60, reactivePower: -42),
        Appliance(name: "television", activePower: 110, reactivePower: -16),
        Appliance(name: "air_conditioner", activePower: 1_100, reactivePower: 172),
        Appliance(name: "washing_machine", activePower: 400, reactivePower: 68),
        Appliance(name: "vacuum_cleaner", activePower: 900, reactivePower: 168),
        Appliance(name: "light", activePower: 40, reactivePower: 6),
    ]

    public static func named(_ name: String) -> Appliance? { catalogue.first { $0.name == name } }
}

/// What a meter feeds.
public struct Load: Hashable, Sendable {
    /// W, always on.
    public var basePower: Int64
    public var appliances: Set<String>
    /// W added in each hour of the simulated day; empty or 24 values.
    public var dayCurve: [Int64]

    public init(basePower: Int64, appliances: Set<String> = [], dayCurve: [Int64] = []) {
        self.basePower = basePower
        self.appliances = appliances
        self.dayCurve = dayCurve
    }

    /// W and var at an hour of the day.
    public func power(hour: Int) -> (active: Int64, reactive: Int64) {
        var active = basePower + (dayCurve.count == 24 ? dayCurve[hour % 24] : 0)
        var reactive: Int64 = basePower / 10
        for name in appliances {
            guard let appliance = Appliance.named(name) else { continue }
            active += appliance.activePower
            reactive += appliance.reactivePower
        }
        return (active, reactive)
    }
}
