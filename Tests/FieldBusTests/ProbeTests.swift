import FieldBus
import Foundation
import MeterProfiles
import MeterSimulation
import Metering
import Testing

private let line9600 = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
private let line19200Even = SerialFormat(baud: 19_200, parity: .even, stopBits: 1)

@Suite("Asking in another format than the line's own", .serialized)
struct ProbeTests {
    private func host(_ path: String, format: SerialFormat) throws -> SimulatorHost {
        let text = """
            seed: 3
            buses:
              - name: bus1
                link: \(path)
                baud: \(format.baud)
                format: \(format.formatText)
                turnaround_us: [500, 1500]
                devices:
                  - { name: M-1, unit: 1, profile: acrel-ddsy1352-block, energy_wh: 1000 }
            """
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "etc/profiles")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .map { (name: $0.lastPathComponent, text: try String(contentsOf: $0, encoding: .utf8)) }
        return try SimulatorHost(
            plan: try WorldPlan(file: "bench", text: text), profiles: try ProfileLibrary(files: files))
    }

    @Test("a device answers in its own format only, and the line is in its own again after every probe")
    func formats() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "bus-\(UUID().uuidString.prefix(8))").path
        let bus = try #require(BusID(rawValue: "bus1"))
        let model = try #require(ReadRequest(table: .holding, address: 0x0200, count: 1))
        for (own, other) in [(line9600, line19200Even), (line19200Even, line9600)] {
            let host = try host(path, format: own)
            defer { host.stop() }
            let port = BusPort(bus: bus, path: path, serial: own)
            try await port.open()
            for _ in 0..<3 {
                let silent = await port.probe(unit: 1, model, in: other, timeout: .milliseconds(60))
                #expect(silent.result == .failure(.timeout))
                let own = await port.read(unit: 1, model, timeout: .milliseconds(500))
                #expect(own.result == .success([7]))
            }
            await port.close()
            // The other way round: the port is configured wrongly, and the probe finds the device.
            let wrong = BusPort(bus: bus, path: path, serial: other)
            try await wrong.open()
            #expect(await wrong.read(unit: 1, model, timeout: .milliseconds(60)).result == .failure(.timeout))
            let found = await wrong.probe(unit: 1, model, in: own, timeout: .milliseconds(500))
            #expect(found.result == .success([7]))
            #expect(await wrong.read(unit: 1, model, timeout: .milliseconds(60)).result == .failure(.timeout))
            await wrong.close()
            #expect(host.lineStatistics.first?.earlyRequests == 0)
        }
    }

    @Test("a probe of a port that is not open says so")
    func closed() async throws {
        let bus = try #require(BusID(rawValue: "bus1"))
        let model = try #require(ReadRequest(table: .holding, address: 0x0200, count: 1))
        let port = BusPort(bus: bus, path: "/dev/null", serial: line9600)
        for format in [line9600, line19200Even] {
            let lost = await port.probe(unit: 1, model, in: format, timeout: .milliseconds(50))
            #expect(lost.result == .failure(.portLost(reason: "not open")))
        }
    }
}
