public import Metering

/// Why a transaction brought nothing, named for what follows.
public enum BusFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing came in time: the device may be dead; its answer may still come.
    case timeout
    /// Something came that is no frame: bad CRC, cut short, noise.
    case badFrame
    /// The device refuses this request (Modbus application protocol, 7): others may work.
    case exception(code: UInt8)
    /// A frame of another unit, or an answer to another question: two devices, or a late reply.
    case wrongAnswer
    /// The port is gone: close it and open it again.
    case portLost(reason: String)

    public var noDataReason: NoDataReason {
        switch self {
        case .timeout: .timeout
        case .badFrame: .badFrame
        case .exception: .exception
        case .wrongAnswer: .wrongUnit
        case .portLost: .busDown
        }
    }

    public var description: String {
        switch self {
        case .timeout: "no answer in time"
        case .badFrame: "an answer that is no valid frame"
        case .exception(let code): "refused with exception \(code)"
        case .wrongAnswer: "an answer of another unit or to another question"
        case .portLost(let reason): "the port is lost: \(reason)"
        }
    }
}

/// Why a port cannot be opened.
public enum PortError: Error, Hashable, Sendable, CustomStringConvertible {
    case absent(path: String)
    case busy(path: String)
    case notPermitted(path: String)
    case notASerialPort(path: String)
    case unreachable(address: String, reason: String)
    case noKernelRS485(path: String)
    case noRTS(path: String)
    /// The driver refuses the rate, the parity or the stop bits: EINVAL of tcsetattr(3).
    case noSuchFormat(path: String, format: String)
    case malformed(address: String)
    case failed(path: String, reason: String)

    public var description: String {
        switch self {
        case .absent(let path):
            "port \(path) does not exist; plug the adapter in, or correct 'port' (ls /dev/serial/by-path)"
        case .busy(let path):
            "port \(path) is in use by another program; stop it (fuser -v \(path)), or choose another port"
        case .notPermitted(let path):
            "port \(path) may not be opened; add the daemon's user to the group dialout"
        case .notASerialPort(let path): "\(path) is not a serial port; correct 'port'"
        case .unreachable(let address, let reason):
            "\(address) cannot be reached: \(reason); check the converter's power and cable, its address and its port"
        case .noKernelRS485(let path):
            "the driver of port \(path) has no RS485 mode; write 'rs485: program' or leave 'rs485' out"
        case .noRTS(let path): "port \(path) has no RTS line; leave 'rs485' out"
        case .noSuchFormat(let path, let format):
            "the driver of port \(path) cannot do \(format); correct 'baud' and 'format', or use another adapter"
        case .malformed(let address):
            "'\(address)' is no port; write a path, tcp://HOST:PORT?framing=rtu or tcp://HOST:PORT?framing=tcp"
        case .failed(let path, let reason): "port \(path) cannot be opened: \(reason); check the adapter"
        }
    }
}
