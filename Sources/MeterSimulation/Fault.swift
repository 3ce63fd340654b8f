/// What a simulated meter does wrong.
public enum Fault: String, Hashable, Sendable, CaseIterable {
    /// No answer at all.
    case dead
    /// Answers after 600 ms.
    case slow
    /// Answers after the asker has given up, into the next question.
    case lateReply = "late_reply"
    case badCRC = "bad_crc"
    /// Half of the answer.
    case truncated
    /// Every request is refused with exception 4.
    case exception
    /// Every register reads zero, as after a power-up.
    case zeros
    /// The counter starts again at zero, once.
    case counterReset = "counter_reset"
    /// The counter jumps to just below its roll-over, once.
    case rollOver = "roll_over"
    /// Stray bytes before the answer.
    case noise
    /// The request comes back before the answer.
    case echo
    /// Answers with the address of another unit.
    case wrongUnit = "wrong_unit"
    /// A second device with the same address answers too, a little later: mostly into the first answer.
    case sharedAddress = "shared_address"

    /// Acts once when it is switched on, on the counter.
    public var isEvent: Bool { self == .counterReset || self == .rollOver }
}

/// A fault that comes and goes by the world's own clock.
public struct PlannedFault: Hashable, Sendable {
    public let fault: Fault
    /// Seconds after the start.
    public let from: Double
    public let until: Double

    public init(fault: Fault, from: Double, until: Double) {
        self.fault = fault
        self.from = from
        self.until = until
    }
}
