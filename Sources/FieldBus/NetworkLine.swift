private import CLinux
private import CModbus
private import Glibc
internal import MeterProfiles
internal import Metering

/// A connection to a serial converter, a Modbus gateway or a meter with Ethernet. libmodbus connects, and
/// wraps requests where the framing is Modbus TCP.
final class NetworkLine: BusLine {
    private let context: OpaquePointer
    private let descriptor: Int32
    private let framing: PortAddress.Framing
    /// What came in and is no whole Modbus TCP frame yet.
    private var unwrapped: [UInt8] = []

    private static let connectSeconds: UInt32 = 3
    /// A converter that takes no data for so long is gone, though nobody said so.
    private static let patienceMilliseconds: Int32 = 10_000
    /// Transaction, protocol, length (Modbus messaging on TCP/IP implementation guide, 3.1.3).
    private static let headerLength = 6

    init(host: String, port: UInt16, framing: PortAddress.Framing) throws(PortError) {
        let name = "tcp://\(host):\(port)"
        guard let context = modbus_new_tcp_pi(host, String(port)) else {
            throw .failed(path: name, reason: Self.reason(errno))
        }
        modbus_set_response_timeout(context, Self.connectSeconds, 0)
        guard modbus_connect(context) == 0 else {
            let reason = Self.reason(errno)
            modbus_free(context)
            throw .unreachable(address: name, reason: reason)
        }
        self.context = context
        descriptor = modbus_get_socket(context)
        self.framing = framing
        var patience = Self.patienceMilliseconds
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &patience, socklen_t(MemoryLayout<Int32>.size))
        var isOn: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &isOn, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        modbus_close(context)
        modbus_free(context)
    }

    func send(_ request: [UInt8]) -> String? {
        unwrapped = []
        switch framing {
        case .tcp:
            modbus_set_slave(context, Int32(request[0]))
            let sent = modbus_send_raw_request(context, request, Int32(request.count))
            return sent < 0 ? Self.reason(errno) : nil
        case .rtu:
            let frame = request + RTUFrame.crc(request)
            let sent = Glibc.send(descriptor, frame, frame.count, Int32(MSG_NOSIGNAL))
            if sent == frame.count { return nil }
            return sent < 0 ? Self.reason(errno) : "the connection takes no more data"
        }
    }

    func receive(into buffer: inout [UInt8], until deadline: MonotonicTime) -> Arrival {
        while true {
            let left = max(0, (deadline - SerialLine.now()).wholeNanoseconds)
            let ready = clinux_wait_for_input(descriptor, left)
            if ready < 0 {
                if errno == EINTR { continue }
                return .lost(Self.reason(errno))
            }
            if ready == 0 { return .silence }
            let count = Glibc.recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else {
                return .lost(count == 0 ? "the other end closed the connection" : Self.reason(errno))
            }
            if framing == .rtu { return .bytes(count) }
            unwrapped += buffer[..<count]
            let frames = takeFrames(most: buffer.count)
            guard !frames.isEmpty else { continue }
            buffer.replaceSubrange(0..<frames.count, with: frames)
            return .bytes(frames.count)
        }
    }

    /// The rate is the converter's affair.
    func set(_ serial: SerialFormat) -> String? { "the rate of a network port is set at its other end" }

    /// Takes whole frames off what came in, as RTU frames.
    private func takeFrames(most: Int) -> [UInt8] {
        var frames: [UInt8] = []
        while unwrapped.count > Self.headerLength {
            let length = Int(unwrapped[4]) << 8 | Int(unwrapped[5])
            guard unwrapped[2] == 0, unwrapped[3] == 0, (2...254).contains(length) else {
                // No Modbus TCP: it is handed on as it is, and found to be noise.
                defer { unwrapped = [] }
                return Array((frames + unwrapped).prefix(most))
            }
            guard unwrapped.count >= Self.headerLength + length, frames.count + length + 2 <= most else { break }
            let frame = Array(unwrapped[Self.headerLength..<(Self.headerLength + length)])
            frames += frame + RTUFrame.crc(frame)
            unwrapped.removeFirst(Self.headerLength + length)
        }
        return frames
    }

    private static func reason(_ code: Int32) -> String { String(cString: modbus_strerror(code)) }
}
