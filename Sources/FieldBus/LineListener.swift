public import MeterProfiles
internal import Metering

/// What was heard on a line while nobody here said anything.
public struct HeardBytes: Hashable, Sendable {
    /// Whole frames with a valid CRC.
    public let frames: Int
    /// Of the rest, the zeros: what a UART makes of a break.
    public let breakBytes: Int
    public let garbageBytes: Int

    /// Takes bytes apart as they came in.
    public init(_ bytes: [UInt8]) {
        var (frames, breaks, garbage) = (0, 0, 0)
        var head = 0
        while head < bytes.count {
            if let length = RTUFrame.wholeFrame(bytes[head...]) {
                frames += 1
                head += length
            } else {
                if bytes[head] == 0 { breaks += 1 } else { garbage += 1 }
                head += 1
            }
        }
        (self.frames, breakBytes, garbageBytes) = (frames, breaks, garbage)
    }
}

/// Listens to a serial port that nobody else has open.
public enum LineListener {
    /// No line says more in the time of a test.
    private static let mostBytes = 4096

    /// Blocks for `duration`.
    public static func listen(
        to path: String, in serial: SerialFormat, driving: LineDriving = .automatic, for duration: Duration
    ) throws(PortError) -> HeardBytes {
        let line = try SerialLine(path: path, serial: serial, driving: driving)
        let end = SerialLine.now() + duration
        var buffer = [UInt8](repeating: 0, count: 512)
        var heard: [UInt8] = []
        while heard.count < mostBytes {
            guard case .bytes(let count) = line.receive(into: &buffer, until: end) else { break }
            heard += buffer[..<count]
        }
        return HeardBytes(heard)
    }
}
