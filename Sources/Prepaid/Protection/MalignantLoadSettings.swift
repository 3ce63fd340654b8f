/// What a protection does when it finds something.
public enum ProtectionMode: String, Hashable, Sendable, CaseIterable {
    case off, alarm, trip
}

/// A range of power that is forbidden, both ends included.
public struct ForbiddenBand: Hashable, Sendable, CustomStringConvertible {
    public let fromMilliwatts: Int64
    public let toMilliwatts: Int64

    public init(fromMilliwatts: Int64, toMilliwatts: Int64) {
        self.fromMilliwatts = fromMilliwatts
        self.toMilliwatts = toMilliwatts
    }

    public func contains(_ milliwatts: Int64) -> Bool {
        fromMilliwatts <= milliwatts && milliwatts <= toMilliwatts
    }

    public var description: String { "\(wholeWatts(fromMilliwatts))-\(wholeWatts(toMilliwatts)) W" }
}

/// An appliance that looks forbidden and is allowed on this circuit.
public struct LearnedAppliance: Hashable, Sendable {
    public let name: String
    public let activeMilliwatts: Int64
    /// Thousandths of the power, to both sides: the mains voltage moves a heater by twice its own move.
    public let toleranceThousandths: Int64
    /// The power factor it was learned with; nil where it is not compared.
    public let powerFactor: PowerFactor?

    /// A heater at 230 V ± 6 % moves by so much; one that was learned cold moves as far.
    public static let standardToleranceThousandths: Int64 = 120
    /// How far the power factor may be from the learned one, in millionths.
    static let powerFactorToleranceMillionths: Int64 = 20_000

    public init(
        name: String, activeMilliwatts: Int64, toleranceThousandths: Int64 = standardToleranceThousandths,
        powerFactor: PowerFactor? = nil
    ) {
        self.name = name
        self.activeMilliwatts = activeMilliwatts
        self.toleranceThousandths = toleranceThousandths
        self.powerFactor = powerFactor
    }

    /// An appliance as a step has shown it.
    public init(name: String, learnedFrom step: LoadStep) {
        self.init(name: name, activeMilliwatts: step.activeMilliwatts, powerFactor: step.powerFactor)
    }

    /// Whether a step may be this appliance.
    public func matches(_ step: LoadStep) -> Bool {
        let tolerance = activeMilliwatts * toleranceThousandths / 1_000
        guard abs(step.activeMilliwatts - activeMilliwatts) <= tolerance else { return false }
        guard let powerFactor, let seen = step.powerFactor else { return true }
        return abs(seen.millionths - powerFactor.millionths) <= Self.powerFactorToleranceMillionths
    }
}

/// How a circuit is watched for forbidden appliances.
public struct MalignantLoadSettings: Hashable, Sendable {
    public var mode: ProtectionMode
    public let bands: [ForbiddenBand]
    /// An increment above this is resistive.
    public let powerFactorLimit: PowerFactor
    /// How long a load must stay on.
    public let dwell: Duration
    public let allowed: [LearnedAppliance]
    /// For a load behind a socket that chops or halves the wave. Alarm by default: an induction cooker can
    /// look the same.
    public let choppedMode: ProtectionMode
    /// For a meter that gives no reactive power, where only the shape of the switch-on can be judged.
    public let powerOnlyMode: ProtectionMode
    public let release: ReleasePolicy

    public static let largestBandCount = 6
    public static let smallestPowerMilliwatts: Int64 = 30_000
    /// 1 MW: above any circuit.
    public static let largestPowerMilliwatts: Int64 = 1_000_000_000
    public static let largestAllowedCount = 64
    /// Bytes of an appliance's name.
    public static let longestName = 40
    public static let standardDwell = Duration.seconds(8)
    public static let longestDwell = Duration.seconds(120)
    public static let standardPowerFactorMillionths: Int64 = 995_000
    /// 200 W to 12 kW: kettles, immersion heaters, hair dryers, fan heaters.
    public static let standardBand = ForbiddenBand(fromMilliwatts: 200_000, toMilliwatts: 12_000_000)

    /// Checks the settings as a whole; throws every problem found.
    public init(
        mode: ProtectionMode, bands: [ForbiddenBand] = [standardBand],
        powerFactorLimitMillionths: Int64 = standardPowerFactorMillionths, dwell: Duration = standardDwell,
        allowed: [LearnedAppliance] = [], choppedMode: ProtectionMode = .alarm,
        powerOnlyMode: ProtectionMode = .alarm, release: ReleasePolicy = .standard
    ) throws(SettingProblems) {
        var problems = ProblemList()
        Self.check(bands, into: &problems)
        Self.check(allowed, into: &problems)
        let limit = PowerFactor(millionths: powerFactorLimitMillionths)
        problems.require(
            (500_000...999_900).contains(powerFactorLimitMillionths), "malignant_load.power_factor_limit",
            limit?.description ?? String(powerFactorLimitMillionths) + " millionths", "must be 0.5000 to 0.9999")
        problems.require(
            (Duration.seconds(2)...Self.longestDwell).contains(dwell), "malignant_load.dwell", dwell,
            "must be 2 s to \(Self.longestDwell)")
        try problems.throwAny()
        self.mode = mode
        self.bands = bands
        self.powerFactorLimit = limit ?? .unity
        self.dwell = dwell
        self.allowed = allowed
        self.choppedMode = choppedMode
        self.powerOnlyMode = powerOnlyMode
        self.release = release
    }

    private static func check(_ bands: [ForbiddenBand], into problems: inout ProblemList) {
        problems.require(
            (1...largestBandCount).contains(bands.count), "malignant_load.bands", bands.count,
            "must be 1 to \(largestBandCount) bands; set the mode to off to have none")
        let range = smallestPowerMilliwatts...largestPowerMilliwatts
        for (index, band) in bands.prefix(largestBandCount).enumerated() {
            let field = "malignant_load.bands[\(index + 1)]"
            for end in [band.fromMilliwatts, band.toMilliwatts] {
                problems.require(
                    range.contains(end), field, end, "must be \(range.lowerBound) to \(range.upperBound) mW")
            }
            problems.require(
                band.fromMilliwatts < band.toMilliwatts, field, band, "must end above where it begins")
        }
    }

    private static func check(_ allowed: [LearnedAppliance], into problems: inout ProblemList) {
        problems.require(
            allowed.count <= largestAllowedCount, "malignant_load.allowed", allowed.count,
            "at most \(largestAllowedCount) appliances can be learned")
        for (index, appliance) in allowed.prefix(largestAllowedCount).enumerated() {
            let field = "malignant_load.allowed[\(index + 1)]"
            problems.require(
                (1...longestName).contains(appliance.name.utf8.count), "\(field).name", appliance.name,
                "must have 1 to \(longestName) bytes")
            problems.require(
                (smallestPowerMilliwatts...largestPowerMilliwatts).contains(appliance.activeMilliwatts),
                "\(field).power", appliance.activeMilliwatts,
                "must be \(smallestPowerMilliwatts) to \(largestPowerMilliwatts) mW")
            problems.require(
                (5...300).contains(appliance.toleranceThousandths), "\(field).tolerance",
                appliance.toleranceThousandths, "must be 5 to 300 thousandths of the power")
        }
    }

    /// The smallest step worth following.
    var smallestStepMilliwatts: Int64 {
        bands.map(\.fromMilliwatts).min() ?? Self.smallestPowerMilliwatts
    }
}

extension PowerFactor {
    static let unity = PowerFactor(millionths: 1_000_000, checked: ())

    private init(millionths: Int64, checked: Void) { self.millionths = millionths }
}

/// Whole watts, rounded to nearest, for messages.
func wholeWatts(_ milliwatts: Int64) -> Int64 {
    (milliwatts + (milliwatts < 0 ? -500 : 500)) / 1_000
}
