/// What came of one probe.
public enum ProbeOutcome: Hashable, Sendable {
    /// Registers, or bits as 0 and 1.
    case values([UInt16])
    /// The device refuses this request: it is there all the same.
    case exception(code: UInt8)
    case silence
    /// Bytes that are no valid frame.
    case broken
    /// A valid frame of another unit, or that answers something else.
    case strange
}

/// What asking one address again and again has shown.
public struct AddressEvidence: Hashable, Sendable {
    public private(set) var asked = 0
    public private(set) var answered = 0
    public private(set) var broken = 0
    /// Two answers came to one request, or an answer of another shape.
    public private(set) var doubled = 0
    /// A value that does not change in one device was another than before.
    public private(set) var changed = 0

    /// How often an address is asked at which something answered, before its verdict.
    public static let repetitions = 8

    public enum Verdict: Hashable, Sendable {
        /// Nobody, or only noise.
        case nobody
        case oneDevice
        /// Answers get lost or come broken now and then.
        case poorLine
        /// Answers come broken too often for a cable, or the line is broken there.
        case perhapsTwoDevices
        case twoDevices
    }

    public init() {}

    public mutating func take(_ outcome: ProbeOutcome, answeredTwice: Bool) {
        asked += 1
        if answeredTwice || outcome == .strange { doubled += 1 }
        switch outcome {
        case .values, .exception: answered += 1
        case .broken: broken += 1
        case .silence, .strange: break
        }
    }

    mutating func sawChange() { changed += 1 }

    public var verdict: Verdict {
        if answered + broken + doubled == 0 { return .nobody }
        if doubled > 0 || changed > 0 { return .twoDevices }
        if answered == 0 { return broken > 1 ? .perhapsTwoDevices : .nobody }
        if broken * 4 >= asked { return .perhapsTwoDevices }
        return answered == asked ? .oneDevice : .poorLine
    }
}
