internal import BusSurvey
internal import Concentrator
internal import MeterProfiles
internal import Metering
internal import UplinkProtocol

/// A bus as JSON. Times are in microseconds where their name says so; what is not known is null.
enum BusJSON {
    private static let window: Duration = .seconds(10)

    static func bus(_ snapshot: BusSnapshot) -> JSONValue {
        let tally = snapshot.tally
        let load = tally.load(over: window, at: snapshot.at)
        let serial = snapshot.configuration.serial
        return .object([
            "bus": .string(snapshot.configuration.id.rawValue), "port": .string(snapshot.configuration.port),
            "baud": .integer(Int64(serial.baud)), "format": .string(serial.formatText),
            "open": .boolean(snapshot.isOpen),
            "load_per_mille": .integer(Int64(load.values.reduce(0, +))),
            "load_per_mille_by_purpose": .object(
                named(BusPurpose.allCases.map { ($0.rawValue, Int64(load[$0] ?? 0)) })),
            "transactions_per_second_tenths": .integer(Int64(tally.rateTenths(over: window, at: snapshot.at))),
            "transactions": .object(named(tally.transactions.all.map { ($0.purpose.rawValue, Int64($0.value)) })),
            "failures": .object(named(tally.failures.map { ($0.key.rawValue, Int64($0.value)) })),
            "microseconds_by_phase": .object(
                named(BusPhase.allCases.map { ($0.rawValue, microseconds(tally.busyByPhase[$0])) })),
            "microseconds_by_purpose": .object(
                named(BusPurpose.allCases.map { ($0.rawValue, microseconds(tally.busyByPurpose[$0])) })),
            "breaker_writes": times(tally.orderDelays),
            "findings": .array(snapshot.findings.map { .string($0.description) }),
            "units": .array(snapshot.meters.keys.sorted().map { unit($0, snapshot) }),
        ])
    }

    static func troubles(_ troubles: [Trouble]) -> JSONValue {
        .array(
            troubles.map { trouble in
                .object([
                    "bus": .string(trouble.bus.rawValue),
                    "unit": trouble.unit.map { .integer(Int64($0)) } ?? .null,
                    "meter": trouble.meter.map { .string($0.rawValue) } ?? .null, "words": .string(trouble.words),
                ])
            })
    }

    static func line(_ line: TraceLine, of traced: TracedTransaction, now: Timestamp) -> JSONValue {
        let wall = now.wall + (.zero - (now.monotonic - line.at))
        return .object([
            "at_ms": .integer(wall.millisecondsSince1970), "bus": .string(traced.bus.rawValue),
            "unit": .integer(Int64(line.unit)), "meter": traced.meter.map { .string($0.rawValue) } ?? .null,
            "for": .string(traced.purpose.rawValue), "what": .string(line.direction.rawValue),
            "after_us": line.after.map { .integer(microseconds($0)) } ?? .null, "words": .string(line.words),
            "bytes": .string(FrameWords.hexadecimal(line.bytes)),
        ])
    }

    /// From a decision to the first byte of its write.
    private static func times(_ times: ResponseTimes) -> JSONValue {
        func time(_ duration: Duration?) -> JSONValue { duration.map { .integer(microseconds($0)) } ?? .null }
        return .object([
            "count": .integer(Int64(times.count)), "median_us": time(times.quantile(perMille: 500)),
            "p99_us": time(times.quantile(perMille: 990)), "longest_us": time(times.longest),
        ])
    }

    private static func unit(_ unit: UInt8, _ snapshot: BusSnapshot) -> JSONValue {
        let tally = snapshot.tally.units[unit]
        func time(_ duration: Duration?) -> JSONValue { duration.map { .integer(microseconds($0)) } ?? .null }
        return .object([
            "unit": .integer(Int64(unit)), "meter": snapshot.meters[unit].map { .string($0.rawValue) } ?? .null,
            "transactions": .integer(Int64(tally?.transactions ?? 0)),
            "failures": .object(named((tally?.failures ?? [:]).map { ($0.key.rawValue, Int64($0.value)) })),
            "median_us": time(tally?.responseTimes.quantile(perMille: 500)),
            "p99_us": time(tally?.responseTimes.quantile(perMille: 990)),
            "longest_us": time(tally?.responseTimes.longest),
            "last_answer_ms": tally?.lastAnswerAt.map { .integer((snapshot.at - $0).wholeMilliseconds) } ?? .null,
        ])
    }

    static func microseconds(_ duration: Duration) -> Int64 { duration.wholeNanoseconds / 1000 }

    private static func named(_ pairs: [(String, Int64)]) -> [String: JSONValue] {
        Dictionary(pairs.map { ($0.0, .integer($0.1)) }) { first, _ in first }
    }
}
