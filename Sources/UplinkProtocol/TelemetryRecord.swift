public import Metering

/// One entry of the telemetry log: a reading, or what was lost in its place.
public struct TelemetryRecord: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        /// Values in the unit of each channel's quantity.
        case reading(Reading)
        /// Records that were evicted before they were acknowledged: from `sequence` − count + 1 on.
        case gap(count: Int64, reason: String)
    }

    /// From 1, growing within an epoch; a gap record carries the last number it stands for.
    public let sequence: Int64
    public let body: Body

    public init(sequence: Int64, body: Body) {
        self.sequence = sequence
        self.body = body
    }

    public var json: JSONValue {
        switch body {
        case .reading(let reading):
            let values = reading.values.map { ($0.key.name, JSONValue.integer($0.value)) }
            return .object([
                "seq": .integer(sequence), "meter": .string(reading.meter.rawValue), "at": reading.at.json,
                "values": .object(Dictionary(uniqueKeysWithValues: values)),
            ])
        case .gap(let count, let reason):
            return .object([
                "seq": .integer(sequence), "gap": .object(["count": .integer(count), "reason": .string(reason)]),
            ])
        }
    }

    public init(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "record")
        sequence = try reader.integer("seq")
        if let gap = reader.optional("gap") {
            var gapReader = try ObjectReader(gap, name: "gap")
            body = .gap(count: try gapReader.integer("count"), reason: try gapReader.text("reason"))
            try gapReader.finish()
        } else {
            let meter = try reader.identifier("meter", Meter.self)
            let at = try Timestamp(json: try reader.value("at"))
            guard let members = try reader.value("values").object else {
                throw FieldProblem(field: "record.values", reason: "is not an object")
            }
            var values: [Channel: Int64] = [:]
            for (name, value) in members {
                guard let channel = Channel(name: name), let number = value.integer else {
                    throw FieldProblem(field: "record.values.\(name)", reason: "is no channel with a whole number")
                }
                values[channel] = number
            }
            body = .reading(Reading(meter: meter, at: at, values: values))
        }
        try reader.finish()
    }
}
