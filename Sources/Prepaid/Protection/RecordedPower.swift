internal import Metering

/// What is wrong with a line of a recording.
public struct RecordingProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    public let what: String
    public let remedy: String

    public var description: String { "line \(line): \(what): \(remedy)" }
}

/// The power of one circuit as recorded, read from comma-separated text with a header line.
///
/// | column | unit |
/// | --- | --- |
/// | `time_s` | seconds from any zero, up to three decimals; or |
/// | `timestamp` | `2026-11-21 06:20:00`, also with `T`, a fraction and `Z`; its zone does not matter |
/// | `active_power_w` | W, up to three decimals |
/// | `reactive_power_var` | var, may be left out; or |
/// | `apparent_power_va` | VA: the reactive power is √(S²−P²) |
///
/// Other columns are passed over, and so are empty lines and lines that begin with `#`. An empty
/// active power is a missed reading. Times must rise.
public struct RecordedPower: Hashable, Sendable {
    public let samples: [PowerSample]
    /// Whether times are given by date.
    public let isDated: Bool

    /// 12 days of samples a second.
    public static let largestCount = 1_048_576
    public static let longestLineBytes = 4_096

    public init(samples: [PowerSample], isDated: Bool = false) {
        self.samples = samples
        self.isDated = isDated
    }

    public init(csv text: String) throws(RecordingProblem) {
        var columns: RecordingColumns?
        var samples: [PowerSample] = []
        var previous: MonotonicTime?
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            guard let first = line.first(where: { !$0.isWhitespace }), first != "#" else { continue }
            let number = index + 1
            guard line.utf8.count <= Self.longestLineBytes else {
                throw RecordingProblem(
                    line: number, what: "more than \(Self.longestLineBytes) bytes", remedy: "is this a CSV file?")
            }
            let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(trimmed)
            guard let known = columns else {
                columns = try RecordingColumns(header: cells, line: number)
                continue
            }
            let row = try known.row(cells, line: number)
            if let previous, row.at <= previous {
                throw RecordingProblem(
                    line: number, what: "the time is not after the line before", remedy: "sort the rows by time")
            }
            previous = row.at
            guard let active = row.activeMilliwatts else { continue }
            guard samples.count < Self.largestCount else {
                throw RecordingProblem(
                    line: number, what: "more than \(Self.largestCount) samples", remedy: "split the recording")
            }
            samples.append(
                PowerSample(at: row.at, activeMilliwatts: active, reactiveMillivars: row.reactiveMillivars))
        }
        guard let columns else {
            throw RecordingProblem(
                line: 1, what: "no header", remedy: "begin with: time_s,active_power_w,reactive_power_var")
        }
        self.init(samples: samples, isDated: columns.isDated)
    }

    /// The recording as a slower poll would have seen it: the first sample at or after each due time.
    public func polled(every period: Duration) -> RecordedPower {
        guard period >= .milliseconds(1), let first = samples.first else { return self }
        var due = first.at
        var kept: [PowerSample] = []
        for sample in samples where sample.at >= due {
            kept.append(sample)
            let late = (sample.at - first.at).wholeNanoseconds / period.wholeNanoseconds
            due = first.at + period * Int(late + 1)
        }
        return RecordedPower(samples: kept, isDated: isDated)
    }
}

private func trimmed(_ text: Substring) -> Substring {
    var text = text.drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
    return text
}
