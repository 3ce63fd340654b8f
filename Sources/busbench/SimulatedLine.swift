import Foundation
import MeterSimulation

/// One simulated line in a program of its own, so that its processor time is not counted here.
struct SimulatedLine {
    /// What stands on the line.
    struct Setting {
        var baud = 9600
        var meters = 32
        var hasRelayBoard = false
        var delivery = WorldPlan.LineBehaviour.Delivery.frames
        var dropsEarly = false
    }

    let setting: Setting
    let port: String
    private let folder: URL
    private let process = Process()
    /// Where the record of every request stays when the line ends.
    private let records: String?

    static let relayUnit = 100

    init(_ setting: Setting, metersim: String, profiles: String, records: String?) throws {
        self.setting = setting
        self.records = records
        folder = FileManager.default.temporaryDirectory.appending(path: "busbench-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = folder.appending(path: "bus").path
        let world = folder.appending(path: "world.yaml")
        try Self.world(setting, port: port).write(to: world, atomically: true, encoding: .utf8)
        process.executableURL = URL(filePath: metersim)
        process.arguments = [
            "run", "--world", world.path, "--profiles", profiles, "--control", folder.appending(path: "control").path,
            "--request-log", folder.appending(path: "requests").path,
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        _ = output.fileHandleForReading.availableData
    }

    func setDead(unit: Int, _ isDead: Bool) throws {
        _ = try ControlServer.send(
            "fault M-\(unit) dead \(isDead ? "on" : "off")", to: folder.appending(path: "control").path)
    }

    /// Every request so far, oldest first.
    func requests() throws -> [RequestRecord] {
        let text = try String(contentsOf: folder.appending(path: "requests"), encoding: .utf8)
        return try text.split(separator: "\n").map {
            try JSONDecoder().decode(RequestRecord.self, from: Data($0.utf8))
        }
    }

    func end() {
        process.terminate()
        process.waitUntilExit()
        if let records {
            try? FileManager.default.createDirectory(atPath: records, withIntermediateDirectories: true)
            try? FileManager.default.moveItem(
                at: folder.appending(path: "requests"),
                to: URL(filePath: records).appending(path: "\(setting.baud)-\(folder.lastPathComponent).jsonl"))
        }
        try? FileManager.default.removeItem(at: folder)
    }

    private static func world(_ setting: Setting, port: String) -> String {
        var text = """
            seed: 11
            buses:
              - name: bus1
                link: \(port)
                baud: \(setting.baud)
                format: 8N1
                turnaround_us: [5000, 10000]
                delivery: \(setting.delivery.rawValue)
                drops_early: \(setting.dropsEarly)
                devices:

            """
        for unit in 1...setting.meters {
            text += "      - { name: M-\(unit), unit: \(unit), profile: eastron-sdm120, energy_wh: \(unit)0000 }\n"
        }
        if setting.hasRelayBoard {
            text += "      - { name: R-1, unit: \(relayUnit), profile: waveshare-relay-8 }\n"
        }
        return text
    }
}
