/// What a step was taken for. Listed in the order they are checked.
public enum MalignantVerdict: Hashable, Sendable {
    case outsideBands
    /// One of the learned appliances.
    case allowed(name: String)
    /// No reactive power to judge by: a sharp switch-on, flat afterwards.
    case powerOnly
    /// No reactive power to judge by, and not the shape of a heater.
    case powerOnlyMotor
    /// The power factor of a heater.
    case resistive
    /// Nearly the power factor of a heater, but the inrush or the decay of a motor.
    case motor
    /// A lower power factor with the switch-on of a heater: a socket that chops or halves the wave.
    case chopped
    /// The power factor of something else.
    case notResistive

    public var code: String {
        switch self {
        case .outsideBands: "outside_bands"
        case .allowed: "allowed"
        case .powerOnly: "power_only"
        case .powerOnlyMotor: "power_only_motor"
        case .resistive: "resistive"
        case .motor: "motor"
        case .chopped: "chopped"
        case .notResistive: "not_resistive"
        }
    }
}

/// How the shapes of switch-ons are told apart, in thousandths of the increment. Physical figures, not
/// settings: a heating wire has no inrush at a second's average and moves by some percent while it warms
/// up; a motor starts with a multiple and slows down for minutes.
enum SwitchOnShape {
    /// Above this an increment is a heater whatever its shape: motors do not reach it, and a motor that
    /// starts together with a heater must not hide it.
    static let surelyResistive: Int64 = 998_500
    static let heaterInrush: Int64 = 40
    static let heaterDrift: Int64 = 30
    static let choppedInrush: Int64 = 15
    static let choppedDrift: Int64 = 10
    /// A diode halves the wave: half the power at a power factor of 1/√2. Nothing with a heater's shape is there
    /// by chance, so the shape need not be judged as sharply.
    static let halfWave: ClosedRange<Int64> = 690_000...725_000
    /// Below this a lower power factor is too common.
    static let smallestChoppedMilliwatts: Int64 = 200_000
    /// Chopping is judged after longer than the dwell: flatness is all there is to see.
    static let choppedDwell = Duration.seconds(30)
}

extension MalignantLoadSettings {
    /// Whether waiting longer may change what `step` is taken for.
    func mayBecomeChopped(_ step: LoadStep) -> Bool {
        choppedMode != .off && step.lasting < SwitchOnShape.choppedDwell && hasChoppedShape(step)
            && !step.isRemainder && isBelowLimit(step)
    }

    /// What a step is, with the settings' bands, limit and allow-list.
    func judge(_ step: LoadStep) -> MalignantVerdict {
        guard bands.contains(where: { $0.contains(step.activeMilliwatts) }) else { return .outsideBands }
        if let appliance = allowed.first(where: { $0.matches(step) }) { return .allowed(name: appliance.name) }
        guard let powerFactor = step.powerFactor else {
            return hasHeaterShape(step) && step.driftThousandths != nil ? .powerOnly : .powerOnlyMotor
        }
        if powerFactor > powerFactorLimit {
            if powerFactor.millionths >= SwitchOnShape.surelyResistive { return .resistive }
            return hasHeaterShape(step) && !step.isRemainder ? .resistive : .motor
        }
        let isChopped = !step.isRemainder && hasChoppedShape(step) && step.lasting >= SwitchOnShape.choppedDwell
        return isChopped ? .chopped : .notResistive
    }

    /// What is done about a verdict in the mode set.
    func action(on verdict: MalignantVerdict) -> ProtectionMode {
        switch verdict {
        case .resistive: mode
        case .chopped: mode.limited(to: choppedMode)
        case .powerOnly: mode.limited(to: powerOnlyMode)
        case .outsideBands, .allowed, .powerOnlyMotor, .motor, .notResistive: .off
        }
    }

    private func isBelowLimit(_ step: LoadStep) -> Bool {
        step.powerFactor.map { $0 <= powerFactorLimit } ?? false
    }

    private func hasHeaterShape(_ step: LoadStep) -> Bool {
        guard step.inrushThousandths <= SwitchOnShape.heaterInrush else { return false }
        return step.driftThousandths.map { abs($0) <= SwitchOnShape.heaterDrift } ?? true
    }

    private func hasChoppedShape(_ step: LoadStep) -> Bool {
        guard step.activeMilliwatts >= SwitchOnShape.smallestChoppedMilliwatts else { return false }
        if let powerFactor = step.powerFactor, SwitchOnShape.halfWave.contains(powerFactor.millionths) {
            return hasHeaterShape(step) && step.driftThousandths != nil
        }
        guard step.inrushThousandths <= SwitchOnShape.choppedInrush, let drift = step.driftThousandths
        else { return false }
        return abs(drift) <= SwitchOnShape.choppedDrift
    }
}

extension ProtectionMode {
    /// The milder of the two.
    func limited(to other: ProtectionMode) -> ProtectionMode {
        switch (self, other) {
        case (.off, _), (_, .off): .off
        case (.alarm, _), (_, .alarm): .alarm
        case (.trip, .trip): .trip
        }
    }
}
