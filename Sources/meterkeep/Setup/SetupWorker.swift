import BusSurvey
import Commissioning
import Concentrator
import FieldBus
import Foundation
import MeterProfiles
import Metering

/// Does on the real box what the setup decides.
struct SetupWorker {
    let files: SetupFiles
    let identity: BoxIdentity
    let profiles: [MeterProfile]
    let reportFolder: String
    /// How long meters may take to answer in the self-test.
    let patience: Duration
    let tell: (String) -> Void

    private static let usual = SerialFormat(baud: 9600, parity: .none, stopBits: 1)
    /// Meters mostly begin at 1; a board's address often does not.
    static let firstUnits: [UInt8] = [1, 2, 3, 10, 100]
    private static let mostFormats = 8

    private var formats: [SerialFormat] {
        Array(ScanRange.usualFormats(of: Self.usual, profiles: profiles).prefix(Self.mostFormats))
    }

    private func bus(_ port: String, _ serial: SerialFormat = usual) throws -> BusConfiguration {
        guard let id = BusID(rawValue: "setup") else { throw GatewayProblem.configuration("no bus") }
        guard PortAddress(port) != nil else {
            throw GatewayProblem.configuration("'\(port)' is no port; \(PortAddress.rule)")
        }
        return BusConfiguration(id: id, port: port, serial: serial)
    }

    func testWiring(_ port: String, units: [UInt8] = firstUnits) async throws -> WiringDiagnosis {
        tell("Testing the wiring of \(port) ...")
        return WiringDiagnosis(try await WiringTest(try bus(port), formats: formats, units: units).run())
    }

    /// - Parameter first: formats that answered already; others only where these bring nothing.
    func scan(_ port: String, first: [SerialFormat], addresses: String) async throws -> [FoundDevice] {
        let range = try ScanRange(
            rates: "", formats: "", units: addresses, timeoutMilliseconds: nil, isThorough: false, bus: Self.usual,
            profiles: [])
        let found = try await scan(port, formats: first.isEmpty ? formats : first, units: range.units)
        if !found.isEmpty || first.isEmpty { return found }
        return try await scan(port, formats: formats.filter { !first.contains($0) }, units: range.units)
    }

    private func scan(_ port: String, formats: [SerialFormat], units: [UInt8]) async throws -> [FoundDevice] {
        let job = ScanJob(ScanRange(formats: formats, units: units), profiles: profiles)
        let configuration = try bus(port, formats.first ?? Self.usual)
        async let scan: Void = StandaloneScan().run(job, bus: configuration)
        var found: [FoundDevice] = []
        var lastTold = -1
        for await event in job.events {
            switch event {
            case .progress(let progress):
                let tenth = progress.addressesDone * 10 / max(1, progress.addressesTotal)
                if tenth > lastTold {
                    let seconds = progress.remaining.wholeMilliseconds / 1000
                    tell("Looking: \(progress.addressesDone) of \(progress.addressesTotal), \(seconds) s left")
                    lastTold = tenth
                }
            case .found(let device):
                tell("Found unit \(device.unit) at \(device.serial.baud) \(device.serial.formatText)")
            case .ended(let devices, _, _): found = devices
            case .failed(let words): throw GatewayProblem.device(words)
            }
        }
        try await scan
        return found
    }

    func test(switching circuit: CircuitID?) async throws -> (report: DoorReport, lines: [String]) {
        let configuration = try Daemon.load(files.configurationPath)
        let daemon = try await DaemonStarter(configuration: configuration, path: files.configurationPath).start(tell)
        defer { daemon.stop() }
        if let csv = try? String(contentsOfFile: files.importPath, encoding: .utf8) {
            try await daemon.take(csv, from: files.importPath)
        }
        var test = SelfTest(
            configurationPath: files.configurationPath, socket: configuration.socketPath, switching: circuit, tell: tell
        )
        test.patience = patience
        let report = try await test.run()
        return (report, try ReportFiles(folder: reportFolder).write(report))
    }
}
