private import CLinux
private import CModbus
private import Glibc
public import MeterProfiles
public import Metering
private import Threading

/// What came of one request, and what it cost.
public struct BusTransaction: Sendable {
    /// Registers, or bits as 0 and 1; empty for a write that was echoed.
    public let result: Result<[UInt16], BusFault>
    /// The first byte's way out.
    public let sentAt: MonotonicTime
    /// The last byte, or the end of the wait.
    public let endedAt: MonotonicTime

    public var duration: Duration { endedAt - sentAt }
}

/// One RS485 port and its only owner, on a thread of its own. libmodbus opens the line, sets its
/// format and sends; the silence between frames, the answer and its checks are kept here.
public actor BusPort {
    public nonisolated let path: String
    public nonisolated let serial: SerialFormat

    private let executor: ThreadExecutor
    private var line: Line?
    private var freeAt = MonotonicTime.zero

    /// A pause within one answer that ends it: USB adapters and UARTs deliver in bursts.
    private static let longestPauseInAnswer: Duration = .milliseconds(40)
    /// What may be drained after an error before the line counts as babbling.
    private static let longestDrain: Duration = .milliseconds(200)

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public init(bus: BusID, path: String, serial: SerialFormat) {
        self.path = path
        self.serial = serial
        executor = ThreadExecutor(name: "bus-\(bus)")
    }

    public var isOpen: Bool { line != nil }

    /// Opens the port and keeps other programs away from it.
    public func open() throws(PortError) {
        guard line == nil else { return }
        line = try Line(path: path, serial: serial)
        freeAt = Self.now() + serial.interFrameSilence
    }

    public func close() { line = nil }

    /// Reads registers or bits.
    /// - Parameter timeout: until the first byte of the answer, counted from the request's last byte.
    public func read(unit: UInt8, _ request: ReadRequest, timeout: Duration) -> BusTransaction {
        exchange(RTUFrame.request(unit: unit, read: request), expected: .values(request), timeout: timeout)
    }

    /// Writes; done means that the device repeated the write, not that anything moved.
    public func write(unit: UInt8, _ write: RelayWrite, timeout: Duration) -> BusTransaction {
        exchange(RTUFrame.request(unit: unit, write: write), expected: .echo, timeout: timeout)
    }

    private func exchange(_ request: [UInt8], expected: ExpectedAnswer, timeout: Duration) -> BusTransaction {
        guard let line else {
            let now = Self.now()
            return BusTransaction(result: .failure(.portLost(reason: "not open")), sentAt: now, endedAt: now)
        }
        Self.wait(until: freeAt)
        line.discardInput()
        let sentAt = Self.now()
        if let reason = line.send(request) { return lose(reason, since: sentAt) }
        let requestOut = sentAt + serial.duration(ofCharacters: Double(request.count + 2))
        var assembler = AnswerAssembler(request: request, expected: expected)
        var lastByteAt = requestOut
        var buffer = [UInt8](repeating: 0, count: 512)
        var state = AnswerAssembler.State.waiting
        while state == .waiting {
            let deadline =
                assembler.hasReceivedAny
                ? lastByteAt + Self.longestPauseInAnswer
                : requestOut + timeout
            switch line.receive(into: &buffer, until: deadline) {
            case .bytes(let count):
                lastByteAt = Self.now()
                state = assembler.take(buffer[..<count])
            case .silence: state = assembler.stateAtSilence
            case .lost(let reason): return lose(reason, since: sentAt)
            }
        }
        let endedAt = Self.now()
        freeAt = max(lastByteAt, requestOut) + serial.interFrameSilence
        switch state {
        case .done(let words): return BusTransaction(result: .success(words), sentAt: sentAt, endedAt: endedAt)
        case .failed(let fault):
            if case .exception = fault {} else { drain(line) }
            return BusTransaction(result: .failure(fault), sentAt: sentAt, endedAt: endedAt)
        case .waiting: return lose("no state", since: sentAt)
        }
    }

    /// Reads away what is still coming until the line is silent, so that it cannot be taken for the next
    /// answer.
    private func drain(_ line: Line) {
        let limit = Self.now() + Self.longestDrain
        var buffer = [UInt8](repeating: 0, count: 512)
        var quietUntil = Self.now() + serial.interFrameSilence
        while quietUntil < limit, case .bytes = line.receive(into: &buffer, until: quietUntil) {
            quietUntil = Self.now() + max(serial.interFrameSilence, Self.longestPauseInAnswer)
        }
        freeAt = Self.now() + serial.interFrameSilence
    }

    private func lose(_ reason: String, since sentAt: MonotonicTime) -> BusTransaction {
        line = nil
        return BusTransaction(result: .failure(.portLost(reason: reason)), sentAt: sentAt, endedAt: Self.now())
    }

    fileprivate static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Sleeps to a measured moment: early is a protocol error, late costs bus time.
    private static func wait(until moment: MonotonicTime) {
        while case let left = (moment - now()).wholeNanoseconds, left > 0 {
            var request = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            nanosleep(&request, nil)
        }
    }
}

/// An open serial line.
private final class Line {
    enum Arrival {
        case bytes(Int)
        case silence
        case lost(String)
    }

    private let context: OpaquePointer
    private let descriptor: Int32
    /// Holds the lock that programs respect which do not use TIOCEXCL.
    private let lock: Int32

    init(path: String, serial: SerialFormat) throws(PortError) {
        lock = try Self.lock(path)
        let parity = Int8(bitPattern: UInt8(ascii: serial.parity == .none ? "N" : serial.parity == .even ? "E" : "O"))
        guard let context = modbus_new_rtu(path, Int32(serial.baud), parity, 8, Int32(serial.stopBits)) else {
            let reason = Self.reason(errno)
            Glibc.close(lock)
            throw .failed(path: path, reason: reason)
        }
        guard modbus_connect(context) == 0 else {
            let code = errno
            modbus_free(context)
            Glibc.close(lock)
            throw Self.error(code, path: path)
        }
        let descriptor = modbus_get_socket(context)
        // libmodbus waits with select(2): a descriptor of 1024 or more would write past its set.
        guard (0..<1024).contains(descriptor) else {
            modbus_close(context)
            modbus_free(context)
            Glibc.close(lock)
            throw .failed(path: path, reason: "too many open files")
        }
        _ = clinux_exclude_others(descriptor)
        self.context = context
        self.descriptor = descriptor
    }

    deinit {
        modbus_close(context)
        modbus_free(context)
        Glibc.close(lock)
    }

    func discardInput() { modbus_flush(context) }

    /// Sends a request; libmodbus adds the CRC. Nil when it is on its way, else the reason.
    func send(_ request: [UInt8]) -> String? {
        modbus_set_slave(context, Int32(request[0]))
        let sent = modbus_send_raw_request(context, request, Int32(request.count))
        return sent < 0 ? Self.reason(errno) : nil
    }

    /// Waits for bytes until a moment.
    func receive(into buffer: inout [UInt8], until deadline: MonotonicTime) -> Arrival {
        while true {
            let left = max(0, (deadline - BusPort.now()).wholeNanoseconds)
            let ready = clinux_wait_for_input(descriptor, left)
            if ready < 0 {
                if errno == EINTR { continue }
                return .lost(Self.reason(errno))
            }
            if ready == 0 { return .silence }
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 { return .bytes(count) }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            return .lost(count == 0 ? "hung up" : Self.reason(errno))
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
