private import Dispatch
private import Foundation
private import Glibc
public import MeterProfiles
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
    /// The threads that still use a line.
    private let serving = DispatchGroup()
    private let writeLog: Int32

    /// Opens the terminals, links them to the names of the plan and starts to answer.
    /// - Parameter writeLogPath: a file that gets a line of JSON for every write received.
    public init(
        plan: WorldPlan, profiles: ProfileLibrary, writeLogPath: String? = nil
    ) throws {
        let world = try World(plan, profiles: profiles)
        let writeLog = writeLogPath.map { Glibc.open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) } ?? -1
        if writeLogPath != nil, writeLog < 0 {
            throw SimulatorError(description: "\(writeLogPath ?? "") cannot be written; choose another --write-log")
        }
        var lines: [PacedLine] = []
        do {
            for bus in plan.buses { lines.append(try PacedLine(link: bus.link, serial: bus.serial)) }
        } catch {
            for line in lines { line.close() }
            if writeLog >= 0 { Glibc.close(writeLog) }
            throw error
        }
        self.lines = lines
        self.writeLog = writeLog
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

    deinit { if writeLog >= 0 { Glibc.close(writeLog) } }

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

    private func serve(_ index: Int) {
        while !isStopped.load(ordering: .relaxed) {
            guard let (frame, isEarly) = lines[index].receive() else { return }
            statistics.withLock {
                $0[index].requests += 1
                if isEarly { $0[index].earlyRequests += 1 }
                if ServerFrame.parse(frame) == nil { $0[index].unreadableRequests += 1 }
            }
            if frame.isEmpty { continue }
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
