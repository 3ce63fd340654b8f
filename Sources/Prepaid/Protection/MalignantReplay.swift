internal import Metering

/// Runs the malignant-load protection over a recording and writes down every decision with its reason, so
/// that a complaint can be settled. The recorded circuit was not opened by this run: after a trip the
/// detector goes on as if it had only raised an alarm.
public struct MalignantReplay: Hashable, Sendable {
    public let settings: MalignantLoadSettings
    /// Whether harmless loads are written down too.
    public let showsHarmless: Bool

    public init(settings: MalignantLoadSettings, showsHarmless: Bool = true) {
        self.settings = settings
        self.showsHarmless = showsHarmless
    }

    /// Every load that came on, in the order in which they were judged.
    public func findings(in recording: RecordedPower) -> [MalignantFinding] {
        var detector = MalignantLoadDetector(settings: settings)
        return recording.samples.flatMap { detector.observe($0) }
    }

    /// One line a decision, and one with the sums.
    public func report(on recording: RecordedPower) -> [String] {
        let findings = findings(in: recording)
        let shown = findings.filter { showsHarmless || $0.action != .off }
        var lines = shown.map { finding in
            let time = Self.time(finding.step.at, isDated: recording.isDated)
            return "\(time) \(finding.action.word) \(finding.verdict.code): \(settings.explanation(of: finding))"
        }
        let trips = findings.count { $0.action == .trip }
        let alarms = findings.count { $0.action == .alarm }
        lines.append(
            "\(recording.samples.count) samples, \(findings.count) loads came on and stayed: \(trips) would trip, "
                + "\(alarms) would raise an alarm, \(findings.count - trips - alarms) harmless")
        if !recording.samples.contains(where: { $0.reactiveMillivars != nil }) {
            lines.append(
                "no reactive power in the recording: heaters cannot be told from other loads with a flat switch-on; "
                    + "add the column reactive_power_var or apparent_power_va")
        }
        return lines
    }

    private static func time(_ moment: MonotonicTime, isDated: Bool) -> String {
        let milliseconds = moment.nanoseconds / 1_000_000
        let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000)
        let fraction = rest == 0 ? "" : "." + padded(abs(rest), 3)
        guard isDated else { return "\(seconds)\(fraction) s" }
        let day = CivilDate(daysSince1970: Int(seconds / 86_400))
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
        return "\(day) \(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2))\(fraction)"
    }
}

extension ProtectionMode {
    fileprivate var word: String { self == .off ? "pass" : rawValue }
}

private func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension MalignantLoadSettings {
    /// The figures a finding rests on, and what they mean.
    public func explanation(of finding: MalignantFinding) -> String {
        let step = finding.step
        let power = "+\(wholeWatts(step.activeMilliwatts)) W on \(wholeWatts(step.before.activeMilliwatts)) W"
        let factor = step.powerFactor.map { "power factor \($0)" } ?? "power factor unknown"
        let drift = step.driftThousandths.map { "drift \(percent($0))" } ?? "drift unknown"
        let shape = "inrush \(percent(step.inrushThousandths)), \(drift), on for \(step.lasting.components.seconds) s"
        let part = step.isRemainder ? "what is left of two loads that came on together; " : ""
        return "\(part)\(power), \(factor), \(shape): \(reason(of: finding))"
    }

    private func reason(of finding: MalignantFinding) -> String {
        let band = bands.first { $0.contains(finding.step.activeMilliwatts) }
        let forbidden = band.map { "forbidden band \($0)" } ?? "forbidden"
        switch finding.verdict {
        case .outsideBands: return "outside the forbidden bands"
        case .allowed(let name): return "the learned appliance \"\(name)\""
        case .powerOnly: return "no reactive power; sharp and flat like a heater, \(forbidden)"
        case .powerOnlyMotor: return "no reactive power; not the switch-on of a heater"
        case .resistive: return "above the limit \(powerFactorLimit): a heater, \(forbidden)"
        case .motor: return "above the limit \(powerFactorLimit), but the switch-on of a motor"
        case .chopped:
            return "not above the limit \(powerFactorLimit), but sharp and flat like a heater: a chopped or halved "
                + "wave, \(forbidden)"
        case .notResistive: return "not above the limit \(powerFactorLimit): no heater"
        }
    }

    private func percent(_ thousandths: Int64) -> String {
        let sign = thousandths < 0 ? "-" : ""
        return "\(sign)\(abs(thousandths) / 10).\(abs(thousandths) % 10) %"
    }
}
