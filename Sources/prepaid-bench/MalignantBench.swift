import Metering
import Prepaid

/// The evaluation of the malignant-load detection on single recorded appliances and on mixtures of them, at
/// polls of 1, 3 and 5 seconds.
struct MalignantBench {
    let traces: [ApplianceTrace]

    static let periods = [1, 3, 5]
    /// A switch-on is to be found when it lasts so long: the dwell, and two samples of the slowest poll.
    static let leastSeconds = 20

    /// What is done with recorded appliances before they are judged.
    struct Trial {
        let name: String
        var reactive: SyntheticCircuit.ReactivePower = .byPowerFactor
        /// Whether an alarm counts as found, where the mode is alarm by default.
        var countsAlarms = false
        var settings: MalignantLoadSettings
    }

    private var kettles: [ApplianceTrace] { traces.filter { $0.appliance.kind == .forbidden } }

    /// Tables for people, then the figures.
    func report() throws -> (lines: [String], figures: [Figure]) {
        let settings = try MalignantLoadSettings(mode: .trip)
        var table = TextTable([
            "poll", "appliance", "counts as", "devices", "days", "due", "found", "95 % interval", "F1", "false trips",
            "a day", "alarms",
        ])
        var figures: [Figure] = []
        var nonResistive = Score()
        var lookAlikes = Score()
        for period in Self.periods {
            for appliance in Appliance.table {
                let own = traces.filter { $0.appliance.name == appliance.name }
                guard !own.isEmpty else { continue }
                let score = score(
                    own.map { [$0] }, trial: Trial(name: appliance.name, settings: settings), period: period)
                switch appliance.kind {
                case .forbidden: figures.append(Figure("recall_kettle_\(period)s", score.recall, "ratio"))
                case .lookAlike: lookAlikes = lookAlikes + score
                case .heaterInside, .other: nonResistive = nonResistive + score
                }
                let devices = Set(own.map(\.device)).count
                table.add(row(period, appliance.name, appliance.kind.rawValue, devices, own.count, score))
            }
            for (trial, circuits) in try mixtures(settings) {
                let score = score(circuits, trial: trial, period: period)
                table.add(row(period, trial.name, "mixture", 0, circuits.count, score))
                if trial.name == Self.householdName {
                    figures.append(Figure("recall_kettle_mixed_\(period)s", score.recall, "ratio"))
                }
            }
        }
        let learned = try learning(settings)
        figures += [
            Figure("false_trips_nonresistive_per_circuit_day", nonResistive.falseTripsPerCircuitDay, "1/d"),
            Figure("false_trips_nonresistive_upper_bound", nonResistive.falseTripsUpperBound, "1/d"),
            Figure("false_trips_lookalike_per_circuit_day", lookAlikes.falseTripsPerCircuitDay, "1/d"),
            Figure("false_trips_lookalike_learned_per_circuit_day", learned.falseTripsPerCircuitDay, "1/d"),
        ]
        return (table.lines, figures)
    }

    private static let householdName = "kettle in a household"

    /// Kettles among other appliances, and behind sockets that cut the wave. All synthetic sums of recordings.
    private func mixtures(_ settings: MalignantLoadSettings) throws -> [(Trial, [[ApplianceTrace]])] {
        let background = ["Refrigerator", "TV-LCD", "PC-Desktop", "PC-Laptop", "Washingmachine", "MicrowaveOven"]
            .compactMap { name in traces.first { $0.appliance.name == name } }
        let alone = kettles.map { [$0] }
        return [
            (Trial(name: Self.householdName, settings: settings), kettles.map { [$0] + background }),
            (Trial(name: "household without", settings: settings), background.isEmpty ? [] : [background]),
            (Trial(name: "kettle, half wave", reactive: .halfWave, countsAlarms: true, settings: settings), alone),
            (
                Trial(name: "kettle, no reactive power", reactive: .absent, countsAlarms: true, settings: settings),
                alone
            ),
        ]
    }

    /// Look-alikes are learned on the first day of each device and judged on its other days.
    private func learning(_ settings: MalignantLoadSettings) throws -> Score {
        var score = Score()
        let devices = Dictionary(grouping: traces.filter { $0.appliance.kind == .lookAlike }) { $0.device }
        for (_, own) in devices.sorted(by: { $0.key < $1.key }) where own.count > 1 {
            let first = SyntheticCircuit(traces: [own[0]], reactive: .byPowerFactor).samples(period: 1, phase: 0)
            var learned: [LearnedAppliance] = []
            for finding in MalignantReplay(settings: settings).findings(in: RecordedPower(samples: first))
            where finding.action == .trip && !learned.contains(where: { $0.matches(finding.step) }) {
                learned.append(LearnedAppliance(name: "\(learned.count + 1)", learnedFrom: finding.step))
            }
            let taught = try MalignantLoadSettings(
                mode: .trip, allowed: Array(learned.prefix(MalignantLoadSettings.largestAllowedCount)))
            for period in Self.periods {
                score =
                    score
                    + self.score(
                        own.dropFirst().map { [$0] }, trial: Trial(name: "learned", settings: taught), period: period)
            }
        }
        return score
    }

    /// Every phase of the poll counts as a circuit of its own.
    private func score(_ circuits: [[ApplianceTrace]], trial: Trial, period: Int) -> Score {
        var score = Score()
        for traces in circuits {
            let isForbidden = traces[0].appliance.kind == .forbidden
            let runs = isForbidden ? traces[0].switchedOn(leastWatts: 400, share: 0.6, leastSeconds: 1) : []
            let due = runs.filter { $0.count >= Self.leastSeconds }
            let brief = isForbidden ? traces[0].switchedOn(leastWatts: 50, share: 0.02, leastSeconds: 1) : []
            let circuit = SyntheticCircuit(traces: traces, reactive: trial.reactive)
            for phase in 0..<period {
                let recording = RecordedPower(samples: circuit.samples(period: period, phase: phase))
                let findings = MalignantReplay(settings: trial.settings).findings(in: recording)
                score.circuitDays += Double(recording.samples.count * period) / 86_400
                score.count(findings, due: due, brief: brief, period: period, countsAlarms: trial.countsAlarms)
            }
        }
        return score
    }

    private func row(_ period: Int, _ name: String, _ kind: String, _ devices: Int, _ days: Int, _ score: Score)
        -> [String]
    {
        let interval = score.recallInterval
        let hasDue = score.due > 0
        return [
            "\(period) s", name, kind, devices == 0 ? "" : "\(devices)", "\(days)", hasDue ? "\(score.due)" : "",
            hasDue ? "\(score.found)" : "",
            hasDue ? "\(decimal(interval.low, 3)) to \(decimal(interval.high, 3))" : "",
            hasDue ? decimal(score.f1(falseTrips: score.falseTrips), 3) : "", "\(score.falseTrips)",
            decimal(score.falseTripsPerCircuitDay, 2), "\(score.alarms)",
        ]
    }
}
