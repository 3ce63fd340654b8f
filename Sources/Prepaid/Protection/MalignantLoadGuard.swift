public import Metering

/// What the malignant-load protection of a circuit says.
public enum MalignantEvent: Hashable, Sendable {
    /// A forbidden appliance, or what may be one. No trip.
    case alarm(MalignantFinding)
    /// The circuit is to be opened. `count` are the trips of the last 24 hours, with this one.
    case tripped(MalignantFinding, count: Int, release: LockoutRelease)
    /// The lockout is over: the other rules decide again.
    case released
    /// A load that came on and was found to be harmless, or an allowed appliance: for whoever asks why.
    case passed(MalignantFinding)
}

/// The malignant-load protection of one circuit: the detector with its lockout. A sample or a tick in,
/// events out.
public struct MalignantLoadGuard: Hashable, Sendable {
    public private(set) var detector: MalignantLoadDetector
    public private(set) var lockout: ProtectionLockout
    /// The last load that was taken for a forbidden one since the settings came into force: what an operator
    /// may let it learn.
    public private(set) var lastFinding: MalignantFinding?

    public init(settings: MalignantLoadSettings, lockout: ProtectionLockout = ProtectionLockout()) {
        detector = MalignantLoadDetector(settings: settings)
        self.lockout = lockout
    }

    public var settings: MalignantLoadSettings { detector.settings }
    public var isLockedOut: Bool { lockout.inForce != nil }

    /// - Parameters:
    ///   - activeMilliwatts: negative while exporting.
    ///   - reactiveMillivars: nil where the meter does not say.
    public mutating func observe(
        activeMilliwatts: Int64, reactiveMillivars: Int64?, now: Timestamp
    ) -> [MalignantEvent] {
        var events = tick(now: now)
        guard !isLockedOut else { return events }
        let sample = PowerSample(
            at: now.monotonic, activeMilliwatts: activeMilliwatts, reactiveMillivars: reactiveMillivars)
        for finding in detector.observe(sample) {
            if finding.action != .off { lastFinding = finding }
            switch finding.action {
            case .off: events.append(.passed(finding))
            case .alarm: events.append(.alarm(finding))
            // Of two in one sample the first has opened the circuit.
            case .trip where isLockedOut: events.append(.alarm(finding))
            case .trip:
                let release = lockout.trip(policy: settings.release, now: now)
                events.append(.tripped(finding, count: lockout.trips.count, release: release))
                detector.circuitOpened()
            }
        }
        return events
    }

    /// Time went by.
    public mutating func tick(now: Timestamp) -> [MalignantEvent] {
        lockout.releaseIfDue(window: nil, now: now) ? [.released] : []
    }

    /// An operator's release. The count starts again.
    public mutating func releaseByCommand() -> [MalignantEvent] {
        lockout.releaseByCommand() ? [.released] : []
    }
}
