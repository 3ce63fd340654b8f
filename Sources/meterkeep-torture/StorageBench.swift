import ArgumentParser
import CZlib
import Foundation
import Metering
import Storage
import UplinkProtocol

/// What a reading costs on the flash, at rest and on the wire.
struct StorageBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Measure what readings cost: 64 meters with 20 values every five minutes.")

    @Option(help: "Days of readings.") var days = 4
    @Option(help: "Scans in one commit; the daemon's default gathers readings for 25 minutes.") var scans = 5
    @Option(help: "A folder on the disk to be measured; not one in memory.") var folder = NSTemporaryDirectory()

    private static let meters = 64
    private static let secondsPerScan = 300
    private static let batchRecords = 200
    private static let offlineBytes = 64.0 * 1024 * 1024

    func run() async throws {
        let path = URL(filePath: folder).appending(path: "meterkeep-bench-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = path + "/telemetry.db"
        let store = try TelemetryStore(path: file, newEpoch: "bench")
        var model = LoadModel(meters: Self.meters)
        let total = days * 86_400 / Self.secondsPerScan
        // Names and the first readings in full are paid once.
        var before = 0
        var readings = 0
        var waiting: [Reading] = []
        for scan in 0..<total {
            let at = moment(scan * Self.secondsPerScan)
            waiting += try model.scan(at: at, after: Int64(Self.secondsPerScan))
            guard (scan + 1) % scans == 0 else { continue }
            if scan < scans { before = try Self.writtenBytes() }
            readings += waiting.count
            try store.commit(readings: waiting, lastAccepted: try model.marks(at: at))
            try store.advanceCursor(of: "push", through: store.lastSequence)
            waiting = []
        }
        let wire = try Self.wireBytes(store)
        try store.close()
        let written = try Self.writtenBytes() - before
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        let rest = Double(size) / Double(readings)
        // The daemon evicts at seven eighths of the bound.
        let offline = Self.offlineBytes * 7 / 8 / (rest * Double(Self.meters * 86_400 / Self.secondsPerScan))
        func print1(_ name: String, _ value: Double, _ unit: String) {
            print("figure \(name) \(String(format: "%.1f", value)) \(unit)")
        }
        print1("flash_bytes_per_reading", Double(written) / Double(readings), "bytes")
        print1("rest_bytes_per_reading", rest, "bytes")
        print1("wire_bytes_per_reading", wire, "bytes")
        print1("offline_days_in_64mb", offline, "days")
    }

    /// What the kernel counts as this program's writes to a disk, in pages.
    private static func writtenBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/io", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("write_bytes:") }
        return Int(line?.dropFirst("write_bytes: ".count) ?? "") ?? 0
    }

    /// Gzipped bytes of a reading within a full batch, as it goes upstream.
    private static func wireBytes(_ store: TelemetryStore) throws -> Double {
        let records = try store.records(after: store.lastSequence - Int64(batchRecords) * 4, limit: batchRecords)
        let body = JSONValue.array(records.map(\.json)).canonicalBytes()
        var target = [UInt8](repeating: 0, count: body.count + 1024)
        var length = uLongf(target.count)
        guard compress2(&target, &length, body, uLong(body.count), Z_DEFAULT_COMPRESSION) == Z_OK else {
            throw SetupProblem("zlib refuses a batch")
        }
        return Double(length) / Double(records.count)
    }
}
