/// A request that a line has seen, and what became of it.
public struct RequestRecord: Hashable, Sendable, Codable {
    public let bus: String
    public let unit: UInt8
    /// The function code.
    public let function: UInt8
    public let address: UInt16
    /// CLOCK_MONOTONIC, nanoseconds: the first byte's arrival, and the last character of what followed.
    public let beganNanoseconds: Int64
    public let endedNanoseconds: Int64
    /// It began before 3.5 characters of silence had passed.
    public let isEarly: Bool
    public let isAnswered: Bool
    /// From the request's end to the answer's start; 0 without one.
    public let turnaroundNanoseconds: Int64

    init(
        bus: String, frame: [UInt8], began: Int64, ended: Int64, isEarly: Bool, isAnswered: Bool, turnaround: Int64
    ) {
        self.bus = bus
        unit = frame.first ?? 0
        function = frame.count > 1 ? frame[1] : 0
        address = frame.count > 3 ? UInt16(frame[2]) << 8 | UInt16(frame[3]) : 0
        beganNanoseconds = began
        endedNanoseconds = ended
        self.isEarly = isEarly
        self.isAnswered = isAnswered
        turnaroundNanoseconds = turnaround
    }

    enum CodingKeys: String, CodingKey {
        case bus, unit, function, address
        case beganNanoseconds = "began_ns"
        case endedNanoseconds = "ended_ns"
        case isEarly = "early"
        case isAnswered = "answered"
        case turnaroundNanoseconds = "turnaround_ns"
    }

    /// One line of JSON.
    public var jsonText: String {
        """
        {"bus":"\(bus)","unit":\(unit),"function":\(function),"address":\(address),"began_ns":\(beganNanoseconds),\
        "ended_ns":\(endedNanoseconds),"early":\(isEarly),"answered":\(isAnswered),\
        "turnaround_ns":\(turnaroundNanoseconds)}
        """
    }
}
