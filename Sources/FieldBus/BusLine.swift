internal import MeterProfiles
internal import Metering

/// What came in on a line.
enum Arrival {
    case bytes(Int)
    case silence
    case lost(String)
}

/// The way to the devices of one bus. Requests and answers are RTU frames, whatever they are wrapped in.
protocol BusLine: AnyObject {
    /// Sends a request, given without its CRC. Nil when it is on its way, else the reason.
    func send(_ request: [UInt8]) -> String?

    /// Waits for bytes until a moment; with a moment that is past, takes what is there.
    func receive(into buffer: inout [UInt8], until deadline: MonotonicTime) -> Arrival

    /// Sets another rate and character format; what came in meanwhile is dropped. Nil when it is set, else
    /// the reason.
    func set(_ serial: SerialFormat) -> String?
}
