import MeterProfiles
import MeterSimulation
import Metering

/// What the simulator's own record of a line says, within a window of its clock.
struct LineFigures {
    private let requests: [RequestRecord]

    init(_ requests: [RequestRecord], from: Int64, until: Int64) {
        self.requests = requests.filter { (from...until).contains($0.beganNanoseconds) }
    }

    var count: Int { requests.count }
    var earlyCount: Int { requests.count(where: \.isEarly) }

    /// The mean time between two readings of the same value of the same meter, seconds.
    func scanPeriod(units: some Sequence<Int>) -> Double {
        var periods: [Double] = []
        for unit in units {
            let starts = requests.filter { Int($0.unit) == unit && $0.address == 0 && $0.isAnswered }
                .map(\.beganNanoseconds)
            guard let first = starts.first, let last = starts.last, starts.count > 1 else { continue }
            periods.append(Double(last - first) / 1e9 / Double(starts.count - 1))
        }
        return periods.isEmpty ? .infinity : periods.reduce(0, +) / Double(periods.count)
    }

    /// The longest time without an answer, seconds.
    var longestStall: Double {
        let ends = requests.filter(\.isAnswered).map(\.endedNanoseconds)
        return zip(ends, ends.dropFirst()).map { Double($1 - $0) / 1e9 }.max() ?? .infinity
    }

    /// When each unit's last value of a whole poll was answered first.
    func firstWholePoll(of unit: Int) -> Int64? {
        requests.first { Int($0.unit) == unit && $0.address == 342 && $0.isAnswered }?.endedNanoseconds
    }

    /// When each write of a coil began.
    var writes: [Int64] { requests.filter { $0.function == 5 }.map(\.beganNanoseconds) }

    /// From a request's first character until the line is free for the next: with the silence after it.
    func longestTransaction(baud: Int) -> Double {
        let silence = SerialFormat(baud: baud, parity: .none, stopBits: 1).interFrameSilence / .seconds(1)
        let longest = requests.filter(\.isAnswered).map { $0.endedNanoseconds - $0.beganNanoseconds }.max()
        return longest.map { Double($0) / 1e9 + silence } ?? 0
    }

    /// What a scan takes at least: the same values, the mean turnaround, the silence kept and no more.
    static func optimum(baud: Int, meters: Int) throws -> Double {
        let profiles = try ProfileLibrary(files: [("six-values.yaml", Poller.profile)])
        guard let profile = profiles["six-values"] else { throw BenchFailure(what: "no profile") }
        let plan = ReadPlan(
            wanted: profile.registers, limits: profile.limits,
            serial: SerialFormat(baud: baud, parity: .none, stopBits: 1), turnaround: .microseconds(7500))
        return plan.duration / .seconds(1) * Double(meters)
    }
}
