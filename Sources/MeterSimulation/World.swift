public import MeterProfiles
private import Metering

/// All buses of a simulated site. A value: the same seed and the same calls make the same world.
public struct World: Sendable {
    public private(set) var buses: [SimulatedBus]
    /// How many times faster than the clock energy runs.
    public var energySpeed: Int64
    public private(set) var writes: [ReceivedWrite] = []
    private let plannedFaults: [String: [PlannedFault]]
    /// Simulated nanoseconds since the start.
    private var clock: Int64 = 0
    /// Nanoseconds of the simulated day, which runs at the speed of energy.
    private var timeOfDay: Int64 = 0
    private static let nanosecondsPerHour: Int64 = 3_600_000_000_000

    /// More than this many writes are not kept; the oldest go.
    public static let mostWrites = 10_000

    public init(_ plan: WorldPlan, profiles: ProfileLibrary) throws(WorldPlanProblem) {
        var buses: [SimulatedBus] = []
        var faults: [String: [PlannedFault]] = [:]
        for (number, bus) in plan.buses.enumerated() {
            var devices: [SimulatedMeter] = []
            var wiring: [SimulatedBus.Wire: String] = [:]
            for device in bus.devices {
                guard let profile = profiles[device.profile] else {
                    throw WorldPlanProblem(
                        what: "device '\(device.name)' names the profile '\(device.profile)', which is not loaded")
                }
                devices.append(
                    SimulatedMeter(
                        name: device.name, unit: device.unit, profile: profile, load: device.load,
                        energyWattHours: device.energyWattHours, travelSeconds: device.travelSeconds))
                for (point, meter) in device.feeds {
                    wiring[SimulatedBus.Wire(board: device.name, point: point)] = meter
                }
                faults[device.name] = device.faults
            }
            buses.append(
                SimulatedBus(
                    name: bus.name, serial: bus.serial, devices: devices, wiring: wiring,
                    turnaround: bus.turnaroundMicroseconds, seed: plan.seed &+ UInt64(number) &* 0x5851_F42D_4C95_7F2D))
        }
        self.buses = buses
        energySpeed = plan.energySpeed
        plannedFaults = faults
    }

    /// Seconds since the start, as the devices see them.
    public var seconds: Double { Double(clock) / 1e9 }

    /// Lets real time pass. In one step or in many, the energy is the same to the last milliwatt-hour: each
    /// hour of the simulated day is counted at its own load.
    public mutating func advance(toNanoseconds now: Int64) {
        guard now > clock else { return }
        let (simulated, overflow) = (now - clock).multipliedReportingOverflow(by: energySpeed)
        clock = now
        var left = overflow ? Int64.max : simulated
        while left > 0 {
            let hour = timeOfDay / Self.nanosecondsPerHour
            let step = min(left, (hour + 1) * Self.nanosecondsPerHour - timeOfDay)
            for bus in buses.indices {
                for device in buses[bus].devices.indices {
                    buses[bus].devices[device].advance(nanoseconds: step, hour: Int(hour))
                }
            }
            timeOfDay = (timeOfDay + step) % (24 * Self.nanosecondsPerHour)
            left -= step
        }
        for bus in buses.indices {
            buses[bus].arrive(at: seconds)
            changeSupply(by: bus)
        }
    }

    private mutating func changeSupply(by bus: Int) {
        let changes = buses[bus].supplyChanges
        buses[bus].supplyChanges = []
        for change in changes { with(change.meter) { $0.setSupply(change.isOn) } }
    }

    /// Answers a request frame on one bus.
    public mutating func answer(_ frame: [UInt8], bus: Int) -> BusReply {
        let seconds = seconds
        let planned = plannedFaults
        let (reply, received) = buses[bus].answer(frame, at: seconds) { device in
            let due = planned[device.name]?.filter { ($0.from..<$0.until).contains(seconds) }.map(\.fault) ?? []
            return device.faults.subtracting(planned[device.name]?.map(\.fault) ?? []).union(due)
        }
        if !received.isEmpty {
            writes += received
            if writes.count > Self.mostWrites { writes.removeFirst(writes.count - Self.mostWrites) }
        }
        changeSupply(by: bus)
        return reply
    }

    public func device(_ name: String) -> SimulatedMeter? {
        for bus in buses {
            if let device = bus.devices.first(where: { $0.name == name }) { return device }
        }
        return nil
    }

    public var devices: [SimulatedMeter] { buses.flatMap(\.devices) }

    /// Changes a device; false where there is none of that name.
    @discardableResult
    public mutating func with(_ name: String, _ change: (inout SimulatedMeter) -> Void) -> Bool {
        for bus in buses.indices {
            guard let index = buses[bus].devices.firstIndex(where: { $0.name == name }) else { continue }
            change(&buses[bus].devices[index])
            return true
        }
        return false
    }
}
