public import Metering

/// A reading as a row: its values in the order of its channels. Many readings share one list of channels, which
/// makes a row far cheaper than the dictionary of a `Reading`.
public struct ReadingRow: Hashable, Sendable {
    public let sequence: Int64
    public let meter: MeterID
    public let at: Timestamp
    /// Sorted, each once.
    public let channels: [Channel]
    /// In the unit of each channel's quantity; as many as there are channels.
    public let values: [Int64]

    public init(sequence: Int64, meter: MeterID, at: Timestamp, channels: [Channel], values: [Int64]) {
        self.sequence = sequence
        self.meter = meter
        self.at = at
        self.channels = channels
        self.values = values
    }

    public init(sequence: Int64, reading: Reading) {
        let channels = reading.values.keys.sorted()
        self.init(
            sequence: sequence, meter: reading.meter, at: reading.at, channels: channels,
            values: channels.compactMap { reading.values[$0] })
    }

    public var reading: Reading {
        Reading(meter: meter, at: at, values: Dictionary(zip(channels, values)) { first, _ in first })
    }
}

/// One entry of the telemetry log on its way out.
public enum TelemetryEntry: Hashable, Sendable {
    case row(ReadingRow)
    /// As `TelemetryRecord.Body.gap`.
    case gap(sequence: Int64, count: Int64, reason: String)

    public init(_ record: TelemetryRecord) {
        switch record.body {
        case .reading(let reading): self = .row(ReadingRow(sequence: record.sequence, reading: reading))
        case .gap(let count, let reason): self = .gap(sequence: record.sequence, count: count, reason: reason)
        }
    }

    public var sequence: Int64 {
        switch self {
        case .row(let row): row.sequence
        case .gap(let sequence, _, _): sequence
        }
    }

    public var isGap: Bool { if case .gap = self { true } else { false } }

    public var record: TelemetryRecord {
        switch self {
        case .row(let row): TelemetryRecord(sequence: row.sequence, body: .reading(row.reading))
        case .gap(let sequence, let count, let reason):
            TelemetryRecord(sequence: sequence, body: .gap(count: count, reason: reason))
        }
    }

    /// About the length of its canonical JSON.
    public var estimatedBytes: Int {
        switch self {
        case .row(let row): 200 + 32 * row.channels.count
        case .gap(_, _, let reason): 64 + reason.utf8.count
        }
    }
}
