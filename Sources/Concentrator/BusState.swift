internal import MeterProfiles
internal import Metering

/// What a bus knows while it runs.
struct BusState {
    private(set) var devices: [MeterID: PolledDevice] = [:]
    var schedule: PollSchedule
    var diagnosis = LineDiagnosis()
    var scan: RunningScan?
    var errand: RunningErrand?
    var profiles: ProfileLibrary

    init(profiles: ProfileLibrary, periods: PollSchedule.Periods) {
        self.profiles = profiles
        schedule = PollSchedule(periods: periods)
    }

    func device(unit: UInt8) -> PolledDevice? { devices.values.first { $0.meter.address.unit == unit } }

    /// Takes who is polled from now on.
    /// - Parameter learned: what a device was found to refuse.
    mutating func take(
        _ meters: [SiteMeter], serial: SerialFormat, now: MonotonicTime, learned: (SiteMeter) -> LearnedHoles
    ) {
        let wanted = Set(meters.map(\.id))
        for meter in schedule.meters where !wanted.contains(meter) { schedule.remove(meter) }
        devices = [:]
        for meter in meters {
            guard let profile = profiles[meter.profile] else { continue }
            devices[meter.id] = PolledDevice(
                meter, profile: profile, serial: serial, turnaround: Self.assumedTurnaround, holes: learned(meter))
            schedule.add(
                meter.id, requestGap: profile.limits.requestGap, responseTimeout: profile.limits.responseTimeout,
                now: now)
        }
    }

    /// The port was opened again: polls begin anew.
    mutating func busReturned() {
        for device in devices.values { device.underWay = nil }
        schedule.busReturned()
    }

    /// Until turnaround is measured, a usual one.
    private static let assumedTurnaround: Duration = .milliseconds(10)
}
