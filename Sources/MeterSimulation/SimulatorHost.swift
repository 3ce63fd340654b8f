private import CLinux
private import Dispatch
private import Foundation
private import Glibc
public import MeterProfiles
internal import Metering
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
    private let lines: [PacedLine]
    private let names: [String]
    /// The threads that still use a line.
    private let serving = DispatchGroup()
    private let writeLog: Int32
    private let requestLog: Int32

    /// Opens the terminals, links them to the names of the plan and starts to answer.
    /// - Parameters:
    ///   - writeLogPath: a file that gets a line of JSON for every write received.
    ///   - requestLogPath: a file that gets a line of JSON for every request.
    public init(
        plan: WorldPlan, profiles: ProfileLibrary, writeLogPath: String? = nil, requestLogPath: String? = nil
    ) throws {
        let world = try World(plan, profiles: profiles)
        let writeLog = try Self.openLog(writeLogPath, option: "--write-log")
        let requestLog = try Self.openLog(requestLogPath, option: "--request-log")
        var lines: [PacedLine] = []
        do {
            for bus in plan.buses {
                lines.append(try PacedLine(link: bus.link, serial: bus.serial, behaviour: bus.behaviour))
            }
        } catch {
            for line in lines { line.close() }
            for log in [writeLog, requestLog] where log >= 0 { Glibc.close(log) }
            throw error
        }
        self.lines = lines
        self.writeLog = writeLog
        self.requestLog = requestLog
        names = plan.buses.map(\.name)
        self.world = Mutex(world)
        statistics = Mutex(plan.buses.map { _ in LineStatistics() })
        started = PacedLine.now()
        for index in lines.indices {
            serving.enter()
            let thread = Thread { [self] in
                serve(index)
                serving.leave()
            }
            thread.name = "line-\(index + 1)"
            thread.start()
        }
    }

    deinit { for log in [writeLog, requestLog] where log >= 0 { Glibc.close(log) } }

    /// Stops answering and removes the links. Returns when no thread uses a line any more, so that no byte
    /// reaches a descriptor that has become someone else's.
    public func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        for line in lines { line.end() }
        serving.wait()
        for line in lines { line.close() }
    }

    /// Reads or changes the world at this moment.
    public func withWorld<Value>(_ body: (inout World) -> Value) -> Value {
        world.withLock { world in
            world.advance(toNanoseconds: PacedLine.now() - started)
            return body(&world)
        }
    }

    public var lineStatistics: [LineStatistics] { statistics.withLock { $0 } }

    private static func openLog(_ path: String?, option: String) throws -> Int32 {
        guard let path else { return -1 }
        let log = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard log >= 0 else { throw SimulatorError(description: "\(path) cannot be written; choose another \(option)") }
        return log
    }

    private func serve(_ index: Int) {
        clinux_sharpen_timers_of_this_thread()
        while !isStopped.load(ordering: .relaxed) {
            guard let arrival = lines[index].receive() else { return }
            let (frame, isEarly) = (arrival.frame, arrival.isEarly)
            statistics.withLock {
                $0[index].requests += 1
                if isEarly { $0[index].earlyRequests += 1 }
                if ServerFrame.parse(frame) == nil { $0[index].unreadableRequests += 1 }
            }
            if frame.isEmpty { continue }
            if arrival.isDropped {
                log(arrival, reply: .none, bus: index)
                continue
            }
            let (reply, write) = withWorld { world in
                let before = world.writes.count
                let reply = world.answer(frame, bus: index)
                return (reply, world.writes.count > before ? world.writes.last : nil)
            }
            if let write { log(write) }
            if !reply.bytes.isEmpty { lines[index].answer(reply) }
            log(arrival, reply: reply, bus: index)
        }
    }

    private func log(_ write: ReceivedWrite) { append(write.jsonText, to: writeLog) }

    private func log(_ arrival: PacedLine.Arrival, reply: BusReply, bus index: Int) {
        guard requestLog >= 0 else { return }
        let record = RequestRecord(
            bus: names[index], frame: arrival.frame, began: arrival.beganAt, ended: lines[index].endOfUse,
            isEarly: arrival.isEarly, isAnswered: !reply.bytes.isEmpty,
            turnaround: reply.turnaround.wholeNanoseconds)
        append(record.jsonText, to: requestLog)
    }

    private func append(_ text: String, to log: Int32) {
        guard log >= 0 else { return }
        let line = Array((text + "\n").utf8)
        _ = Glibc.write(log, line, line.count)
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
