import ArgumentParser
import Foundation
import UplinkProtocol

struct Readings: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the readings of a meter as CSV.",
        discussion: """
            Interval readings have every value, in the unit of each quantity (mV, mA, mW, Wh, l); hours, days and \
            months have the counters at their first reading. Times are UTC.
            """)

    @OptionGroup var daemon: DaemonSocket
    @Argument(help: "The meter.") var meter: String
    @Option(help: "interval, hour, day or month.") var step: String = "interval"
    @Option(help: "From this day on, like 2026-11-21 or 2026-11-21T08:00:00Z.") var from: String?
    @Option(help: "Before this day or moment.") var to: String?

    func run() async throws {
        var query = "step=\(step)"
        if let from { query += "&from=\(try Self.milliseconds(from))" }
        if let to { query += "&to=\(try Self.milliseconds(to))" }
        let answer = try await daemon.ask("/v1/readings/\(meter.forQuery)?\(query)")
        if daemon.json {
            print(answer.canonicalText)
            return
        }
        let readings = (answer.array ?? []).compactMap(\.object)
        let channels = Set(readings.flatMap { ($0["values"]?.object ?? [:]).keys }).sorted()
        print((["time", "clock"] + channels).joined(separator: ","))
        for reading in readings {
            let at = reading["at"]?.object ?? [:]
            let wall = Date(timeIntervalSince1970: Double(at["wall_ms"]?.integer ?? 0) / 1000)
            let values = reading["values"]?.object ?? [:]
            // What was not read is empty, never zero.
            let cells = channels.map { values[$0]?.integer.map(String.init) ?? "" }
            print(([wall.formatted(.iso8601), at["trust"]?.string ?? ""] + cells).joined(separator: ","))
        }
    }

    private static func milliseconds(_ text: String) throws -> Int64 {
        let moment = text.contains("T") ? text : text + "T00:00:00Z"
        guard let date = try? Date(moment, strategy: .iso8601) else {
            throw ValidationError("'\(text)' is no day or moment; write 2026-11-21 or 2026-11-21T08:00:00Z")
        }
        return Int64(date.timeIntervalSince1970 * 1000)
    }
}
