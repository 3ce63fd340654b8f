internal import Metering

/// Where the columns of a recording are, and how their cells are read.
struct RecordingColumns {
    struct Row {
        let at: MonotonicTime
        /// Nil: a missed reading.
        let activeMilliwatts: Int64?
        let reactiveMillivars: Int64?
    }

    private enum Reactive {
        case none
        case reactive(Int)
        case apparent(Int)
    }

    let isDated: Bool
    private let time: Int
    private let active: Int
    private let reactive: Reactive

    init(header: [Substring], line: Int) throws(RecordingProblem) {
        let names = header.map { $0.lowercased() }
        if let seconds = names.firstIndex(of: "time_s") {
            (time, isDated) = (seconds, false)
        } else if let stamp = names.firstIndex(of: "timestamp") {
            (time, isDated) = (stamp, true)
        } else {
            throw RecordingProblem(
                line: line, what: "no column time_s or timestamp", remedy: "name the column of the time so")
        }
        guard let power = names.firstIndex(of: "active_power_w") else {
            throw RecordingProblem(
                line: line, what: "no column active_power_w", remedy: "name the column of the power in W so")
        }
        active = power
        reactive =
            if let index = names.firstIndex(of: "reactive_power_var") {
                .reactive(index)
            } else if let index = names.firstIndex(of: "apparent_power_va") { .apparent(index) } else { .none }
    }

    func row(_ cells: [Substring], line: Int) throws(RecordingProblem) -> Row {
        let at = try moment(cell(time, of: cells, line: line), line: line)
        let activeText = try cell(active, of: cells, line: line)
        guard !activeText.isEmpty else { return Row(at: at, activeMilliwatts: nil, reactiveMillivars: nil) }
        let activeMilliwatts = try number(activeText, "active_power_w", line: line)
        var reactiveMillivars: Int64?
        switch reactive {
        case .none: break
        case .reactive(let index):
            let text = try cell(index, of: cells, line: line)
            if !text.isEmpty { reactiveMillivars = try number(text, "reactive_power_var", line: line) }
        case .apparent(let index):
            let text = try cell(index, of: cells, line: line)
            if !text.isEmpty {
                reactiveMillivars = PowerSample.reactivePower(
                    apparentMillivoltamperes: try number(text, "apparent_power_va", line: line),
                    activeMilliwatts: activeMilliwatts)
            }
        }
        return Row(at: at, activeMilliwatts: activeMilliwatts, reactiveMillivars: reactiveMillivars)
    }

    private func cell(_ index: Int, of cells: [Substring], line: Int) throws(RecordingProblem) -> Substring {
        guard cells.indices.contains(index) else {
            throw RecordingProblem(
                line: line, what: "\(cells.count) cells, at least \(index + 1) expected",
                remedy: "give every row the columns of the header")
        }
        return cells[index]
    }

    private func moment(_ text: Substring, line: Int) throws(RecordingProblem) -> MonotonicTime {
        if isDated {
            guard let moment = dated(text) else {
                throw RecordingProblem(
                    line: line, what: "timestamp \"\(text.prefix(40))\"", remedy: "write it like 2026-11-21 06:20:00")
            }
            return moment
        }
        return MonotonicTime(nanoseconds: try number(text, "time_s", line: line) * 1_000_000)
    }

    private func number(_ text: Substring, _ column: String, line: Int) throws(RecordingProblem) -> Int64 {
        guard let thousandths = thousandths(text) else {
            throw RecordingProblem(
                line: line, what: "\(column) \"\(text.prefix(40))\" is no number below 10^9",
                remedy: "write it like 2131.5, with a point and without an exponent")
        }
        return thousandths
    }
}

/// A decimal number in thousandths, digits beyond the third dropped; nil for anything else and from 10^9.
func thousandths(_ text: some StringProtocol) -> Int64? {
    let isNegative = text.first == "-"
    let digits = isNegative ? text.dropFirst() : text[...]
    let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, (1...9).contains(whole.utf8.count), parts.allSatisfy(isDigits) else { return nil }
    var value = (Int64(whole) ?? 0) * 1_000
    if parts.count == 2 {
        guard (1...20).contains(parts[1].utf8.count) else { return nil }
        let kept = parts[1].prefix(3)
        value += Int64(kept + String(repeating: "0", count: 3 - kept.count)) ?? 0
    }
    return isNegative ? -value : value
}

private func isDigits(_ text: some StringProtocol) -> Bool {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
}

/// `2026-11-21 06:20:00`, also with `T`, a fraction of a second and `Z`.
private func dated(_ text: Substring) -> MonotonicTime? {
    let text = text.last == "Z" ? text.dropLast() : text
    guard text.utf8.count >= 19 else { return nil }
    let clock = text.dropFirst(11)
    guard let date = CivilDate(iso: String(text.prefix(10))), let separator = text.dropFirst(10).first,
        separator == " " || separator == "T"
    else { return nil }
    let parts = clock.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count == 2, parts[1].count == 2, isDigits(parts[0]), isDigits(parts[1]),
        let hours = Int64(parts[0]), let minutes = Int64(parts[1]), let seconds = thousandths(parts[2]),
        hours < 24, minutes < 60, (0..<60_000).contains(seconds)
    else { return nil }
    // To the year 2199, so that the nanoseconds fit.
    guard (0..<84_006).contains(date.daysSince1970) else { return nil }
    let milliseconds = ((Int64(date.daysSince1970) * 24 + hours) * 60 + minutes) * 60_000 + seconds
    return MonotonicTime(nanoseconds: milliseconds * 1_000_000)
}
