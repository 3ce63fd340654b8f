public import Metering

/// What came of one request, and what it cost.
public struct BusTransaction: Sendable {
    public let unit: UInt8
    /// The request without its CRC.
    public let request: [UInt8]
    /// All bytes that came in while its answer was awaited, a local echo left out.
    public let received: [UInt8]
    /// Registers, or bits as 0 and 1; empty for a write that was echoed.
    public let result: Result<[UInt16], BusFault>
    /// The first byte's way out.
    public let sentAt: MonotonicTime
    /// From the request's last character on the wire to the first byte of what came back; nil when
    /// nothing did.
    public let turnaround: Duration?
    /// The last byte, or the end of the wait.
    public let endedAt: MonotonicTime
    /// What the line showed beside the answer, before the request and after it.
    public internal(set) var notes: [LineNote]

    public var duration: Duration { endedAt - sentAt }
}
