import Metering
import Prepaid

/// What the detector did on some circuits.
struct Score {
    var circuitDays = 0.0
    /// Switch-ons to be found, and how many were.
    var due = 0
    var found = 0
    /// Trips at other times.
    var falseTrips = 0
    var alarms = 0
    var chopped = 0

    static func + (left: Score, right: Score) -> Score {
        Score(
            circuitDays: left.circuitDays + right.circuitDays, due: left.due + right.due,
            found: left.found + right.found, falseTrips: left.falseTrips + right.falseTrips,
            alarms: left.alarms + right.alarms, chopped: left.chopped + right.chopped)
    }

    /// The 95 % interval of the recall by Wilson: what so few switch-ons can prove.
    var recallInterval: (low: Double, high: Double) {
        guard due > 0 else { return (0, 1) }
        let (count, z) = (Double(due), 1.96)
        let centre = (recall + z * z / (2 * count)) / (1 + z * z / count)
        let margin =
            z / (1 + z * z / count) * (recall * (1 - recall) / count + z * z / (4 * count * count)).squareRoot()
        return (centre - margin, min(1, centre + margin))
    }

    /// With no false trip seen in so many circuit-days the true rate is below this, at 95 % (rule of three).
    var falseTripsUpperBound: Double {
        circuitDays == 0
            ? .infinity : (falseTrips == 0 ? 3 : Double(falseTrips) + 2 * Double(falseTrips).squareRoot()) / circuitDays
    }

    var recall: Double { due == 0 ? 1 : Double(found) / Double(due) }
    var falseTripsPerCircuitDay: Double { circuitDays == 0 ? 0 : Double(falseTrips) / circuitDays }

    func f1(falseTrips: Int) -> Double {
        let missed = due - found
        return due == 0 ? 1 : 2 * Double(found) / (2 * Double(found) + Double(missed + falseTrips))
    }

    /// Judges findings by the times in which a forbidden appliance was on, in seconds.
    /// - Parameters:
    ///   - runs: those to be found.
    ///   - brief: those too short to be asked for: no miss, and no false trip either.
    mutating func count(
        _ findings: [MalignantFinding], due runs: [ClosedRange<Int>], brief: [ClosedRange<Int>], period: Int,
        countsAlarms: Bool
    ) {
        due += runs.count
        var wasFound = [Bool](repeating: false, count: runs.count)
        for finding in findings where finding.action != .off {
            if finding.verdict == .chopped { chopped += 1 }
            // Where other loads moved just before, the step begins with them: it is on until it was judged.
            let from = Int(finding.step.at.nanoseconds / 1_000_000_000)
            let judged = from + Int(finding.step.lasting.components.seconds)
            func covers(_ run: ClosedRange<Int>) -> Bool {
                run.lowerBound - 2 * period <= judged && from <= run.upperBound + period
            }
            if let run = runs.firstIndex(where: covers) {
                if finding.action == .trip || countsAlarms { wasFound[run] = true }
            } else if brief.contains(where: covers) {
                continue
            } else if finding.action == .trip {
                falseTrips += 1
            } else {
                alarms += 1
            }
        }
        found += wasFound.count { $0 }
    }
}
