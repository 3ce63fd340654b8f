public import MeterProfiles
public import Metering

/// What is known of a bus before anything runs: how old its values get, and what to change where that is
/// too old.
public struct BusPlan: Sendable {
    public let freshness: PollFreshness
    private let bus: BusConfiguration
    private let periods: PollSchedule.Periods
    private let devices: [(meter: SiteMeter, profile: MeterProfile)]

    /// Meters that take no longer to start their answers, which most do.
    public static let usualTurnaround: Duration = .milliseconds(20)
    private static let slowTurnaround: Duration = .milliseconds(100)
    /// One meter in so many is taken to be in the fast class.
    private static let devicesPerFast = 10

    /// - Parameter meters: those of other buses are left out, and those of profiles that are not there.
    public init(
        _ bus: BusConfiguration, meters: [SiteMeter], profiles: ProfileLibrary, periods: PollSchedule.Periods
    ) {
        self.bus = bus
        self.periods = periods
        devices = meters.filter { $0.address.bus == bus.id }.sorted { $0.address < $1.address }.compactMap { meter in
            profiles[meter.profile].map { (meter, $0) }
        }
        freshness = Self.freshness(
            devices, serial: bus.serial, turnaround: Self.usualTurnaround, periods: periods)
    }

    /// For people: how old values of each class get, with a warning and its remedies where they get too old.
    public var lines: [String] {
        guard !devices.isEmpty else { return ["  nothing installed"] }
        let slow = Self.freshness(devices, serial: bus.serial, turnaround: Self.slowTurnaround, periods: periods)
        let fastCount = Self.fastCount(devices.count)
        var line =
            "  \(devices.count) devices, \(load): normal values at most "
            + "\(Self.text(freshness.worstNormalAge)) old, slow ones \(Self.text(freshness.worstSlowAge))"
        if let fast = freshness.worstFastAge {
            line += ", fast ones \(Self.text(fast)) with \(fastCount) in the fast class"
        }
        let assumption =
            "  meters taken to answer within \(Self.usualTurnaround.wholeMilliseconds) ms; within "
            + "\(Self.slowTurnaround.wholeMilliseconds) ms normal values get \(Self.text(slow.worstNormalAge)) old"
        // Two readings, and each may come as late as this.
        let overload = freshness.worstFastAge.map {
            "  an overload delay below \(Self.text($0)) acts after \(Self.text($0)): power is not read more often"
        }
        return [line, assumption] + (overload.map { [$0] } ?? []) + warning
    }

    private var load: String {
        freshness.loadPerMille < 1000
            ? "load \(freshness.loadPerMille / 10) %" : "asked in turn for their periods cannot be kept"
    }

    /// Nothing where all is well.
    public var warning: [String] {
        guard !freshness.keepsNormalAge else { return [] }
        var remedies: [String] = []
        for baud in SerialFormat.baudRates where baud > bus.serial.baud {
            let faster = SerialFormat(baud: baud, parity: bus.serial.parity, stopBits: bus.serial.stopBits)
            let age = Self.freshness(devices, serial: faster, turnaround: Self.usualTurnaround, periods: periods)
            guard age.keepsNormalAge else { continue }
            remedies.append("set the meters and the bus to \(baud) baud (\(Self.text(age.worstNormalAge)) then)")
            break
        }
        let fitting = mostThatFit
        if fitting < devices.count {
            remedies.append("move \(devices.count - fitting) of the \(devices.count) devices to another bus")
        }
        return [
            "  WARNING bus \(bus.id): normal values get \(Self.text(freshness.worstNormalAge)) old, more than "
                + "\(Self.text(PollFreshness.longestNormalAge)); \(remedies.joined(separator: ", or "))"
        ]
    }

    /// What a model costs on a bus where nothing is installed yet.
    public static func model(
        _ profile: MeterProfile, on bus: BusConfiguration, periods: PollSchedule.Periods
    ) -> String? {
        guard let unit = UnitAddress(bus: bus.id, unit: 1), let id = MeterID(rawValue: "M") else { return nil }
        let cost = PolledDevice(
            SiteMeter(id: id, address: unit, profile: profile.id), profile: profile, serial: bus.serial,
            turnaround: usualTurnaround
        ).cost(serial: bus.serial, turnaround: usualTurnaround)
        let most = PollFreshness.mostDevices(cost, periods: periods)
        let age = PollFreshness(Array(repeating: cost, count: most), periods: periods).worstNormalAge
        return "  \(profile.id): \(max(1, cost.normal.wholeMilliseconds)) ms a poll; up to \(most) of them with normal "
            + "values at most \(text(age)) old"
    }

    /// How many devices, from the first address on, keep the age.
    private var mostThatFit: Int {
        var fitting = 0
        var tooMany = devices.count
        while tooMany - fitting > 1 {
            let count = (fitting + tooMany) / 2
            let some = Self.freshness(
                Array(devices.prefix(count)), serial: bus.serial, turnaround: Self.usualTurnaround, periods: periods)
            if some.keepsNormalAge { fitting = count } else { tooMany = count }
        }
        return fitting
    }

    private static func fastCount(_ devices: Int) -> Int { (devices + devicesPerFast - 1) / devicesPerFast }

    private static func freshness(
        _ devices: [(meter: SiteMeter, profile: MeterProfile)], serial: SerialFormat, turnaround: Duration,
        periods: PollSchedule.Periods
    ) -> PollFreshness {
        let costs = devices.map { meter, profile in
            PolledDevice(meter, profile: profile, serial: serial, turnaround: turnaround)
                .cost(serial: serial, turnaround: turnaround)
        }
        return PollFreshness(costs, periods: periods, fastCount: fastCount(devices.count))
    }

    private static func text(_ duration: Duration) -> String {
        let tenths = duration.wholeMilliseconds / 100
        if tenths < 100 { return "\(tenths / 10).\(tenths % 10) s" }
        let seconds = (duration.wholeMilliseconds + 999) / 1000
        return seconds < 120 ? "\(seconds) s" : "\(seconds / 60) min" + (seconds % 60 == 0 ? "" : " \(seconds % 60) s")
    }
}
