private import CLinux
private import CModbus
private import Glibc
internal import MeterProfiles
internal import Metering

/// An open serial line. libmodbus opens it, sets its format, seals and sends; what comes in is read here.
final class SerialLine: BusLine {
    private let context: OpaquePointer
    private let descriptor: Int32
    /// Holds the lock that programs respect which do not use TIOCEXCL.
    private let lock: Int32
    /// Where this program moves RTS.
    private let direction: DirectionSwitch?
    private var format: SerialFormat

    init(path: String, serial: SerialFormat, driving: LineDriving) throws(PortError) {
        lock = try Self.lock(path)
        let parity = Int8(bitPattern: UInt8(ascii: serial.parity == .none ? "N" : serial.parity == .even ? "E" : "O"))
        guard let context = modbus_new_rtu(path, Int32(serial.baud), parity, 8, Int32(serial.stopBits)) else {
            let reason = Self.reason(errno)
            Self.release(lock)
            throw .failed(path: path, reason: reason)
        }
        guard modbus_connect(context) == 0 else {
            let code = errno
            modbus_free(context)
            Self.release(lock)
            guard code != EINVAL else {
                throw .noSuchFormat(path: path, format: "\(serial.baud) \(serial.formatText)")
            }
            throw Self.error(code, path: path)
        }
        let descriptor = modbus_get_socket(context)
        // libmodbus waits with select(2): a descriptor of 1024 or more would write past its set.
        guard (0..<1024).contains(descriptor) else {
            modbus_close(context)
            modbus_free(context)
            Self.release(lock)
            throw .failed(path: path, reason: "too many open files")
        }
        _ = clinux_exclude_others(descriptor)
        _ = clinux_deliver_at_once(descriptor)
        self.context = context
        self.descriptor = descriptor
        format = serial
        switch driving {
        case .automatic: direction = nil
        case .kernel(let timing):
            direction = nil
            let isTaken = clinux_set_rs485(
                descriptor, timing.isHighOnSend ? 1 : 0, UInt32(clamping: timing.before.wholeMilliseconds),
                UInt32(clamping: timing.after.wholeMilliseconds))
            guard isTaken == 0 else { throw .noKernelRS485(path: path) }
        case .program(let timing):
            let direction = DirectionSwitch(
                timing: timing, setRTS: { clinux_set_rts(descriptor, $0 ? 1 : 0) == 0 },
                drain: { clinux_drain(descriptor) }, now: Self.now, sleep: Self.sleep)
            self.direction = direction
            guard direction.listen() else { throw .noRTS(path: path) }
        }
    }

    /// Closing alone would leave the port to whoever has copies of the descriptors: a process that was forked from
    /// this one has them until it starts its own program.
    deinit {
        _ = clinux_admit_others(descriptor)
        modbus_close(context)
        modbus_free(context)
        Self.release(lock)
    }

    /// Sets another rate and character format; what came in meanwhile is dropped. Nil when it is set, else
    /// the reason.
    func set(_ serial: SerialFormat) -> String? {
        let parity = CChar(bitPattern: serial.parity.rawValue.utf8.first ?? UInt8(ascii: "N"))
        let isSet = clinux_set_line_format(descriptor, Int32(serial.baud), parity, Int32(serial.stopBits)) == 0
        if isSet { format = serial }
        return isSet ? nil : Self.reason(errno)
    }

    /// Sends a request; libmodbus adds the CRC. Nil when it is on its way, else the reason.
    func send(_ request: [UInt8]) -> String? {
        modbus_set_slave(context, Int32(request[0]))
        guard let direction else { return write(request) }
        return direction.around(format.duration(ofCharacters: Double(request.count + 2))) { write(request) }
    }

    private func write(_ request: [UInt8]) -> String? {
        modbus_send_raw_request(context, request, Int32(request.count)) < 0 ? Self.reason(errno) : nil
    }

    /// Waits for bytes until a moment; with a moment that is past, takes what is there.
    func receive(into buffer: inout [UInt8], until deadline: MonotonicTime) -> Arrival {
        while true {
            let left = max(0, (deadline - SerialLine.now()).wholeNanoseconds)
            if left > 0 {
                let ready = clinux_wait_for_input(descriptor, left)
                if ready < 0 {
                    if errno == EINTR { continue }
                    return .lost(Self.reason(errno))
                }
                if ready == 0 { return .silence }
            }
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 { return .bytes(count) }
            let code = errno
            if count < 0, code == EINTR { continue }
            // The line is set to VMIN 0: an empty one reads as 0 bytes, like one that was hung up. Only
            // where poll(2) promised bytes does it mean the latter.
            if left == 0, count == 0 || code == EAGAIN { return .silence }
            if count < 0, code == EAGAIN { continue }
            return .lost(count == 0 ? "hung up" : Self.reason(code))
        }
    }

    static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func sleep(until moment: MonotonicTime) {
        while case let left = (moment - now()).wholeNanoseconds, left > 0 {
            var request = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            nanosleep(&request, nil)
        }
    }

    private static func lock(_ path: String) throws(PortError) -> Int32 {
        let lock = Glibc.open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard lock >= 0 else { throw error(errno, path: path) }
        guard isatty(lock) == 1 else {
            Glibc.close(lock)
            throw .notASerialPort(path: path)
        }
        guard clinux_lock_exclusively(lock) == 0 else {
            Glibc.close(lock)
            throw .busy(path: path)
        }
        return lock
    }

    private static func release(_ lock: Int32) {
        _ = clinux_unlock(lock)
        Glibc.close(lock)
    }

    private static func error(_ code: Int32, path: String) -> PortError {
        switch code {
        case ENOENT, ENODEV, ENXIO: .absent(path: path)
        case EBUSY: .busy(path: path)
        case EACCES, EPERM: .notPermitted(path: path)
        default: .failed(path: path, reason: reason(code))
        }
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
