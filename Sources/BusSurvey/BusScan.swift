public import MeterProfiles
public import Metering

/// One request of a scan.
public struct ScanProbe: Hashable, Sendable {
    public let serial: SerialFormat
    public let unit: UInt8
    public let request: ReadRequest
    /// How long the start of the answer is waited for.
    public let timeout: Duration
    /// To be kept since the last request to this unit: some models take no second one at once.
    public let pause: Duration
}

/// How far a scan is.
public struct ScanProgress: Hashable, Sendable {
    public let addressesDone: Int
    public let addressesTotal: Int
    /// Where it looks now; nil when it is done.
    public let serial: SerialFormat?
    public let unit: UInt8?
    public let elapsed: Duration
    /// From what the addresses so far took, live polling included.
    public let remaining: Duration
    public let found: Int
}

/// A scan for devices, request by request: a value that is asked what to send next and told what came of
/// it. Every address in one format, then the next format.
public struct BusScan: Sendable {
    public let range: ScanRange
    /// In the order in which they were found.
    public private(set) var devices: [FoundDevice] = []
    private let profiles: [MeterProfile]
    private let started: MonotonicTime
    /// Where it looks, in order; those before `done` are done.
    private var places: [Place]
    private var done = 0
    private var inquiry: AddressInquiry?

    private struct Place: Hashable, Sendable {
        let serial: SerialFormat
        let unit: UInt8
        /// It was heard after it was given up: it is asked again, and waited for longer.
        var isLate = false
    }

    /// Some models want half a second between two requests.
    private static let pauseBetweenRequests: Duration = .milliseconds(120)
    /// A device that is there may take longer than a scan waits for those who are not.
    private static let patience: Duration = .milliseconds(600)

    public init(_ range: ScanRange, profiles: [MeterProfile], now: MonotonicTime) {
        self.range = range
        self.profiles = profiles
        started = now
        places = range.formats.flatMap { serial in range.units.map { Place(serial: serial, unit: $0) } }
        inquiry = nextInquiry
    }

    private var nextInquiry: AddressInquiry? {
        place.map { AddressInquiry(unit: $0.unit, presence: range.presenceReads, profiles: profiles) }
    }

    private var place: Place? { done < places.count ? places[done] : nil }

    /// The next request; nil when the scan is done.
    public var probe: ScanProbe? {
        guard let place, let inquiry, let question = inquiry.question else { return nil }
        let isFirst = !inquiry.isThere
        return ScanProbe(
            serial: place.serial, unit: place.unit, request: question.request,
            timeout: isFirst && !place.isLate ? range.timeout : max(range.timeout, Self.patience),
            pause: isFirst ? .zero : Self.pauseBetweenRequests)
    }

    /// Notes what came of the last probe.
    /// - Returns: the device that is known with it.
    public mutating func take(_ outcome: ProbeOutcome, answeredTwice: Bool = false) -> FoundDevice? {
        guard let place else { return nil }
        inquiry?.take(outcome, answeredTwice: answeredTwice)
        guard let ended = inquiry, ended.question == nil else { return nil }
        done += 1
        inquiry = nextInquiry
        guard ended.evidence.verdict != .nobody else { return nil }
        let device = FoundDevice(
            serial: place.serial, unit: place.unit, model: ended.model, evidence: ended.evidence)
        devices.append(device)
        return device
    }

    /// A unit was heard after its probe was given up: it is asked again, next.
    public mutating func heardLate(unit: UInt8) {
        guard let place, place.unit != unit, range.units.contains(unit) else { return }
        let late = Place(serial: place.serial, unit: unit, isLate: true)
        let asked = places[..<done].contains { $0.unit == unit && $0.serial == place.serial }
        guard asked, !places.contains(late), !devices.contains(where: { $0.unit == unit && $0.serial == place.serial })
        else { return }
        places.insert(late, at: done + 1)
    }

    public func progress(at now: MonotonicTime) -> ScanProgress {
        let elapsed = max(.zero, now - started)
        // The first address says little about the others.
        let isEarly = done < 8
        let remaining =
            isEarly ? max(.zero, range.longestDuration - elapsed) : elapsed * (places.count - done) / done
        return ScanProgress(
            addressesDone: done, addressesTotal: places.count, serial: place?.serial, unit: place?.unit,
            elapsed: elapsed,
            remaining: done == places.count ? .zero : remaining, found: devices.count)
    }
}
