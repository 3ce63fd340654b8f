/// What is to be said about a meter's supply.
public enum SupplyTrouble: Hashable, Sendable {
    /// mV
    case voltageOutOfLimits(Phase, millivolts: Int64)
    /// The phase furthest from the mean, in thousandths of it.
    case phaseImbalance(thousandths: Int64)
    /// mW, negative: energy flows back, or the meter is wired the wrong way round. Fed-back energy is recorded where
    /// the meter counts it, and never billed or credited.
    case reversePower(milliwatts: Int64)

    /// Troubles of the same kind follow one another; this is their kind.
    public var kind: Kind {
        switch self {
        case .voltageOutOfLimits(let phase, _): .voltage(phase)
        case .phaseImbalance: .imbalance
        case .reversePower: .reverse
        }
    }

    public enum Kind: Hashable, Sendable {
        case voltage(Phase)
        case imbalance
        case reverse
    }
}

/// The limits of a site's supply.
public struct SupplyLimits: Hashable, Sendable {
    /// V, phase to neutral.
    public let nominalVolts: Int64
    /// To both sides, in percent (EN 50160: 10).
    public let tolerancePercent: Int64

    public static let standard = SupplyLimits(nominalVolts: 230, tolerancePercent: 10)

    public init(nominalVolts: Int64, tolerancePercent: Int64) {
        self.nominalVolts = nominalVolts
        self.tolerancePercent = tolerancePercent
    }

    /// No arithmetic on the value: a meter may show anything.
    func holds(_ millivolts: Int64) -> Bool {
        let (nominal, margin) = (nominalVolts * 1_000, nominalVolts * 10 * tolerancePercent)
        return nominal - margin <= millivolts && millivolts <= nominal + margin
    }
}

/// Watches one meter's voltages and the direction of its power. Two readings in a row begin a trouble, and two end
/// it: one wild value is none.
public struct SupplyWatch: Hashable, Sendable {
    /// Begun or ended.
    public enum Finding: Hashable, Sendable {
        case began(SupplyTrouble)
        case ended(SupplyTrouble.Kind)
    }

    private struct Run: Hashable, Sendable {
        var isOn = false
        /// Readings in a row that say otherwise.
        var others = 0
    }

    private var runs: [SupplyTrouble.Kind: Run] = [:]

    public static let readingsToBelieve = 2
    /// Three-phase voltages further apart than this are a broken neutral or a lost phase (IEC 61000-2-2: 2 %).
    public static let largestImbalanceThousandths: Int64 = 30
    /// Less than this backwards is measuring error.
    public static let leastReverseMilliwatts: Int64 = 20_000
    private static let phases: [Phase] = [.all, .l1, .l2, .l3]

    public init() {}

    /// Takes a reading; a quantity that it does not have says nothing.
    public mutating func take(_ reading: Reading, limits: SupplyLimits) -> [Finding] {
        var findings: [Finding] = []
        for phase in Self.phases {
            guard let voltage = reading[Channel(.voltage, phase)] else { continue }
            let trouble = SupplyTrouble.voltageOutOfLimits(phase, millivolts: voltage)
            note(trouble, is: !limits.holds(voltage), into: &findings)
        }
        if let thousandths = Self.imbalance(of: reading) {
            note(
                .phaseImbalance(thousandths: thousandths), is: thousandths > Self.largestImbalanceThousandths,
                into: &findings)
        }
        if let power = reading[.activePower] {
            note(.reversePower(milliwatts: power), is: power < -Self.leastReverseMilliwatts, into: &findings)
        }
        return findings
    }

    private mutating func note(_ trouble: SupplyTrouble, is isOn: Bool, into findings: inout [Finding]) {
        var run = runs[trouble.kind] ?? Run()
        defer { runs[trouble.kind] = run }
        guard run.isOn != isOn else {
            run.others = 0
            return
        }
        run.others += 1
        guard run.others >= Self.readingsToBelieve else { return }
        run = Run(isOn: isOn)
        findings.append(isOn ? .began(trouble) : .ended(trouble.kind))
    }

    /// Nil for a meter without three phases, or one that shows no voltage at all.
    private static func imbalance(of reading: Reading) -> Int64? {
        let voltages = [Phase.l1, .l2, .l3].compactMap { reading[Channel(.voltage, $0)] }
        guard voltages.count == 3, voltages.allSatisfy({ (0...1_000_000).contains($0) }) else { return nil }
        let mean = voltages.reduce(0, +) / 3
        guard mean > 0 else { return nil }
        return (voltages.map { abs($0 - mean) }.max() ?? 0) * 1_000 / mean
    }
}
