import CLinux
import FieldBus
import Foundation
import Glibc
import MeterProfiles
import MeterSimulation
import Metering
import Testing

/// A simulated bus of three meters on a real pseudo terminal.
private final class Bench {
    let host: SimulatorHost
    let path: String

    init(devices: Int = 3) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "bus-\(UUID().uuidString.prefix(8))").path
        var text = """
            seed: 3
            buses:
              - name: bus1
                link: \(path)
                baud: 115200
                format: 8N1
                turnaround_us: [500, 1500]
                devices:

            """
        for unit in 1...devices {
            text +=
                "      - { name: M-\(unit), unit: \(unit), profile: acrel-ddsy1352-block, energy_wh: \(unit)0000 }\n"
        }
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "etc/profiles")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .map { (name: $0.lastPathComponent, text: try String(contentsOf: $0, encoding: .utf8)) }
        host = try SimulatorHost(
            plan: try WorldPlan(file: "bench", text: text), profiles: try ProfileLibrary(files: files))
    }

    deinit { host.stop() }

    func port() throws -> BusPort {
        BusPort(
            bus: try #require(BusID(rawValue: "bus1")), path: path,
            serial: SerialFormat(baud: 115_200, parity: .none, stopBits: 1))
    }

    func set(_ fault: Fault, on name: String, _ isOn: Bool) {
        host.withWorld { world in
            _ = world.with(name) { if isOn { $0.faults.insert(fault) } else { $0.faults.remove(fault) } }
        }
    }
}

@Suite("A port with real meters at its other end", .serialized)
struct BusPortTests {
    private let bench: Bench
    private let port: BusPort
    private let energy: ReadRequest

    init() async throws {
        bench = try Bench()
        port = try bench.port()
        energy = try #require(ReadRequest(table: .holding, address: 0x215, count: 2))
        try await port.open()
    }

    private func read(_ unit: UInt8, timeout: Duration = .milliseconds(300)) async -> Result<[UInt16], BusFault> {
        await port.read(unit: unit, energy, timeout: timeout).result
    }

    @Test("each meter gives its own value")
    func values() async {
        for unit in 1...3 as ClosedRange<UInt8> { #expect(await read(unit) == .success([0, UInt16(unit) * 1000])) }
    }

    @Test("no request begins before the line has been silent for 3.5 characters")
    func silence() async {
        for _ in 0..<30 {
            for unit in 1...3 as ClosedRange<UInt8> { _ = await read(unit) }
        }
        #expect(bench.host.lineStatistics.first?.requests == 90)
        #expect(bench.host.lineStatistics.first?.earlyRequests == 0)
    }

    @Test("a dead meter costs its time-out and nothing of the others (thingsboard-gateway 474)")
    func dead() async {
        bench.set(.dead, on: "M-2", true)
        #expect(await read(2, timeout: .milliseconds(20)) == .failure(.timeout))
        #expect(await read(1) == .success([0, 1000]))
        #expect(await read(3) == .success([0, 3000]))
    }

    @Test(
        "what is wrong with an answer is told apart",
        arguments: [
            (.badCRC, .badFrame), (.truncated, .badFrame), (.exception, .exception(code: 4)),
            (.wrongUnit, .wrongAnswer),
        ] as [(Fault, BusFault)])
    func spoiled(fault: Fault, expected: BusFault) async {
        bench.set(fault, on: "M-2", true)
        #expect(await read(2) == .failure(expected))
        bench.set(fault, on: "M-2", false)
        #expect(await read(2) == .success([0, 2000]))
    }

    @Test("stray bytes before an answer are stepped over, and counted")
    func noise() async {
        bench.set(.noise, on: "M-1", true)
        let first = await port.read(unit: 1, energy, timeout: .milliseconds(300))
        #expect(first.result == .success([0, 1000]))
        #expect(first.notes == [.noise(bytes: 3)])
    }

    @Test("an adapter's own echo is taken off")
    func echo() async {
        bench.set(.echo, on: "M-1", true)
        #expect(await read(1) == .success([0, 1000]))
    }

    @Test("a late answer is never taken for the next one (SmartEVSE-3.5 11, libmodbus 732)")
    func late() async {
        bench.set(.lateReply, on: "M-1", true)
        #expect(await read(1, timeout: .milliseconds(20)) == .failure(.timeout))
        // The other meters are asked while the late answer is under way: their own value or none.
        for _ in 0..<60 {
            for unit in 2...3 as ClosedRange<UInt8> {
                let result = await read(unit, timeout: .milliseconds(40))
                if case .success(let words) = result { #expect(words == [0, UInt16(unit) * 1000]) }
            }
        }
    }

    @Test("a write is echoed, moves the relay, and is seen by reading back")
    func write() async throws {
        let readback = try #require(ReadRequest(table: .holding, address: 0x224, count: 1))
        let open = await port.write(
            unit: 1, .registers(address: 0x57, values: [1, 1]), timeout: .milliseconds(300))
        #expect(open.result == .success([]))
        #expect(await port.read(unit: 1, readback, timeout: .milliseconds(300)).result == .success([0]))
        #expect(bench.host.withWorld { $0.device("M-1")?.isSupplied } == false)
    }

    @Test("a port has one owner (evcc 17500)")
    func busy() async throws {
        let second = try bench.port()
        await #expect(throws: PortError.busy(path: bench.path)) { try await second.open() }
    }

    @Test("a port that was closed is free, whoever has copies of its descriptors, as a forked process has")
    func copies() async throws {
        let terminal = URL(filePath: bench.path).resolvingSymlinksInPath().path
        let copies = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
            .filter { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == terminal }
            .map { dup($0) }
        defer { for copy in copies { close(copy) } }
        // The line and its lock, at least.
        #expect(copies.count >= 2)
        await port.close()
        try await bench.port().open()
    }

    @Test("a port that is not there, and one that is none, are named")
    func absent() async throws {
        let serial = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
        let bus = try #require(BusID(rawValue: "b"))
        let absent = BusPort(bus: bus, path: "/dev/ttyNOWHERE", serial: serial)
        await #expect(throws: PortError.absent(path: "/dev/ttyNOWHERE")) { try await absent.open() }
        let file = BusPort(bus: bus, path: "/dev/null", serial: serial)
        await #expect(throws: PortError.notASerialPort(path: "/dev/null")) { try await file.open() }
    }

    @Test("a driver that cannot do a format is told of by the format")
    func noSuchFormat() async throws {
        var name = [CChar](repeating: 0, count: 128)
        var slave: Int32 = -1
        let master = clinux_open_pty(&name, UInt(name.count), &slave)
        try #require(master >= 0)
        defer {
            close(slave)
            close(master)
        }
        let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // A pseudo terminal has no parity. With all else as it is to be, nothing of the call can be done.
        var settings = termios()
        cfsetispeed(&settings, speed_t(B9600))
        cfsetospeed(&settings, speed_t(B9600))
        settings.c_cflag |= tcflag_t(CREAD | CLOCAL | CS8)
        settings.c_iflag |= tcflag_t(INPCK)
        try #require(tcsetattr(slave, TCSANOW, &settings) == 0)
        let serial = SerialFormat(baud: 9600, parity: .even, stopBits: 1)
        let even = BusPort(bus: try #require(BusID(rawValue: "b")), path: path, serial: serial)
        await #expect(throws: PortError.noSuchFormat(path: path, format: "9600 8E1")) { try await even.open() }
    }

    @Test("an unplugged adapter is a lost port, not a hang")
    func unplugged() async {
        #expect(await read(1) == .success([0, 1000]))
        bench.host.stop()
        guard case .failure(.portLost) = await read(1, timeout: .milliseconds(100)) else {
            Issue.record("the port is not known to be lost")
            return
        }
        #expect(await !port.isOpen)
    }
}
