import ArgumentParser
import Compression
import Foundation
import Metering
import SampleLoad
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
    /// As `uplink.batch_records` is by default.
    private static let batchRecords = 500
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
            waiting += model.scan(at: at, after: Int64(Self.secondsPerScan))
            guard (scan + 1) % scans == 0 else { continue }
            if scan < scans { before = try Self.writtenBytes() }
            readings += waiting.count
            try store.commit(readings: waiting, lastAccepted: model.marks(at: at))
            try store.advanceCursor(of: "push", through: store.lastSequence)
            waiting = []
        }
        let wire = try Self.wireBytes(store, records: Self.batchRecords)
        let liveWire = try Self.wireBytes(store, records: Self.meters)
        let recordsWire = try Self.wireBytes(store, records: Self.batchRecords, form: .records)
        try store.close()
        let written = try Self.writtenBytes() - before
        let freeze = try Self.freezeBytes(beside: path)
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        let rest = Double(size) / Double(readings)
        // The daemon evicts at seven eighths of the bound.
        let offline = Self.offlineBytes * 7 / 8 / (rest * Double(Self.meters * 86_400 / Self.secondsPerScan))
        func print1(_ name: String, _ value: Double, _ unit: String) {
            print("figure \(name) \(String(format: "%.1f", value)) \(unit)")
        }
        print1("flash_bytes_per_reading", Double(written) / Double(readings), "bytes")
        print1("rest_bytes_per_reading", rest, "bytes")
        print1("rest_bytes_per_freeze", freeze, "bytes")
        print1("wire_bytes_per_reading", wire, "bytes")
        // One scan by itself, as it goes up live; and the form for platforms that take no columns.
        print1("wire_bytes_per_live_reading", liveWire, "bytes")
        print1("wire_bytes_per_reading_as_record", recordsWire, "bytes")
        print1("offline_days_in_64mb", offline, "days")
    }

    /// What the counters of an hour or a day take at rest, over twenty days.
    private static func freezeBytes(beside path: String) throws -> Double {
        let file = path + "/freezes.db"
        let store = try TelemetryStore(path: file, newEpoch: "bench")
        var model = LoadModel(meters: meters)
        var count = 0
        for day in 0..<20 {
            var freezes: [Freeze] = []
            for hour in day * 24..<day * 24 + 24 {
                let readings = model.scan(at: moment(hour * 3600), after: 3600)
                freezes += readings.compactMap { Freeze(.hour, period: Int64(hour), of: $0) }
                if hour % 24 == 0 { freezes += readings.compactMap { Freeze(.day, period: Int64(day), of: $0) } }
            }
            count += freezes.count
            try store.commit(readings: [], lastAccepted: [:], freezes: freezes)
        }
        try store.close()
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        return Double(size) / Double(count)
    }

    /// What the kernel counts as this program's writes to a disk, in pages.
    private static func writtenBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/io", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("write_bytes:") }
        return Int(line?.dropFirst("write_bytes: ".count) ?? "") ?? 0
    }

    /// Gzipped bytes of a reading in a batch of so many, as it goes upstream, with all that is around it.
    private static func wireBytes(_ store: TelemetryStore, records: Int, form: BatchForm = .columns) throws -> Double {
        var entries: [TelemetryEntry] = []
        while entries.count < records {
            let after = entries.last?.sequence ?? store.lastSequence - Int64(batchRecords) * 4
            let more = try store.entries(after: after, limit: records - entries.count)
            guard !more.isEmpty else { break }
            entries += more
        }
        let gateway = try need(GatewayID(rawValue: "SITE-1"))
        let columns = Batch(
            gateway: gateway, epoch: store.epoch,
            chainHead: ChainHead(sequence: 1, hash: .genesis(gateway: "SITE-1", epoch: store.epoch)), entries: entries)
        guard let batch = form == .columns ? columns : columns?.asRecords, let packed = Gzip.compress(batch.bytes)
        else { throw SetupProblem("a batch cannot be packed") }
        return Double(packed.count) / Double(batch.count)
    }
}
