public import MeterProfiles

/// What a model may be, from what the device answered.
public enum ModelGuess: Hashable, Sendable {
    /// Everything that this profile's `identify` asks for was answered as it says.
    case identified(String)
    /// Several profiles' `identify` match.
    case ambiguous([String])
    /// No `identify` matches, but the values of these profiles' registers make sense.
    case plausible([String])
    case unknown

    /// The only profile it can be.
    public var profile: String? {
        switch self {
        case .identified(let id): id
        case .plausible(let ids): ids.count == 1 ? ids.first : nil
        case .ambiguous, .unknown: nil
        }
    }
}

/// A device that a scan found.
public struct FoundDevice: Hashable, Sendable {
    public let serial: SerialFormat
    public let unit: UInt8
    public let model: ModelGuess
    public let evidence: AddressEvidence

    public init(serial: SerialFormat, unit: UInt8, model: ModelGuess, evidence: AddressEvidence) {
        self.serial = serial
        self.unit = unit
        self.model = model
        self.evidence = evidence
    }
}

extension [FoundDevice] {
    /// The same device may answer in two formats that differ in their stop bits, and a device of another
    /// parity answers with broken frames: of each address at one rate the first clean one is kept.
    public var settled: [FoundDevice] {
        var kept: [FoundDevice] = []
        for device in self where device.evidence.verdict != .nobody {
            let rival = kept.firstIndex { $0.unit == device.unit && $0.serial.baud == device.serial.baud }
            guard let rival else {
                kept.append(device)
                continue
            }
            if kept[rival].evidence.answered == 0, device.evidence.answered > 0 { kept[rival] = device }
        }
        // Broken answers at one rate only mean something where the address is clean at no other.
        return kept.filter { device in
            device.evidence.answered > 0
                || !kept.contains { $0.unit == device.unit && $0.evidence.answered > 0 }
        }
    }
}
