/// Something on the line that was no answer to what was asked.
public enum LineNote: Hashable, Sendable {
    /// A unit answered after it was given up. Its time-out was too short by now.
    case lateAnswer(unit: UInt8, after: Duration)
    /// A unit that was asked once answered twice: two devices may have its address.
    case secondAnswer(unit: UInt8)
    /// A frame of a unit that nobody here had asked: a device with a wrong address, or another master.
    case foreignFrame(unit: UInt8)
    /// Bytes that belong to no frame.
    case noise(bytes: Int)
    /// The adapter hands back what it sends.
    case localEcho
}

/// What is wrong with a line or a device on it, and what to do about it.
public enum LineFinding: Hashable, Sendable, CustomStringConvertible {
    case slowUnit(UInt8)
    case sharedAddress(UInt8)
    case unaskedUnit(UInt8)
    /// Noise, or broken frames, while this unit was asked.
    case spoiledUnit(UInt8)

    /// A fixed word for platforms.
    public var code: String {
        switch self {
        case .slowUnit: "slow_unit"
        case .sharedAddress: "shared_address"
        case .unaskedUnit: "unasked_unit"
        case .spoiledUnit: "spoiled_unit"
        }
    }

    public var unit: UInt8 {
        switch self {
        case .slowUnit(let unit), .sharedAddress(let unit), .unaskedUnit(let unit), .spoiledUnit(let unit): unit
        }
    }

    public var description: String {
        switch self {
        case .slowUnit(let unit):
            "unit \(unit) answers after it was given up; it is waited for longer now: check its response delay"
        case .sharedAddress(let unit):
            "unit \(unit) answers twice; two devices may have this address: take one off the line, give it another"
        case .unaskedUnit(let unit):
            "unit \(unit) speaks though it was not asked; a device has a wrong address, or another master is on "
                + "this line: disconnect it"
        case .spoiledUnit(let unit):
            "answers of unit \(unit) come broken; two devices may share its address, or the cable, its ends or the "
                + "baud rate are wrong: check them there first"
        }
    }
}

/// Makes findings of single symptoms: one that comes again within minutes is named once, and again only
/// after it has been gone for a while. A poor cable's rare broken frame is no finding.
public struct LineDiagnosis: Sendable {
    private struct Tally {
        var level = 0
        var since: MonotonicTime
        var isNamed = false

        /// Takes off one for each minute.
        mutating func forget(until now: MonotonicTime) {
            let minutes = max(0, (now - since).wholeNanoseconds / LineDiagnosis.forgetting.wholeNanoseconds)
            guard minutes > 0 else { return }
            level = minutes >= level ? 0 : level - Int(minutes)
            since = now
            if level == 0 { isNamed = false }
        }
    }

    /// Symptoms of a kind, beyond one a minute, that make a finding.
    public static let threshold = 5
    /// How many count at most: so many minutes without a symptom end a finding.
    public static let highestLevel = 10
    private static let forgetting: Duration = .seconds(60)

    /// At most one a unit and kind.
    private var tallies: [LineFinding: Tally] = [:]

    public init() {}

    /// Takes what one transaction showed.
    /// - Parameters:
    ///   - unit: the one that was asked.
    ///   - isBroken: its answer was no valid frame.
    /// - Returns: what is known only now.
    public mutating func take(
        _ notes: [LineNote], asked unit: UInt8, isBroken: Bool, at now: MonotonicTime
    ) -> [LineFinding] {
        if notes.isEmpty, !isBroken { return [] }
        var symptoms: Set<LineFinding> = isBroken ? [.spoiledUnit(unit)] : []
        for note in notes {
            switch note {
            case .lateAnswer(let late, _): symptoms.insert(.slowUnit(late))
            case .secondAnswer(let twice): symptoms.insert(.sharedAddress(twice))
            case .foreignFrame(let foreign): symptoms.insert(.unaskedUnit(foreign))
            case .noise: symptoms.insert(.spoiledUnit(unit))
            case .localEcho: break
            }
        }
        return symptoms.filter { count($0, at: now) }.sorted { $0.description < $1.description }
    }

    /// What is wrong now: every finding whose symptoms have not been gone for long enough.
    public func findings(at now: MonotonicTime) -> [LineFinding] {
        tallies.compactMap { symptom, tally in
            var tally = tally
            tally.forget(until: now)
            return tally.isNamed ? symptom : nil
        }
        .sorted { $0.description < $1.description }
    }

    /// - Returns: whether the symptom makes a finding with this.
    private mutating func count(_ symptom: LineFinding, at now: MonotonicTime) -> Bool {
        var tally = tallies[symptom] ?? Tally(since: now)
        tally.forget(until: now)
        tally.level = min(tally.level + 1, Self.highestLevel)
        let isNew = !tally.isNamed && tally.level >= Self.threshold
        if isNew { tally.isNamed = true }
        tallies[symptom] = tally
        return isNew
    }
}
