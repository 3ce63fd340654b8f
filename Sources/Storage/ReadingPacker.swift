internal import Metering

/// A reading with its names as keys of the file's name tables.
struct KeyedReading: Hashable {
    var meter: Int64
    /// The channels, in the order of the values.
    var channels: Int64
    var time: KeyedTime
    var values: [Int64]
}

/// A moment in whole milliseconds.
struct KeyedTime: Hashable {
    init() {}

    init(boot: Int64, monotonicMilliseconds: Int64, wallMilliseconds: Int64, trust: Int64) {
        self.boot = boot
        self.monotonicMilliseconds = monotonicMilliseconds
        self.wallMilliseconds = wallMilliseconds
        self.trust = trust
    }

    var boot: Int64 = 0
    var monotonicMilliseconds: Int64 = 0
    var wallMilliseconds: Int64 = 0
    var trust: Int64 = 0

    /// What a clock that nobody touches keeps constant within a boot.
    fileprivate var offset: Int64 { wallMilliseconds &- monotonicMilliseconds }

    /// Small numbers where both are of one boot.
    func differences(from other: KeyedTime) -> [Int64] {
        [
            boot &- other.boot, trust &- other.trust, monotonicMilliseconds &- other.monotonicMilliseconds,
            offset &- other.offset,
        ]
    }

    /// The inverse; nil where the bytes end.
    init?(differences reader: inout PackedReader, from other: KeyedTime) {
        guard let boot = reader.next(), let trust = reader.next(), let elapsed = reader.next(),
            let shift = reader.next()
        else { return nil }
        self.boot = other.boot &+ boot
        self.trust = other.trust &+ trust
        monotonicMilliseconds = other.monotonicMilliseconds &+ elapsed
        wallMilliseconds = monotonicMilliseconds &+ (other.offset &+ shift)
    }
}

/// Packs readings as differences from the same meter's reading before, and from the time before. Both
/// sides keep what they have seen, so a run of readings can be read from its start only.
///
/// One reading is: meter × 4 + 2 if boot or trust changed + 1 if the channels changed; the channels and
/// how many; boot and trust; the monotonic time since the reading before; the change of wall − monotonic;
/// the change of each value. All are zigzag varints.
struct ReadingPacker {
    private struct Known {
        var channels: Int64
        var values: [Int64]
    }

    private var meters: [Int64: Known] = [:]
    private var time = KeyedTime()

    /// A bound on what a damaged count can make the reader allocate.
    private static let mostChannels = 1000

    mutating func pack(_ reading: KeyedReading, into writer: inout PackedWriter) {
        let isKnown =
            meters[reading.meter].map { $0.channels == reading.channels && $0.values.count == reading.values.count }
            ?? false
        let isSameBoot = reading.time.boot == time.boot && reading.time.trust == time.trust
        writer.append(reading.meter << 2 | (isSameBoot ? 0 : 2) | (isKnown ? 0 : 1))
        if !isKnown {
            writer.append(reading.channels)
            writer.append(Int64(reading.values.count))
        }
        if !isSameBoot {
            writer.append(reading.time.boot)
            writer.append(reading.time.trust)
        }
        writer.append(reading.time.monotonicMilliseconds &- time.monotonicMilliseconds)
        writer.append(reading.time.offset &- time.offset)
        let before = isKnown ? meters[reading.meter]?.values : nil
        for (index, value) in reading.values.enumerated() { writer.append(value &- (before?[index] ?? 0)) }
        note(reading)
    }

    /// Nil where the bytes make no reading.
    mutating func unpack(_ reader: inout PackedReader) -> KeyedReading? {
        guard let head = reader.next() else { return nil }
        var reading = KeyedReading(meter: head >> 2, channels: 0, time: time, values: [])
        if head & 1 == 1 {
            guard let channels = reader.next(), let count = reader.next(), (0...Int64(Self.mostChannels)) ~= count
            else { return nil }
            reading.channels = channels
            reading.values = [Int64](repeating: 0, count: Int(count))
        } else {
            guard let known = meters[reading.meter] else { return nil }
            reading.channels = known.channels
            reading.values = known.values
        }
        if head & 2 == 2 {
            guard let boot = reader.next(), let trust = reader.next() else { return nil }
            reading.time.boot = boot
            reading.time.trust = trust
        }
        guard let elapsed = reader.next(), let shift = reader.next() else { return nil }
        reading.time.monotonicMilliseconds = time.monotonicMilliseconds &+ elapsed
        reading.time.wallMilliseconds = reading.time.monotonicMilliseconds &+ (time.offset &+ shift)
        for index in reading.values.indices {
            guard let change = reader.next() else { return nil }
            reading.values[index] &+= change
        }
        note(reading)
        return reading
    }

    private mutating func note(_ reading: KeyedReading) {
        meters[reading.meter] = Known(channels: reading.channels, values: reading.values)
        time = reading.time
    }
}
