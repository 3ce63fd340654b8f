import Board
import Concentrator
import FieldBus
import Foundation
import Glibc
import Logging
import MeterProfiles
import Metering
import Prepaid

/// The daemon's own bus service on a line, asked for more than the line can give.
struct Poller {
    let mailbox = BusMailbox()
    private let task: Task<Void, Never>

    /// The six values of the comparison, and a relay board.
    static let profile = """
        id: six-values
        title: Six values of an Eastron SDM120
        source: the bench
        serial: { baud: 9600, format: 8N1 }
        limits: { registers_per_read: 80, allows_gaps: true, response_timeout_ms: 400 }
        defaults: { table: input, encoding: float32, order: ABCD }
        registers:
          - { channel: voltage, address: 0, unit: V }
          - { channel: current, address: 6, unit: A }
          - { channel: active_power, address: 12, unit: W }
          - { channel: power_factor, address: 30, unit: "1" }
          - { channel: frequency, address: 70, unit: Hz }
          - { channel: energy_total, address: 342, unit: kWh }
        """
    static let board = """
        id: board
        title: Relay board
        source: the bench
        serial: { baud: 9600, format: 8N1 }
        limits: { registers_per_read: 8, response_timeout_ms: 300 }
        relay:
          power_up: open
          coils: 8
        """

    init(_ line: SimulatedLine) throws {
        let profiles = try ProfileLibrary(files: [("six-values.yaml", Self.profile), ("board.yaml", Self.board)])
        guard let bus = BusID(rawValue: "bus1") else { throw BenchFailure(what: "no name for the bus") }
        let serial = SerialFormat(baud: line.setting.baud, parity: .none, stopBits: 1)
        let period = Duration.milliseconds(100)
        let clock = GatewayClock(system: try SystemClock(), source: .assumed)
        let configuration = BusConfiguration(id: bus, port: line.port, serial: serial)
        let service = BusService(
            configuration: configuration, port: BusPort(bus: bus, path: line.port, serial: serial), mailbox: mailbox,
            profiles: profiles, periods: .init(fast: period, normal: period, slow: period), clock: clock,
            progress: Progress(), watch: BusWatch(configuration: configuration, now: clock.monotonicNow()),
            logger: Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }, report: { _ in })
        var meters: [SiteMeter] = []
        for unit in 1...line.setting.meters {
            meters.append(try Self.meter("M-\(unit)", bus, unit, "six-values"))
        }
        if line.setting.hasRelayBoard {
            meters.append(try Self.meter("R-1", bus, SimulatedLine.relayUnit, "board"))
        }
        mailbox.setDevices(meters)
        task = Task { await service.run() }
    }

    /// Orders a point of the relay board.
    /// - Returns: when, by the simulator's clock.
    func order(point: Int, _ position: BreakerPosition) throws -> Int64 {
        guard let bus = BusID(rawValue: "bus1"), let circuit = CircuitID(rawValue: "C-\(point)"),
            let device = UnitAddress(bus: bus, unit: UInt8(SimulatedLine.relayUnit))
        else { throw BenchFailure(what: "no name for the order") }
        let decidedAt = Self.now()
        mailbox.send(
            BreakerOrder(
                circuit: circuit, breaker: BreakerAddress(device: device, point: point), position: position,
                rule: .forcedOff, decidedAt: try SystemClock().monotonicNow()))
        return decidedAt
    }

    func end() async {
        task.cancel()
        mailbox.wake()
        await task.value
    }

    /// CLOCK_MONOTONIC, nanoseconds.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Processor seconds of this program so far.
    static func processorSeconds() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    private static func meter(_ name: String, _ bus: BusID, _ unit: Int, _ profile: String) throws -> SiteMeter {
        guard let id = MeterID(rawValue: name), let address = UnitAddress(bus: bus, unit: UInt8(unit)) else {
            throw BenchFailure(what: "no name for \(name)")
        }
        return SiteMeter(id: id, address: address, profile: profile)
    }
}

struct BenchFailure: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
