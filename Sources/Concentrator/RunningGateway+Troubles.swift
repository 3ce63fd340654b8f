internal import BusSurvey
public import Metering

/// Something on a bus that an installer can mend.
public struct Trouble: Hashable, Sendable {
    public let bus: BusID
    /// Nil where it is the line's.
    public let unit: UInt8?
    public let meter: MeterID?
    /// Where, what, and what to do.
    public let words: String
}

extension RunningGateway {
    /// What is wrong on the buses now: ports that are gone, lines with a finding, devices that bring
    /// nothing; in the order of the configuration, then of the addresses.
    public func troubles() async -> [Trouble] {
        let now = clock.monotonicNow()
        let silent = await site.silentDevices()
        return busWatches.flatMap { watch in
            let snapshot = watch.snapshot(at: now)
            let bus = watch.configuration.id
            // Where the port is gone, no device of it can be asked.
            guard snapshot.isOpen else {
                return [
                    Trouble(
                        bus: bus, unit: nil, meter: nil,
                        words: InstallerWords.portGone(bus, snapshot.configuration.port))
                ]
            }
            let findings = snapshot.findings.map {
                Trouble(bus: bus, unit: nil, meter: nil, words: "bus \(bus): \($0)")
            }
            let devices = silent.filter { $0.meter.address.bus == bus }.map { meter, reason in
                Trouble(
                    bus: bus, unit: meter.address.unit, meter: meter.id,
                    words: InstallerWords.remedy(reason, at: meter.address, profile: meter.profile))
            }
            return findings + devices
        }
    }
}

extension SiteService {
    /// The devices that were asked and brought nothing the last time, by address.
    func silentDevices() -> [(meter: SiteMeter, reason: NoDataReason)] {
        meters.values.sorted { $0.address < $1.address }.compactMap { meter in
            guard case .noData(let reason)? = observations[meter.id], reason != .neverRead else { return nil }
            return (meter, reason)
        }
    }
}
