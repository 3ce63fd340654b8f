import Foundation

/// One appliance on one day, as recorded: active power by second, nil where nothing was recorded.
struct ApplianceTrace {
    let appliance: Appliance
    let device: String
    let day: String
    /// W, from the first second on.
    let watts: [Float?]
    let firstSecond: Int

    /// Two rows of the same value further apart than this are the ends of a gap.
    static let longestHold = 10

    /// Reads `appliance,device,day,second_of_day,active_power_w`, run-length: a row when the value changes.
    static func read(path: String) throws -> [ApplianceTrace] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var traces: [ApplianceTrace] = []
        var key: [Substring] = []
        var rows: [(second: Int, watts: Float)] = []
        func finish() {
            guard key.count == 3, let trace = ApplianceTrace(key: key, rows: rows) else { return }
            traces.append(trace)
        }
        for line in text.split(separator: "\n").dropFirst() {
            let cells = line.split(separator: ",")
            guard cells.count == 5, let second = Int(cells[3]), let watts = Float(cells[4]) else {
                throw TraceProblem(description: "\(path): not a row of a recording: \(line.prefix(80))")
            }
            // The set has a few days of two recordings after one another.
            if Array(cells[0..<3]) != key || second < rows.last?.second ?? second {
                finish()
                key = Array(cells[0..<3])
                rows = []
            }
            rows.append((second, watts))
        }
        finish()
        return traces
    }

    private init?(key: [Substring], rows: [(second: Int, watts: Float)]) {
        guard let first = rows.first, let last = rows.last, first.second >= 0, last.second < 200_000 else { return nil }
        var watts = [Float?](repeating: nil, count: last.second - first.second + 1)
        for (row, next) in zip(rows, rows.dropFirst()) where next.second > row.second {
            let isGap = next.watts == row.watts && next.second - row.second > Self.longestHold
            let end = isGap ? row.second : next.second - 1
            for second in row.second...end { watts[second - first.second] = row.watts }
        }
        watts[last.second - first.second] = last.watts
        self.watts = watts
        appliance = .named(String(key[0]))
        device = String(key[1])
        day = String(key[2])
        firstSecond = first.second
    }

    /// The times in which the appliance was on: above `share` of the day's largest power and at least
    /// `leastWatts`, for `leastSeconds` or more.
    func switchedOn(leastWatts: Float, share: Float, leastSeconds: Int) -> [ClosedRange<Int>] {
        let largest = watts.lazy.compactMap { $0 }.max() ?? 0
        let threshold = max(leastWatts, largest * share)
        var runs: [ClosedRange<Int>] = []
        var start: Int?
        for (index, value) in watts.enumerated() {
            let isOn = (value ?? 0) >= threshold
            if isOn, start == nil { start = index }
            if !isOn, let begun = start {
                if index - begun >= leastSeconds { runs.append(begun + firstSecond...index - 1 + firstSecond) }
                start = nil
            }
        }
        return runs
    }
}

struct TraceProblem: Error, CustomStringConvertible {
    let description: String
}
