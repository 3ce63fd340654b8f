internal import GRDB
internal import Metering
internal import UplinkProtocol

/// The names of the telemetry file, in memory: there are as many as the site has meters, circuits and
/// kinds of reading, and one for each boot.
struct TelemetryNames {
    private var keys: [String: Int64] = [:]
    private var names: [Int64: String] = [:]
    /// A meter's channels change as rarely as its profile.
    private var channelLists: [Int64: [Channel]] = [:]
    private var meters: [Int64: MeterID] = [:]

    init() {}

    init(_ database: Database) throws {
        for row in try Row.fetchAll(database, sql: "SELECT * FROM name") {
            try RowSeal.check(row, of: .name)
            note(try row.need("name"), key: try row.need("id"))
        }
    }

    /// Nil for a name that was never kept.
    func key(known name: String) -> Int64? { keys[name] }
    func name(_ key: Int64) -> String? { names[key] }
    func channels(_ key: Int64) -> [Channel]? { channelLists[key] }
    func meter(_ key: Int64) -> MeterID? { meters[key] }

    /// The key of a name, which is written to the file where it is new.
    mutating func key(of name: String, in database: Database) throws -> Int64 {
        if let key = keys[name] { return key }
        try database.execute(sql: "INSERT INTO name (name) VALUES (?)", arguments: [name])
        let key = database.lastInsertedRowID
        try RowSeal.seal(.name, where: "id", is: key, in: database)
        note(name, key: key)
        return key
    }

    mutating func key(of channels: [Channel], in database: Database) throws -> Int64 {
        try key(of: channels.map(\.name).joined(separator: ","), in: database)
    }

    private mutating func note(_ name: String, key: Int64) {
        keys[name] = key
        names[key] = name
        meters[key] = MeterID(rawValue: name)
        let channels = name.split(separator: ",").map { Channel(name: String($0)) }
        if channels.allSatisfy({ $0 != nil }) { channelLists[key] = channels.compactMap { $0 } }
    }
}

extension TelemetryNames {
    mutating func keyed(_ at: Timestamp, in database: Database) throws -> KeyedTime {
        KeyedTime(
            boot: try key(of: at.boot.rawValue, in: database),
            monotonicMilliseconds: at.monotonic.nanoseconds / 1_000_000,
            wallMilliseconds: at.wall.millisecondsSince1970, trust: at.trust.code)
    }

    mutating func keyed(_ reading: Reading, in database: Database) throws -> KeyedReading {
        let channels = reading.values.keys.sorted()
        return KeyedReading(
            meter: try key(of: reading.meter.rawValue, in: database), channels: try key(of: channels, in: database),
            time: try keyed(reading.at, in: database), values: channels.compactMap { reading.values[$0] })
    }

    /// Nil where a name is missing or a time is out of range.
    func timestamp(_ time: KeyedTime) -> Timestamp? {
        let (nanoseconds, overflow) = time.monotonicMilliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, let boot = name(time.boot), let trust = ClockTrust(code: time.trust) else { return nil }
        return Timestamp(
            boot: BootID(rawValue: boot), monotonic: MonotonicTime(nanoseconds: nanoseconds),
            wall: WallTime(millisecondsSince1970: time.wallMilliseconds), trust: trust)
    }

    func row(_ keyed: KeyedReading, sequence: Int64) -> ReadingRow? {
        guard let meter = meter(keyed.meter), let channels = channels(keyed.channels),
            channels.count == keyed.values.count, let at = timestamp(keyed.time)
        else { return nil }
        return ReadingRow(sequence: sequence, meter: meter, at: at, channels: channels, values: keyed.values)
    }

    func reading(_ keyed: KeyedReading) -> Reading? { row(keyed, sequence: 0)?.reading }
}
