internal import Board
internal import Concentrator
internal import Metering
internal import UplinkProtocol

/// The clock as JSON.
enum ClockJSON {
    static func report(_ report: ClockReport) -> JSONValue {
        .object([
            "trust": .string("\(report.trust)"), "wall_ms": .integer(report.wall.millisecondsSince1970),
            "assumed": .boolean(report.isAssumed), "synchronised": .boolean(report.source.isSynchronised),
            "largest_error_ms": report.source.largestError.map { .integer($0.wholeMilliseconds) } ?? .null,
            "hardware_clock": report.hardware.map { hardware in
                .object([
                    "set_the_clock": .boolean(hardware.setTheClock),
                    "wall_ms": hardware.wall.map { .integer($0.millisecondsSince1970) } ?? .null,
                ])
            } ?? .null,
            "last_known_wall_ms": report.lastKnownWall.map { .integer($0.millisecondsSince1970) } ?? .null,
            "trouble": report.trouble.map(JSONValue.string) ?? .null,
        ])
    }
}
