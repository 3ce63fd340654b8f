import ArgumentParser
import Metering
import SampleLoad
import Storage

/// What `scripts/bench upstream` needs beside the daemon and the platform.
@main
struct UpstreamBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstream-bench", abstract: "Make a backlog of readings; send the same bytes through a bare loop.",
        subcommands: [Fill.self, Bare.self])
}

struct Fill: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a telemetry.db that was offline for 30 days: 64 meters with 20 values, read every 5 minutes.")
    @Argument(help: "The file.") var path: String
    @Option(help: "How many readings.") var readings = 553_000

    private static let startMilliseconds: Int64 = 1_790_000_000_000

    func run() throws {
        let store = try TelemetryStore(path: path, newEpoch: "0123456789abcdef")
        var model = LoadModel(meters: 64)
        var scan: Int64 = 0
        var left = readings
        var waiting: [Reading] = []
        while left > 0 {
            let at = Timestamp(
                boot: BootID(rawValue: "5f3c9a52-6b1e-4a9e-9d55-0c6f1f0f7a11"),
                monotonic: MonotonicTime(nanoseconds: scan * 300_000_000_000),
                wall: WallTime(millisecondsSince1970: Self.startMilliseconds + scan * 300_000), trust: .trusted)
            let group = model.scan(at: at, after: 300).prefix(left)
            waiting += group
            left -= group.count
            scan += 1
            guard waiting.count >= 6_400 || left == 0 else { continue }
            try store.commit(readings: waiting, lastAccepted: [:])
            waiting = []
        }
        try store.close()
    }
}
