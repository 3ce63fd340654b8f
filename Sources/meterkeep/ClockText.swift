import UplinkProtocol

/// The clock in words.
enum ClockText {
    static func lines(_ json: JSONValue?) -> [String] {
        let clock = json?.object ?? [:]
        let source: String
        if clock["assumed"]?.boolean == true {
            source = "assumed to be right"
        } else if clock["synchronised"]?.boolean == true {
            source = "kept by a time source" + (clock["largest_error_ms"]?.integer.map { " within \($0) ms" } ?? "")
        } else {
            source = "no time source"
        }
        let hardware: String
        if let entry = clock["hardware_clock"]?.object {
            hardware = entry["wall_ms"]?.integer == nil ? "battery-backed clock without a time" : "battery-backed clock"
        } else {
            hardware = "no battery-backed clock"
        }
        return ["clock     \(clock["trust"]?.string ?? "?"): \(source), \(hardware)"]
            + (clock["trouble"]?.string.map { ["          \($0)"] } ?? [])
    }
}
