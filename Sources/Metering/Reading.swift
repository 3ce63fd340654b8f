/// The values of one meter at one moment, in the unit of each channel's quantity.
public struct Reading: Hashable, Sendable {
    public let meter: MeterID
    public let at: Timestamp
    public let values: [Channel: Int64]

    public init(meter: MeterID, at: Timestamp, values: [Channel: Int64]) {
        self.meter = meter
        self.at = at
        self.values = values
    }

    public subscript(_ channel: Channel) -> Int64? { values[channel] }
    public subscript(_ quantity: Quantity) -> Int64? { values[Channel(quantity)] }
}

/// Why there is no value. A missing value is never shown as a zero.
public enum NoDataReason: String, Hashable, Sendable, CaseIterable {
    /// Not asked yet since the daemon started.
    case neverRead = "never_read"
    /// No answer within the time allowed.
    case timeout
    /// An answer that failed its CRC or was cut short.
    case badFrame = "bad_frame"
    /// The meter refused the request with a Modbus exception.
    case exception
    /// Another unit answered, or two answered at once.
    case wrongUnit = "wrong_unit"
    /// The block was all zeros or all ones, or a value was not a number: no reading.
    case notAReading = "not_a_reading"
    /// The port cannot be used.
    case busDown = "bus_down"
}

/// What is known of a meter now: a reading, or the reason why there is none.
public enum Observation: Hashable, Sendable {
    case reading(Reading)
    case noData(NoDataReason)
}
