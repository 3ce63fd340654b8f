import FieldBus
import MeterProfiles
import Metering
import Testing

@Suite("A bus behind the network", .serialized, .timeLimit(.minutes(5)))
struct NetworkLineTests {
    private func port(_ path: String) throws -> BusPort {
        BusPort(
            bus: try #require(BusID(rawValue: "bus1")), path: path,
            serial: SerialFormat(baud: 19_200, parity: .none, stopBits: 1))
    }

    @Test(
        "registers are read through a transparent converter and from Modbus TCP",
        arguments: PortAddress.Framing.allCases)
    func read(framing: PortAddress.Framing) async throws {
        let device = try NetworkDevice(framing)
        defer { device.end() }
        let port = try port(device.address)
        try await port.open()
        let request = try #require(ReadRequest(table: .input, address: 0, count: 3))
        for unit in 1...3 as ClosedRange<UInt8> {
            #expect(await port.read(unit: unit, request, timeout: .seconds(2)).result == .success([1, 1, 1]))
        }
    }

    @Test(
        "a gateway's word that a device did not answer is that device's silence",
        arguments: PortAddress.Framing.allCases)
    func nobodyBehind(framing: PortAddress.Framing) async throws {
        let device = try NetworkDevice(framing)
        defer { device.end() }
        let port = try port(device.address)
        try await port.open()
        let request = try #require(ReadRequest(table: .input, address: 0, count: 1))
        #expect(await port.read(unit: 99, request, timeout: .seconds(2)).result == .failure(.timeout))
        #expect(await port.read(unit: 1, request, timeout: .seconds(2)).result == .success([1]))
    }

    @Test("a connection that ends is a lost port, and can be opened again")
    func dropped() async throws {
        let device = try NetworkDevice(.tcp)
        defer { device.end() }
        let port = try port(device.address)
        try await port.open()
        let request = try #require(ReadRequest(table: .input, address: 0, count: 1))
        #expect(await port.read(unit: 1, request, timeout: .seconds(2)).result == .success([1]))
        device.drop()
        guard case .failure(.portLost) = await port.read(unit: 1, request, timeout: .seconds(2)).result else {
            Issue.record("the port is not known to be lost")
            return
        }
        try await port.open()
        #expect(await port.read(unit: 1, request, timeout: .seconds(2)).result == .success([1]))
    }

    @Test("an address where nobody listens is named")
    func unreachable() async throws {
        let port = try port("tcp://127.0.0.1:1?framing=rtu")
        await #expect(throws: PortError.unreachable(address: "tcp://127.0.0.1:1", reason: "Connection refused")) {
            try await port.open()
        }
    }

    @Test(
        "addresses are read, and what is none is refused",
        arguments: [
            ("/dev/ttyS0", .serial(path: "/dev/ttyS0")),
            ("tcp://10.0.0.5:502?framing=tcp", .network(host: "10.0.0.5", port: 502, framing: .tcp)),
            ("tcp://[fe80::1]:4196?framing=rtu", .network(host: "fe80::1", port: 4196, framing: .rtu)),
            ("tcp://10.0.0.5:502", nil), ("tcp://10.0.0.5:0?framing=tcp", nil), ("tcp://:502?framing=tcp", nil),
            ("tcp://10.0.0.5:502?framing=udp", nil), ("tcp://a b:502?framing=tcp", nil), ("", nil),
            ("tcp://[fe80::1%eth0]:502?framing=tcp", .network(host: "fe80::1%eth0", port: 502, framing: .tcp)),
            // A name has to be looked up, and nobody bounds that.
            ("tcp://converter.example:502?framing=tcp", nil), ("tcp://localhost:502?framing=tcp", nil),
            ("tcp://10.0.0:502?framing=tcp", nil), ("tcp://[fe80::1%]:502?framing=tcp", nil),
        ] as [(String, PortAddress?)])
    func addresses(text: String, expected: PortAddress?) { #expect(PortAddress(text) == expected) }
}
