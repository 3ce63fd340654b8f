import Commissioning
import Concentrator
import Foundation
import MeterProfiles
import MeterSimulation
import Metering
import Testing

@Suite("The wiring of simulated lines", .serialized, .timeLimit(.minutes(5)))
struct WiringTestTests {
    private static let usual = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
    private static let other = SerialFormat(baud: 19200, parity: .even, stopBits: 1)

    /// A line with two meters at 19200 8E1.
    private func diagnosis(_ wiring: String, devices: Bool = true) async throws -> WiringDiagnosis {
        let folder = "/tmp/wt-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let units = devices ? [1, 3] : []
        let plan = try WorldPlan(
            file: "world.yaml",
            text: """
                buses:
                  - name: bus1
                    link: \(folder)/bus1
                    baud: 19200
                    format: 8E1
                    wiring: \(wiring)
                    turnaround_us: [1000, 2000]
                    devices: [\(units.map { "{ name: M-\($0), unit: \($0), profile: eastron-sdm120 }" }.joined(separator: ", "))]
                """)
        let host = try SimulatorHost(plan: plan, profiles: try ProfileFolder.load("\(EtcFolder.path)/profiles"))
        defer { host.stop() }
        let bus = BusConfiguration(
            id: try #require(BusID(rawValue: "bus1")), port: "\(folder)/bus1", serial: Self.usual)
        let evidence = try await WiringTest(bus, formats: [Self.usual, Self.other], units: [1, 2, 3]).run()
        return WiringDiagnosis(evidence)
    }

    @Test(
        "what is wrong is told from what the line gives",
        arguments: [
            ("sound", WiringVerdict.answers(other, units: [1, 3]), false),
            ("echo", .answers(other, units: [1, 3]), true),
            ("swapped", .probablySwapped, false),
            ("unterminated", .garbled, false),
            ("second_master", .anotherMaster, false),
        ])
    func wiring(_ wiring: String, _ verdict: WiringVerdict, _ echoes: Bool) async throws {
        let diagnosis = try await diagnosis(wiring)
        #expect(diagnosis.verdict == verdict, "\(diagnosis)")
        #expect(diagnosis.echoes == echoes)
    }

    @Test("a chattering line; an empty one; one that is not there")
    func emptyLines() async throws {
        #expect(try await diagnosis("noise", devices: false).verdict == .noisy)
        #expect(try await diagnosis("sound", devices: false).verdict == .silent)
        let onlyEcho = try await diagnosis("echo", devices: false)
        #expect(onlyEcho.verdict == .silent && onlyEcho.echoes)
        let bus = BusConfiguration(
            id: try #require(BusID(rawValue: "bus1")), port: "/dev/ttyNOWHERE", serial: Self.usual)
        await #expect(throws: GatewayProblem.self) { try await WiringTest(bus, formats: [], units: []).run() }
    }
}
