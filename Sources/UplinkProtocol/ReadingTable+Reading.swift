internal import Metering

/// Takes the tables of a batch apart again.
enum ReadingTableReader {
    /// - Parameters:
    ///   - json: the list of tables.
    ///   - others: the records that stand beside them.
    /// - Returns: all entries in the order of their numbers, each of which is there once.
    static func entries(_ json: JSONValue, others: [TelemetryRecord]) throws(FieldProblem) -> [TelemetryEntry] {
        guard let tables = json.array else { throw FieldProblem(field: "batch.tables", reason: "is not a list") }
        var entries = others.map(TelemetryEntry.init)
        for table in tables { entries += try rows(table).map(TelemetryEntry.row) }
        entries.sort { $0.sequence < $1.sequence }
        for (entry, next) in zip(entries, entries.dropFirst()) where entry.sequence == next.sequence {
            throw FieldProblem(field: "batch.tables", value: "\(entry.sequence)", reason: "has this seq twice")
        }
        return entries
    }

    private static func rows(_ json: JSONValue) throws(FieldProblem) -> [ReadingRow] {
        var reader = try ObjectReader(json, name: "table")
        let boot = BootID(rawValue: try reader.text("boot"))
        let trust = try reader.word("trust", ClockTrust.self)
        let channels = try channels(&reader)
        let meters = try meters(&reader)
        let sequences = try sums(try numbers(try reader.value("seq"), "seq"), "seq")
        let count = sequences.count
        let meterColumn = try column("meter", count, &reader)
        let monotonic = try column("monotonic_ms", count, &reader)
        let shifts = try column("clock_ms", count, &reader)
        guard let columns = try reader.value("values").array, columns.count == channels.count else {
            throw reader.problem("values", "is not one column a channel")
        }
        try reader.finish()
        let above = try rowsAbove(meterColumn, meters: meters.count)
        let values = try values(columns, above: above)
        var readings: [ReadingRow] = []
        readings.reserveCapacity(count)
        for index in 0..<count {
            let (nanoseconds, isTooLong) = monotonic[index].multipliedReportingOverflow(by: 1_000_000)
            let (wall, isTooLate) = monotonic[index].addingReportingOverflow(shifts[index])
            guard !isTooLong, !isTooLate else { throw beyond("monotonic_ms") }
            let start = index * channels.count
            readings.append(
                ReadingRow(
                    sequence: sequences[index], meter: meters[Int(meterColumn[index])],
                    at: Timestamp(
                        boot: boot, monotonic: MonotonicTime(nanoseconds: nanoseconds),
                        wall: WallTime(millisecondsSince1970: wall), trust: trust), channels: channels,
                    values: Array(values[start..<start + channels.count])))
        }
        return readings
    }

    /// The values of all rows, one row behind the other.
    private static func values(_ columns: [JSONValue], above: [Int]) throws(FieldProblem) -> [Int64] {
        let width = columns.count
        // Before room is made for them.
        guard columns.allSatisfy({ $0.array?.count == above.count }) else { throw uneven("values") }
        var values = [Int64](repeating: 0, count: width * above.count)
        for (place, column) in columns.enumerated() {
            let differences = column.array ?? []
            for (index, base) in above.enumerated() {
                guard case .integer(let difference) = differences[index] else { throw noWholeNumber("values") }
                let before = base < 0 ? 0 : values[base * width + place]
                let (value, overflow) = before.addingReportingOverflow(difference)
                guard !overflow else { throw beyond("values") }
                values[index * width + place] = value
            }
        }
        return values
    }

    private static func channels(_ reader: inout ObjectReader) throws(FieldProblem) -> [Channel] {
        var channels: [Channel] = []
        for name in try reader.value("channels").array ?? [] {
            guard let text = name.string, let channel = Channel(name: text), channels.last.map({ $0 < channel }) ?? true
            else { throw reader.problem("channels", value: name.canonicalText, "is no channel, or not in order") }
            channels.append(channel)
        }
        return channels
    }

    private static func meters(_ reader: inout ObjectReader) throws(FieldProblem) -> [MeterID] {
        var meters: [MeterID] = []
        for name in try reader.value("meters").array ?? [] {
            guard let meter = name.string.flatMap(MeterID.init) else {
                throw reader.problem("meters", value: name.canonicalText, "must be \(MeterID.rule)")
            }
            meters.append(meter)
        }
        return meters
    }

    /// For each row the one that its values are differences from: the meter's row before; for a meter's first
    /// row the row before it, whatever its meter; -1 for the first.
    private static func rowsAbove(_ column: [Int64], meters: Int) throws(FieldProblem) -> [Int] {
        var latest = [Int](repeating: -1, count: meters)
        var above: [Int] = []
        above.reserveCapacity(column.count)
        for (index, number) in column.enumerated() {
            guard let meter = Int(exactly: number), latest.indices.contains(meter) else {
                throw FieldProblem(field: "table.meter", value: "\(number)", reason: "is not the place of a meter")
            }
            above.append(latest[meter] < 0 ? index - 1 : latest[meter])
            latest[meter] = index
        }
        return above
    }

    private static func column(
        _ name: String, _ count: Int, _ reader: inout ObjectReader
    ) throws(FieldProblem) -> [Int64] {
        let numbers = try numbers(try reader.value(name), name)
        guard numbers.count == count else { throw uneven(name) }
        return try sums(numbers, name)
    }

    private static func numbers(_ json: JSONValue, _ name: String) throws(FieldProblem) -> [Int64] {
        guard let list = json.array else { throw FieldProblem(field: "table.\(name)", reason: "is not a column") }
        var numbers: [Int64] = []
        numbers.reserveCapacity(list.count)
        for value in list {
            guard case .integer(let number) = value else { throw noWholeNumber(name) }
            numbers.append(number)
        }
        return numbers
    }

    private static func sums(_ differences: [Int64], _ name: String) throws(FieldProblem) -> [Int64] {
        var sum: Int64 = 0
        var sums: [Int64] = []
        sums.reserveCapacity(differences.count)
        for difference in differences {
            let (next, overflow) = sum.addingReportingOverflow(difference)
            guard !overflow else { throw beyond(name) }
            sum = next
            sums.append(sum)
        }
        return sums
    }

    private static func noWholeNumber(_ name: String) -> FieldProblem {
        FieldProblem(field: "table.\(name)", reason: "holds something that is not a whole number")
    }

    private static func uneven(_ name: String) -> FieldProblem {
        FieldProblem(field: "table.\(name)", reason: "is not as long as seq")
    }

    private static func beyond(_ name: String) -> FieldProblem {
        FieldProblem(field: "table.\(name)", reason: "is beyond 64 bits")
    }
}
