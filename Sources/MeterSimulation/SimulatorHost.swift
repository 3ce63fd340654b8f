private import CLinux
private import Foundation
private import Glibc
public import MeterProfiles
private import Metering
private import Synchronization

/// What the line of one bus has seen.
public struct LineStatistics: Hashable, Sendable {
    public var requests = 0
    /// Requests that began before 3.5 characters of silence had passed.
    public var earlyRequests = 0
    public var unreadableRequests = 0
}

/// Why the simulator cannot run.
public struct SimulatorError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
}

/// A world on real pseudo terminals: one a bus, each with a thread that keeps the pace of the line.
public final class SimulatorHost: Sendable {
    private let world: Mutex<World>
    private let statistics: Mutex<[LineStatistics]>
    private let isStopped = Atomic(false)
    private let started: Int64
    private let links: [String]
    private let lines: [PacedLine]
    private let writeLog: Int32

    /// Opens the terminals, links them to the names of the plan and starts to answer.
    /// - Parameter writeLogPath: a file that gets a line of JSON for every write received.
    public init(
        plan: WorldPlan, profiles: ProfileLibrary, writeLogPath: String? = nil
    ) throws {
        let world = try World(plan, profiles: profiles)
        var lines: [PacedLine] = []
        for bus in plan.buses { lines.append(try PacedLine(link: bus.link, serial: bus.serial)) }
        self.lines = lines
        links = plan.buses.map(\.link)
        self.world = Mutex(world)
        statistics = Mutex(plan.buses.map { _ in LineStatistics() })
        started = Self.now()
        writeLog = writeLogPath.map { Glibc.open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) } ?? -1
        if writeLogPath != nil, writeLog < 0 {
            throw SimulatorError(description: "\(writeLogPath ?? "") cannot be written; choose another --write-log")
        }
        for index in lines.indices {
            let thread = Thread { [self] in serve(index) }
            thread.name = "line-\(index + 1)"
            thread.start()
        }
    }

    deinit { if writeLog >= 0 { Glibc.close(writeLog) } }

    /// Stops answering and removes the links.
    public func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        for link in links { unlink(link) }
        for line in lines { line.close() }
    }

    /// Reads or changes the world at this moment.
    public func withWorld<Value>(_ body: (inout World) -> Value) -> Value {
        world.withLock { world in
            world.advance(toNanoseconds: Self.now() - started)
            return body(&world)
        }
    }

    public var lineStatistics: [LineStatistics] { statistics.withLock { $0 } }

    private func serve(_ index: Int) {
        while !isStopped.load(ordering: .relaxed) {
            guard let (frame, isEarly) = lines[index].receive() else { return }
            statistics.withLock {
                $0[index].requests += 1
                if isEarly { $0[index].earlyRequests += 1 }
                if ServerFrame.parse(frame) == nil { $0[index].unreadableRequests += 1 }
            }
            let (reply, write) = withWorld { world in
                let before = world.writes.count
                let reply = world.answer(frame, bus: index)
                return (reply, world.writes.count > before ? world.writes.last : nil)
            }
            if let write { log(write) }
            if !reply.bytes.isEmpty { lines[index].answer(reply) }
        }
    }

    private func log(_ write: ReceivedWrite) {
        guard writeLog >= 0 else { return }
        let line = Array((write.jsonText + "\n").utf8)
        _ = Glibc.write(writeLog, line, line.count)
    }

    fileprivate static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// The master side of one pseudo terminal, at the pace of a serial line.
private final class PacedLine: Sendable {
    private let master: Int32
    private let slave: Int32
    private let serial: SerialFormat
    /// When the line was last in use, as its pace says.
    private let busyUntil = Mutex<Int64>(0)

    init(link: String, serial: SerialFormat) throws(SimulatorError) {
        var path = [CChar](repeating: 0, count: 128)
        var slave: Int32 = -1
        master = clinux_open_pty(&path, UInt(path.count), &slave)
        guard master >= 0 else {
            throw SimulatorError(
                description: "no pseudo terminal: \(String(cString: strerror(errno))); is /dev/pts mounted?")
        }
        self.slave = slave
        self.serial = serial
        unlink(link)
        guard symlink(path, link) == 0 else {
            throw SimulatorError(
                description: "\(link) cannot be made: \(String(cString: strerror(errno))); choose another 'link'")
        }
    }

    func close() {
        Glibc.close(slave)
        Glibc.close(master)
    }

    /// The next request, once its last byte would have arrived on a real line, and whether it came too
    /// early. Nil when the line is closed.
    func receive() -> (frame: [UInt8], isEarly: Bool)? {
        var frame: [UInt8] = []
        var firstByteAt: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 512)
        while true {
            // A request that does not go on is given up after half a second.
            let ready = clinux_wait_for_input(master, frame.isEmpty ? 200_000_000 : 500_000_000)
            if ready == 0 {
                guard frame.isEmpty else { return (frame, false) }
                clinux_rest_pty(slave)
                continue
            }
            let count = ready > 0 ? Glibc.read(master, &buffer, buffer.count) : -1
            guard count > 0 else { return nil }
            if frame.isEmpty { firstByteAt = SimulatorHost.now() }
            frame += buffer[..<count]
            guard let length = ServerFrame.requestLength(frame), frame.count >= length else { continue }
            let silence = serial.interFrameSilence.wholeNanoseconds
            let isEarly = busyUntil.withLock { firstByteAt < $0 + silence }
            pass(characters: frame.count, from: firstByteAt)
            return (frame, isEarly)
        }
    }

    /// Sends an answer so that its last byte arrives when it would on the line.
    func answer(_ reply: BusReply) {
        let start = busyUntil.withLock { $0 } + reply.turnaround.wholeNanoseconds
        Self.sleep(until: start)
        pass(characters: reply.bytes.count, from: start)
        _ = Glibc.write(master, reply.bytes, reply.bytes.count)
    }

    /// Waits while characters are on the wire.
    private func pass(characters: Int, from start: Int64) {
        let end = start + serial.duration(ofCharacters: Double(characters)).wholeNanoseconds
        busyUntil.withLock { $0 = end }
        Self.sleep(until: end)
    }

    private static func sleep(until moment: Int64) {
        while case let left = moment - SimulatorHost.now(), left > 0 {
            var request = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            nanosleep(&request, nil)
        }
    }
}

extension ReceivedWrite {
    /// One line of JSON: when, where, what, and what it moved.
    public var jsonText: String {
        let (function, address, value) =
            switch write {
            case .coil(let address, let value): (5, address, value ? "[65280]" : "[0]")
            case .register(let address, let value): (6, address, "[\(value)]")
            case .registers(let address, let values): (16, address, "\(values)")
            }
        let moved = point.map { ",\"point\":\($0),\"closed\":\(isClosed ?? false)" } ?? ""
        let time = String(format: "%.3f", at)
        return """
            {"at_s":\(time),"bus":"\(bus)","unit":\(unit),"device":"\(device)","function":\(function),\
            "address":\(address),"values":\(value)\(moved)}
            """
    }
}
