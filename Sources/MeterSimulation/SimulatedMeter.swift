public import MeterProfiles
internal import Metering

/// A meter, or a relay board, as its profile describes it. A value: time and chance are arguments.
public struct SimulatedMeter: Sendable {
    public let name: String
    /// Its address; a write to the address setting changes it.
    public private(set) var unit: UInt8
    public let profile: MeterProfile
    public var load: Load
    public var faults: Set<Fault> = []
    /// Seconds since the start, for its clock.
    public var seconds: Double = 0
    /// What it keeps for itself.
    private(set) var settings: SimulatedSettings
    /// True energy since the start, in milliwatt-hours; what the register shows is rounded from it.
    public private(set) var energyMilliwattHours: Int64
    /// True energy at the last time the supply was cut; nil while it is on.
    public private(set) var energyAtCut: Int64?
    /// Whether each of the model's own switches is closed, by point.
    public private(set) var closedPoints: [Int: Bool]
    /// How long a switch is on its way, as a valve is; zero for relays.
    public let travelSeconds: Double
    /// Switches on their way, by point.
    private var travelling: [Int: (isClosed: Bool, arrivesAt: Double)] = [:]
    /// Whether the switch that feeds this meter is closed: its own, or one of a relay board.
    public private(set) var isSupplied = true
    private var remainder: Int64 = 0
    private var power: (active: Int64, reactive: Int64) = (0, 0)

    public init(
        name: String, unit: UInt8, profile: MeterProfile, load: Load, energyWattHours: Int64, travelSeconds: Double = 0
    ) {
        self.travelSeconds = travelSeconds
        self.name = name
        self.unit = unit
        self.profile = profile
        self.load = load
        energyMilliwattHours = energyWattHours * 1000
        settings = SimulatedSettings(profile.settings)
        closedPoints = Dictionary(uniqueKeysWithValues: (profile.relay?.points ?? []).map { ($0.point, true) })
    }

    /// Whether this model measures something.
    public var isMeter: Bool { profile.billing != nil }

    /// mW now: nothing flows while the supply is cut.
    public var activePowerMilliwatts: Int64 { isSupplied ? power.active * 1000 : 0 }

    /// Wh used since the supply was cut; zero is what it must be.
    public var energySinceCut: Int64? { energyAtCut.map { (energyMilliwattHours - $0) / 1000 } }

    /// Lets time pass: `nanoseconds` of simulated time at the load of that hour.
    public mutating func advance(nanoseconds: Int64, hour: Int) {
        power = load.power(hour: hour)
        guard isSupplied, isMeter else { return }
        // W × ns = 1e-9 J; one mWh is 3.6 J.
        let product = power.active.multipliedFullWidth(by: nanoseconds)
        guard product.high == 0, product.low < UInt64(Int64.max) else { return }
        let (total, overflow) = Int64(product.low).addingReportingOverflow(remainder)
        guard !overflow else { return }
        energyMilliwattHours += total / 3_600_000_000
        remainder = total % 3_600_000_000
    }

    /// Switches the supply; what was true at that moment is remembered.
    public mutating func setSupply(_ isOn: Bool) {
        guard isOn != isSupplied else { return }
        isSupplied = isOn
        energyAtCut = isOn ? nil : energyMilliwattHours
    }

    /// What a fault does to the counter when it is switched on.
    public mutating func strike(_ fault: Fault) {
        switch fault {
        case .counterReset: energyMilliwattHours = 0
        case .rollOver:
            guard let billing = profile.billing, let modulus = billing.modulus else { return }
            energyMilliwattHours = (modulus - 2 * billing.step) * 1000
        default: break
        }
    }

    /// The words at an address: registers, or bits as 0 and 1. Nil where the model has nothing there.
    public func words(_ table: RegisterTable, address: UInt16, count: Int, volts: Int64) -> [UInt16]? {
        var words = [UInt16](repeating: 0, count: count)
        var isKnown = false
        if !faults.contains(.zeros) {
            for register in profile.registers where register.table == table {
                let neutral = register.scaleRegister?.neutralWord
                let value = value(of: register.channel, volts: volts)
                guard let encoded = register.encode(value, scaleWord: neutral) else { continue }
                isKnown =
                    Self.place(encoded, at: register.address, mask: register.mask, into: &words, from: address)
                    || isKnown
                if let scale = register.scaleRegister, let neutral {
                    _ = Self.place([neutral], at: scale.address, into: &words, from: address)
                }
            }
        } else {
            isKnown = profile.registers.contains { $0.table == table }
        }
        for (setting, shown) in settings.words(table, unit: unit, seconds: seconds) {
            isKnown = Self.place(shown, at: setting.address, into: &words, from: address) || isKnown
        }
        for rule in profile.identification where rule.table == table {
            isKnown = Self.place(rule.equals, at: rule.address, into: &words, from: address) || isKnown
        }
        for point in profile.relay?.points ?? [] where point.readback.table == table {
            let readback = point.readback
            let offset = Int(readback.address) - Int(address)
            guard words.indices.contains(offset) else { continue }
            isKnown = true
            words[offset] = words[offset] & ~readback.mask | shown(point)
        }
        return isKnown ? words : nil
    }

    /// A switch on its way shows neither position where it has a bit for each, the old one otherwise.
    private func shown(_ point: RelayPoint) -> UInt16 {
        let readback = point.readback
        if travelling[point.point] != nil, readback.mask.nonzeroBitCount > 1 { return 0 }
        let isClosed = closedPoints[point.point] ?? false
        return isClosed ? readback.closedValue : ~readback.closedValue & readback.mask
    }

    /// Whether the model has something at the address of a write.
    public func knows(_ write: RelayWrite) -> Bool {
        if settings.definition(for: write) != nil { return true }
        if case .coil(let address, _) = write {
            return address == profile.relay?.allCoil
                || profile.relay?.points.contains { $0.readback.table == .coil && $0.readback.address == address }
                    ?? false
        }
        return profile.relay?.points.contains { $0.open == write || $0.close == write } ?? false
    }

    /// Somebody turns a setting at the display.
    mutating func turn(_ setting: SettingName, to value: SettingValue) {
        settings.turn(setting, to: value, seconds: seconds)
    }

    /// Takes a write to its switches or its settings.
    /// - Returns: the points that move, with the positions they go to.
    public mutating func take(_ write: RelayWrite) -> [(point: Int, isClosed: Bool)] {
        if let setting = settings.definition(for: write) {
            if let moved = settings.take(write, of: setting, seconds: seconds) { unit = moved }
            return []
        }
        var moves: [(point: Int, isClosed: Bool)] = []
        for point in profile.relay?.points ?? [] {
            let position: Bool? =
                isForAll(write, like: point.close) || write == point.close
                ? true : isForAll(write, like: point.open) || write == point.open ? false : nil
            guard let position else { continue }
            if travelSeconds > 0 {
                start(point.point, to: position)
            } else {
                closedPoints[point.point] = position
            }
            moves.append((point.point, position))
        }
        return moves
    }

    private mutating func start(_ point: Int, to isClosed: Bool) {
        if travelling[point]?.isClosed == isClosed { return }
        travelling[point] = closedPoints[point] == isClosed ? nil : (isClosed, seconds + travelSeconds)
    }

    /// Ends the ways of the switches that have arrived by now.
    /// - Returns: the points, with their new positions.
    public mutating func arrive(at seconds: Double) -> [(point: Int, isClosed: Bool)] {
        let arrived = travelling.filter { $0.value.arrivesAt <= seconds }.sorted { $0.key < $1.key }
        for (point, way) in arrived {
            travelling[point] = nil
            closedPoints[point] = way.isClosed
        }
        return arrived.map { ($0.key, $0.value.isClosed) }
    }

    /// Whether a write to the coil of all points does what this one does for one.
    private func isForAll(_ write: RelayWrite, like other: RelayWrite) -> Bool {
        guard case .coil(let address, let value) = write, case .coil(_, let wanted) = other else { return false }
        return address == profile.relay?.allCoil && value == wanted
    }

    private func value(of channel: Channel, volts: Int64) -> Int64 {
        let active = isSupplied ? power.active : 0
        let reactive = isSupplied ? power.reactive : 0
        let apparent = Self.squareRoot(active * active + reactive * reactive)
        let share: Int64 = channel.phase == .all ? 1 : 3
        return switch channel.quantity {
        case .voltage: volts * 1000
        case .current: volts > 0 ? apparent * 1000 * 1000 / share / (volts * 1000) : 0
        case .activePower: active * 1000 / share
        case .reactivePower: reactive * 1000 / share
        case .apparentPower: apparent * 1000 / share
        case .powerFactor: apparent > 0 ? active * 1000 / apparent : 1000
        case .frequency: 50_000
        case .energyImport, .energyTotal, .volume: energyMilliwattHours / 1000
        case .flow: active
        case .batteryVoltage: 3_600
        case .temperature: 15_000
        case .pressure: 300_000
        default: 0
        }
    }

    private static func place(
        _ source: [UInt16], at start: UInt16, mask: UInt16 = .max, into words: inout [UInt16], from address: UInt16
    ) -> Bool {
        var isTouched = false
        for (index, word) in source.enumerated() {
            let offset = Int(start) + index - Int(address)
            guard words.indices.contains(offset) else { continue }
            words[offset] = words[offset] & ~mask | word & mask
            isTouched = true
        }
        return isTouched
    }

    /// The whole part of a square root.
    private static func squareRoot(_ value: Int64) -> Int64 {
        var root = Int64(Double(max(0, value)).squareRoot())
        while root * root > value { root -= 1 }
        return root
    }
}
