private import CLinux
private import Glibc
internal import MeterProfiles
private import Metering
private import Synchronization

/// The master side of one pseudo terminal, at the pace of a serial line.
final class PacedLine: Sendable {
    private let master: Int32
    private let slave: Int32
    private let slavePath: String
    private let link: String
    private let serial: SerialFormat
    private let behaviour: WorldPlan.LineBehaviour
    /// When the line was last in use, as its pace says.
    private let busyUntil = Mutex<Int64>(0)
    private let isEnded = Atomic(false)

    /// How long a thread may not notice that the line is ended.
    private static let longestNap: Int64 = 50_000_000

    /// - Parameter link: the stable name; a link that stands there is replaced, nothing else is.
    init(
        link: String, serial: SerialFormat, behaviour: WorldPlan.LineBehaviour
    ) throws(SimulatorError) {
        var status = stat()
        if lstat(link, &status) == 0, status.st_mode & S_IFMT != S_IFLNK {
            throw SimulatorError(description: "\(link) is there already and no link; choose another 'link'")
        }
        var path = [CChar](repeating: 0, count: 128)
        var slave: Int32 = -1
        let master = clinux_open_pty(&path, UInt(path.count), &slave)
        guard master >= 0 else {
            throw SimulatorError(
                description: "no pseudo terminal: \(String(cString: strerror(errno))); is /dev/pts mounted?")
        }
        // A program that sets nothing speaks as the line does.
        let parity = CChar(bitPattern: serial.parity.rawValue.utf8.first ?? UInt8(ascii: "N"))
        _ = clinux_set_line_format(slave, Int32(serial.baud), parity, Int32(serial.stopBits))
        clinux_rest_pty(slave)
        unlink(link)
        guard symlink(path, link) == 0 else {
            let reason = String(cString: strerror(errno))
            Glibc.close(slave)
            Glibc.close(master)
            throw SimulatorError(description: "\(link) cannot be made: \(reason); choose another 'link'")
        }
        // Bytes that nobody takes are lost, as on a wire; they must not hold the line.
        _ = fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK)
        self.master = master
        self.slave = slave
        self.link = link
        self.serial = serial
        self.behaviour = behaviour
        slavePath = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Makes `receive` and `answer` return soon.
    func end() { isEnded.store(true, ordering: .relaxed) }

    /// Closes the terminal, and removes the link where it still leads here. No thread may use the line.
    func close() {
        var target = [CChar](repeating: 0, count: 128)
        let count = readlink(link, &target, target.count)
        if count > 0, String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) == slavePath {
            unlink(link)
        }
        Glibc.close(slave)
        Glibc.close(master)
    }

    struct Arrival {
        /// Empty when nobody here can read it.
        let frame: [UInt8]
        let beganAt: Int64
        /// It began before 3.5 characters of silence had passed.
        let isEarly: Bool
        /// Its devices do not take it.
        let isDropped: Bool
    }

    /// The next request, once its last byte would have arrived on a real line. Nil when the line is ended.
    func receive() -> Arrival? {
        var frame: [UInt8] = []
        var firstByteAt: Int64 = 0
        var lastByteAt: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 512)
        while !isEnded.load(ordering: .relaxed) {
            let ready = clinux_wait_for_input(master, Self.longestNap)
            if ready == 0 {
                // A request that does not go on is given up after half a second.
                if !frame.isEmpty, Self.now() - lastByteAt > 500_000_000 {
                    return Arrival(frame: frame, beganAt: firstByteAt, isEarly: false, isDropped: false)
                }
                if frame.isEmpty {
                    clinux_rest_pty(slave)
                    deliver(idleBytes[...])
                }
                continue
            }
            if ready < 0, errno == EINTR { continue }
            let count = ready > 0 ? Glibc.read(master, &buffer, buffer.count) : -1
            // What poll(2) promised may have been flushed at the other end before it was read.
            if ready > 0, count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { return nil }
            lastByteAt = Self.now()
            if frame.isEmpty { firstByteAt = lastByteAt }
            frame += buffer[..<count]
            guard let length = ServerFrame.requestLength(frame), frame.count >= length else { continue }
            switch behaviour.wiring {
            case .echo: deliver(frame[...])
            case .swapped:
                deliver([0])
                return Arrival(frame: [], beganAt: firstByteAt, isEarly: false, isDropped: false)
            case .sound, .noise, .secondMaster, .unterminated: break
            }
            let silence = serial.interFrameSilence.wholeNanoseconds
            let isEarly = busyUntil.withLock { firstByteAt < $0 + silence }
            // In another format it is noise to every device here.
            guard isInLineFormat else {
                return Arrival(frame: [], beganAt: firstByteAt, isEarly: false, isDropped: false)
            }
            pass(characters: frame.count, from: firstByteAt)
            return Arrival(
                frame: frame, beganAt: firstByteAt, isEarly: isEarly,
                isDropped: isEarly && behaviour.dropsEarlyRequests)
        }
        return nil
    }

    /// What an idle line with this wiring brings in, every 50 ms.
    private var idleBytes: [UInt8] {
        switch behaviour.wiring {
        case .sound, .echo, .unterminated: []
        case .swapped: [0]
        case .noise: [0xFE, 0x83]
        // Unit 9 is asked for a register.
        case .secondMaster: [0x09, 0x03, 0x00, 0x00, 0x00, 0x01, 0x85, 0x42]
        }
    }

    /// When the line was last in use, as its pace says.
    var endOfUse: Int64 { busyUntil.withLock { $0 } }

    /// Sends an answer so that its last byte arrives when it would on the line.
    func answer(_ reply: BusReply) {
        // No device knows before 3.5 characters of silence that the request is over.
        let isWhole = behaviour.wiring != .unterminated
        let reply = isWhole ? reply : BusReply(bytes: reply.bytes.map { $0 ^ 0x41 }, turnaround: reply.turnaround)
        let start = endOfUse + max(reply.turnaround, serial.interFrameSilence).wholeNanoseconds
        sleep(until: start)
        switch behaviour.delivery {
        case .frames:
            pass(characters: reply.bytes.count, from: start)
            deliver(reply.bytes[...])
        case .fifo: deliverInBursts(reply.bytes, from: start)
        }
    }

    /// A 16550 tells of eight characters at once, and of fewer when four characters of silence have passed.
    private func deliverInBursts(_ bytes: [UInt8], from start: Int64) {
        let character = serial.duration(ofCharacters: 1).wholeNanoseconds
        busyUntil.withLock { $0 = start + Int64(bytes.count) * character }
        var sent = 0
        while sent + 8 <= bytes.count {
            sleep(until: start + Int64(sent + 8) * character)
            deliver(bytes[sent..<(sent + 8)])
            sent += 8
        }
        guard sent < bytes.count else { return }
        sleep(until: start + Int64(bytes.count + 4) * character)
        deliver(bytes[sent...])
    }

    private func deliver(_ bytes: ArraySlice<UInt8>) {
        guard !isEnded.load(ordering: .relaxed) else { return }
        _ = Glibc.write(master, Array(bytes), bytes.count)
    }

    /// Whether the program at the other end has set the rate and parity of this line. Stop bits do not
    /// keep two devices from understanding one another.
    private var isInLineFormat: Bool {
        var baud: Int32 = 0
        var parity: CChar = 0
        guard clinux_pty_format(slave, &baud, &parity) == 0 else { return true }
        return baud == serial.baud && UInt8(bitPattern: parity) == serial.parity.rawValue.utf8.first
    }

    /// Nanoseconds of CLOCK_MONOTONIC.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Waits while characters are on the wire.
    private func pass(characters: Int, from start: Int64) {
        let end = start + serial.duration(ofCharacters: Double(characters)).wholeNanoseconds
        busyUntil.withLock { $0 = end }
        sleep(until: end)
    }

    private func sleep(until moment: Int64) {
        while !isEnded.load(ordering: .relaxed), case let left = moment - Self.now(), left > 0 {
            var request = timespec(tv_sec: 0, tv_nsec: Int(min(left, Self.longestNap)))
            nanosleep(&request, nil)
        }
    }
}
