import Metering
import Prepaid

/// A recording of a kettle, a vacuum cleaner and a water heater on one circuit, with the power of each: real
/// active and reactive power.
struct TogetherRecording {
    let recording: RecordedPower
    private let heaterRuns: [ClosedRange<Int>]
    private let vacuumRuns: [ClosedRange<Int>]

    /// W: an appliance above this is on.
    private static let on = 200.0

    init(csv text: String) throws {
        recording = try RecordedPower(csv: text)
        let rows = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",").map { Double($0) ?? 0 } }
        let start = recording.samples.first.map { Int($0.at.nanoseconds / 1_000_000_000) } ?? 0
        heaterRuns = Self.runs(rows.map { $0[3] }, from: start) + Self.runs(rows.map { $0[5] }, from: start)
        vacuumRuns = Self.runs(rows.map { $0[4] }, from: start)
    }

    private static func runs(_ watts: [Double], from start: Int) -> [ClosedRange<Int>] {
        var runs: [ClosedRange<Int>] = []
        var begun: Int?
        for (index, value) in (watts + [0]).enumerated() {
            if value > on, begun == nil { begun = index }
            if value <= on, let from = begun {
                runs.append(start + from...start + index - 1)
                begun = nil
            }
        }
        return runs
    }

    /// How a rule did: switch-ons of heaters found, switch-ons of the vacuum cleaner taken for heaters.
    func row(_ name: String, period: Int, trips: [Int]) -> [String] {
        func covers(_ run: ClosedRange<Int>, _ second: Int) -> Bool {
            run.lowerBound - 2 * period <= second && second <= run.lowerBound + 12 + 2 * period
        }
        let found = heaterRuns.filter { run in trips.contains { covers(run, $0) } }
        let wrong = vacuumRuns.filter { run in
            trips.contains { second in covers(run, second) && !heaterRuns.contains { covers($0, second) } }
        }
        return ["\(period) s", name, "\(found.count) of \(heaterRuns.count)", "\(wrong.count) of \(vacuumRuns.count)"]
    }

    func rows() throws -> [[String]] {
        let settings = try MalignantLoadSettings(mode: .trip)
        return MalignantBench.periods.flatMap { period in
            let polled = recording.polled(every: .seconds(period))
            let ours = MalignantReplay(settings: settings).findings(in: polled).filter { $0.action == .trip }
            return [
                row("this detector", period: period, trips: ours.map { Int($0.step.at.nanoseconds / 1_000_000_000) }),
                row("5 of 7 increments", period: period, trips: FiveOfSeven.trips(in: polled.samples)),
            ]
        }
    }
}

/// The rule to beat, as meters have it: of the seven increments that a window of eight samples has over its
/// first, five are in the band with a power factor above the limit.
enum FiveOfSeven {
    private static let limit = 995_000

    /// The second of the first sample of each window that trips; a trip is followed by a new window.
    static func trips(in samples: [PowerSample]) -> [Int] {
        var trips: [Int] = []
        var index = 0
        while index + 8 <= samples.count {
            let first = samples[index]
            let hits = samples[(index + 1)..<(index + 8)].count { isHeater($0, over: first) }
            if hits >= 5 {
                trips.append(Int(first.at.nanoseconds / 1_000_000_000))
                index += 8
            } else {
                index += 1
            }
        }
        return trips
    }

    private static func isHeater(_ sample: PowerSample, over first: PowerSample) -> Bool {
        let power = sample.activeMilliwatts - first.activeMilliwatts
        guard MalignantLoadSettings.standardBand.contains(power), let after = sample.reactiveMillivars,
            let before = first.reactiveMillivars,
            let factor = PowerFactor(activeMilliwatts: power, reactiveMillivars: after - before)
        else { return false }
        return factor.millionths > limit
    }
}
