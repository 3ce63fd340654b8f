import ArgumentParser
import Metering
import Storage

/// What `scripts/bench upstream` needs beside the daemon and the platform.
@main
struct UpstreamBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstream-bench", abstract: "Make a backlog of readings; send the same bytes through a bare loop.",
        subcommands: [Fill.self, Bare.self])
}

/// A site of 64 meters with 20 values each, read every 5 minutes.
struct Backlog {
    static let meters = 64
    private static let startMilliseconds: Int64 = 1_790_000_000_000
    private static let channels: [Channel] = {
        let phased: [Quantity] = [.voltage, .current, .activePower, .reactivePower, .powerFactor]
        let phases: [Phase] = [.l1, .l2, .l3]
        return phased.flatMap { quantity in phases.map { Channel(quantity, $0) } }
            + [.activePower, .frequency, .reactivePower, .apparentPower, .voltage].map { Channel($0) }
    }()

    static func reading(_ number: Int) -> Reading? {
        let (round, index) = (Int64(number / meters), Int64(number % meters))
        guard let meter = MeterID(rawValue: "M-\(100 + index)") else { return nil }
        let at = Timestamp(
            boot: BootID(rawValue: "5f3c9a52-6b1e-4a9e-9d55-0c6f1f0f7a11"),
            monotonic: MonotonicTime(nanoseconds: (round * 300 + index) * 1_000_000_000),
            wall: WallTime(millisecondsSince1970: startMilliseconds + round * 300_000 + index * 1_000), trust: .trusted)
        var values: [Channel: Int64] = [:]
        for (place, channel) in channels.enumerated() {
            // Loads wander as real ones do: neither still nor noise.
            let wander = (round &* 2_654_435_761 &+ index &* 40_503 &+ Int64(place) &* 97) % 2_000
            values[channel] = 230_000 + Int64(place) * 1_000 + wander
        }
        return Reading(meter: meter, at: at, values: values)
    }
}

struct Fill: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write a telemetry.db that was offline for 30 days.")
    @Argument(help: "The file.") var path: String
    @Option(help: "How many readings.") var readings = 553_000

    func run() throws {
        let store = try TelemetryStore(path: path, newEpoch: "0123456789abcdef")
        var number = 0
        while number < readings {
            let group = (number..<min(number + 6_400, readings)).compactMap { Backlog.reading($0) }
            try store.commit(readings: group, lastAccepted: [:])
            number += group.count
        }
        try store.close()
    }
}
