internal import Metering

/// Readings of one kind as columns: names once, numbers as differences. `docs/uplink.md`, section 5.1, explains
/// the JSON; everything in it is a whole number, so nothing is rounded on the way.
struct ReadingTable {
    let boot: BootID
    let trust: ClockTrust
    let channels: [Channel]
    private var meters: [MeterID] = []
    private var meterNumbers: [MeterID: Int] = [:]
    /// For each meter its latest row, of those below.
    private var latest: [Int] = []
    // Row by row.
    private var meterColumn: [Int64] = []
    private var sequences: [Int64] = []
    private var milliseconds: [Int64] = []
    private var clockShifts: [Int64] = []
    /// The values of all rows, one row behind the other, and their differences from the row they are told against.
    private var values: [Int64] = []
    private var differences: [Int64] = []

    init(for row: ReadingRow) {
        boot = row.at.boot
        trust = row.at.trust
        channels = row.channels
    }

    func takes(_ row: ReadingRow) -> Bool {
        row.at.trust == trust && row.at.boot == boot && row.channels == channels
    }

    /// - Returns: false, and nothing is changed, where a difference is beyond 64 bits.
    mutating func append(_ row: ReadingRow) -> Bool {
        let width = channels.count
        guard row.values.count == width, let shift = row.at.clockShift else { return false }
        if let last = milliseconds.last, let lastShift = clockShifts.last {
            guard !row.at.milliseconds.subtractingReportingOverflow(last).overflow,
                !shift.subtractingReportingOverflow(lastShift).overflow
            else { return false }
        }
        let known = meterNumbers[row.meter]
        // A meter's first row is told against the row before it, whatever its meter.
        let base = known.map { latest[$0] } ?? sequences.count - 1
        let start = differences.count
        for column in 0..<width {
            let before = base < 0 ? 0 : values[base * width + column]
            let (difference, overflow) = row.values[column].subtractingReportingOverflow(before)
            guard !overflow else {
                differences.removeLast(differences.count - start)
                return false
            }
            differences.append(difference)
        }
        values += row.values
        let number = known ?? meters.count
        if known == nil {
            meterNumbers[row.meter] = number
            meters.append(row.meter)
            latest.append(0)
        }
        latest[number] = sequences.count
        meterColumn.append(Int64(number))
        sequences.append(row.sequence)
        milliseconds.append(row.at.milliseconds)
        clockShifts.append(shift)
        return true
    }

    /// Appends the table as JSON with sorted keys.
    func write(to bytes: inout [UInt8]) {
        bytes += "{\"boot\":".utf8
        bytes += JSONValue.string(boot.rawValue).canonicalBytes()
        bytes += ",\"channels\":".utf8
        bytes += JSONValue.array(channels.map { .string($0.name) }).canonicalBytes()
        bytes += ",\"clock_ms\":".utf8
        writeDifferences(clockShifts, to: &bytes)
        bytes += ",\"meter\":".utf8
        writeDifferences(meterColumn, to: &bytes)
        bytes += ",\"meters\":".utf8
        bytes += JSONValue.array(meters.map { .string($0.rawValue) }).canonicalBytes()
        bytes += ",\"monotonic_ms\":".utf8
        writeDifferences(milliseconds, to: &bytes)
        bytes += ",\"seq\":".utf8
        writeDifferences(sequences, to: &bytes)
        bytes += ",\"trust\":\"\(trust.rawValue)\",\"values\":[".utf8
        for column in channels.indices {
            if column > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "["))
            var place = column
            while place < differences.count {
                if place > column { bytes.append(UInt8(ascii: ",")) }
                differences[place].appendDecimal(to: &bytes)
                place += channels.count
            }
            bytes.append(UInt8(ascii: "]"))
        }
        bytes += "]}".utf8
    }

    /// Each number less the one before it.
    private func writeDifferences(_ numbers: [Int64], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        var before: Int64?
        for number in numbers {
            if before != nil { bytes.append(UInt8(ascii: ",")) }
            (number &- (before ?? 0)).appendDecimal(to: &bytes)
            before = number
        }
        bytes.append(UInt8(ascii: "]"))
    }
}

extension Timestamp {
    fileprivate var milliseconds: Int64 { monotonic.nanoseconds / 1_000_000 }

    /// Wall clock less monotonic clock: constant while nobody sets the clock. Nil beyond 64 bits.
    fileprivate var clockShift: Int64? {
        let (shift, overflow) = wall.millisecondsSince1970.subtractingReportingOverflow(milliseconds)
        return overflow ? nil : shift
    }
}

extension Int64 {
    /// As JSON writes it.
    func appendDecimal(to bytes: inout [UInt8]) {
        if self < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = magnitude
        let zero = UInt8(ascii: "0")
        // Most differences are short.
        if rest < 100 {
            let (tens, ones) = rest.quotientAndRemainder(dividingBy: 10)
            if tens > 0 { bytes.append(zero + UInt8(truncatingIfNeeded: tens)) }
            bytes.append(zero + UInt8(truncatingIfNeeded: ones))
            return
        }
        let start = bytes.count
        while rest > 0 {
            bytes.append(zero + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        }
        var (low, high) = (start, bytes.count - 1)
        while low < high {
            bytes.swapAt(low, high)
            (low, high) = (low + 1, high - 1)
        }
    }
}

/// Entries of the telemetry log as tables, and as records in full where that is not possible.
struct TelemetryColumns {
    private(set) var tables: [ReadingTable] = []
    /// Gaps, and readings whose differences do not fit.
    private(set) var others: [TelemetryRecord] = []

    init(_ entries: [TelemetryEntry]) {
        for entry in entries {
            guard case .row(let row) = entry else {
                others.append(entry.record)
                continue
            }
            if !append(row) { others.append(entry.record) }
        }
    }

    private mutating func append(_ row: ReadingRow) -> Bool {
        // From the newest: rows of one kind mostly come together.
        if let index = tables.lastIndex(where: { $0.takes(row) }) { return tables[index].append(row) }
        var table = ReadingTable(for: row)
        guard table.append(row) else { return false }
        tables.append(table)
        return true
    }

    func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        for (index, table) in tables.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            table.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }
}
