public import MeterProfiles
public import Metering
public import Prepaid

/// What a bus tells the site, in the order in which it happened.
public enum BusReport: Sendable {
    /// A device answered: its values (nil for a board, or where they were no reading) and the positions of
    /// its switches.
    case answered(MeterID, values: [Channel: Int64]?, positions: [Int: BreakerPosition], at: Timestamp)
    case failed(MeterID, NoDataReason, at: Timestamp)
    case lost(MeterID, at: Timestamp)
    case found(MeterID, at: Timestamp)
    /// An order ended; what was read back, or nil.
    case orderEnded(BreakerOrder, readBack: BreakerPosition?, at: Timestamp)
    /// A device was found to refuse reads that its model allows.
    case learned(MeterID, profile: String, LearnedHoles)
    /// Something is wrong with the line or a device on it.
    case finding(BusID, LineFinding, at: Timestamp)
    /// Where the relays of the box itself are, by their points.
    case boardRelays([Int: BreakerPosition], at: Timestamp)
    /// A contact of the box has moved.
    case noted(Event, at: Timestamp)
    case busLost(BusID, reason: String, at: Timestamp)
    case busFound(BusID, at: Timestamp)
}
