public import ConfigurationReader
public import MeterProfiles

/// What is wrong with a world as a whole.
public struct WorldPlanProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public let what: String
    public var description: String { what }
}

/// A world as its file describes it. The keys are explained in `etc/metersim.example.yaml`.
public struct WorldPlan: Sendable {
    public struct Device: Sendable {
        public let name: String
        public let unit: UInt8
        public let profile: String
        public let load: Load
        public let energyWattHours: Int64
        /// Which meters a relay board feeds: point → meter.
        public let feeds: [Int: String]
        public let faults: [PlannedFault]
        /// How long its switches are on their way.
        public let travelSeconds: Double
    }

    public struct Bus: Sendable {
        public let name: String
        /// Where the port's stable name is made: a link to the pty.
        public let link: String
        public let serial: SerialFormat
        public let turnaroundMicroseconds: ClosedRange<Int64>
        public let behaviour: LineBehaviour
        public let devices: [Device]
    }

    /// What a line does beyond carrying characters.
    public struct LineBehaviour: Hashable, Sendable {
        /// How the asker's UART hands over what came in.
        public enum Delivery: String, Hashable, Sendable, CaseIterable {
            /// A frame at a time.
            case frames
            /// As a 16550 does: eight characters together, fewer when four characters of silence have passed.
            case fifo
        }

        /// What is wrong with the cable, or the adapter.
        public enum Wiring: String, Hashable, Sendable, CaseIterable {
            case sound
            /// The adapter hands back what it sends.
            case echo
            /// A and B are swapped: nobody understands, and the line rests on the wrong level.
            case swapped
            /// The idle line chatters.
            case noise
            /// Another program asks on the line.
            case secondMaster = "second_master"
            /// Every answer comes broken.
            case unterminated
        }

        public let delivery: Delivery
        /// A device drops a request that began before 3.5 characters of silence, as many meters do.
        public let dropsEarlyRequests: Bool
        public var wiring = Wiring.sound
    }

    public let seed: UInt64
    public let energySpeed: Int64
    public let buses: [Bus]

    /// - Throws: every problem of the file.
    public init(file: String, text: String) throws(ConfigurationProblems) {
        let collector = ProblemCollector()
        let root = ConfigurationNode(file: file, text: text, collector: collector)?
            .mapping(keys: ["seed", "energy_speed", "buses"])
        let seed = root?.integer("seed", in: 0...Int.max, default: 1)
        let speed = root?.integer("energy_speed", in: 1...1_000_000, default: 1)
        let buses = root?.list("buses").compactMap(Self.bus) ?? []
        if let root { Self.checkNames(root, buses: buses) }
        try collector.check()
        self.seed = UInt64(seed ?? 1)
        energySpeed = Int64(speed ?? 1)
        self.buses = buses
    }

    private static func bus(_ node: ConfigurationNode) -> Bus? {
        let keys = ["name", "link", "baud", "format", "turnaround_us", "delivery", "drops_early", "wiring", "devices"]
        guard let bus = node.mapping(keys: keys), let name = bus.text("name"), let link = bus.text("link"),
            let serial = SerialFormat.read(bus),
            let delivery: LineBehaviour.Delivery = bus.choice("delivery", default: .frames),
            let dropsEarly = bus.boolean("drops_early", default: false),
            let wiring: LineBehaviour.Wiring = bus.choice("wiring", default: .sound)
        else { return nil }
        let bounds = bus.list("turnaround_us").compactMap { $0.integer(in: 0...5_000_000).map(Int64.init) }
        var turnaround: ClosedRange<Int64> = 5_000...10_000
        if let low = bounds.first, let high = bounds.last {
            guard low <= high else {
                bus["turnaround_us"]?.refuse("the turnaround runs backwards", "write the shorter time first")
                return nil
            }
            turnaround = low...high
        }
        return Bus(
            name: name, link: link, serial: serial, turnaroundMicroseconds: turnaround,
            behaviour: LineBehaviour(delivery: delivery, dropsEarlyRequests: dropsEarly, wiring: wiring),
            devices: bus.list("devices").compactMap(device))
    }

    private static func device(_ node: ConfigurationNode) -> Device? {
        let keys = [
            "name", "unit", "profile", "energy_wh", "base_w", "appliances", "day_curve_w", "feeds", "faults",
            "travel_s",
        ]
        guard let device = node.mapping(keys: keys), let name = device.text("name"),
            let unit = device.integer("unit", in: 1...247), let profile = device.text("profile"),
            let energy = device.integer("energy_wh", in: 0...1_000_000_000_000, default: 0),
            let base = device.integer("base_w", in: 0...1_000_000, default: 0),
            let travel = device.integer("travel_s", in: 0...300, default: 0)
        else { return nil }
        let appliances = device.list("appliances").compactMap(appliance)
        let curve = device.list("day_curve_w").compactMap { $0.integer(in: 0...1_000_000).map(Int64.init) }
        if !curve.isEmpty, curve.count != 24 {
            device["day_curve_w"]?.refuse("a day curve has 24 values, not \(curve.count)", "write one an hour")
        }
        return Device(
            name: name, unit: UInt8(unit), profile: profile,
            load: Load(basePower: Int64(base), appliances: Set(appliances), dayCurve: curve),
            energyWattHours: Int64(energy), feeds: feeds(device["feeds"]),
            faults: device.list("faults").compactMap(fault), travelSeconds: Double(travel))
    }

    private static func appliance(_ node: ConfigurationNode) -> String? {
        guard let name = node.text else { return nil }
        if Appliance.named(name) != nil { return name }
        let names = Appliance.catalogue.map(\.name).joined(separator: ", ")
        node.refuse("the appliance '\(name)' is unknown", "write one of \(names)")
        return nil
    }

    private static func feeds(_ node: ConfigurationNode?) -> [Int: String] {
        var feeds: [Int: String] = [:]
        for (name, value) in node?.entries ?? [] {
            guard let point = Int(name), (1...64).contains(point) else {
                value.refuse("'\(name)' is no relay point", "write 'point: meter', like '1: M-101'")
                continue
            }
            feeds[point] = value.text
        }
        return feeds
    }

    private static func fault(_ node: ConfigurationNode) -> PlannedFault? {
        guard let planned = node.mapping(keys: ["fault", "from_s", "until_s"]),
            let fault: Fault = planned.choice("fault"),
            let from = planned.integer("from_s", in: 0...100_000_000, default: 0),
            let until = planned.integer("until_s", in: 0...100_000_000, default: 100_000_000)
        else { return nil }
        return PlannedFault(fault: fault, from: Double(from), until: Double(until))
    }

    private static func checkNames(_ root: ConfigurationMapping, buses: [Bus]) {
        var names: Set<String> = []
        for bus in buses {
            var units: Set<UInt8> = []
            for device in bus.devices {
                if !names.insert(device.name).inserted {
                    root.place.refuse("the device '\(device.name)' stands there twice", "name each device once")
                }
                if !units.insert(device.unit).inserted {
                    root.place.refuse(
                        "bus '\(bus.name)' has two devices at unit \(device.unit)", "change one of the two")
                }
            }
        }
        for device in buses.flatMap(\.devices) {
            for meter in device.feeds.values where !names.contains(meter) {
                root.place.refuse("board '\(device.name)' feeds '\(meter)', which is no device", "correct 'feeds'")
            }
        }
    }
}
