internal import Concentrator
internal import HTTPTypes
internal import Hummingbird
internal import Metering
internal import Storage
internal import UplinkProtocol

extension LocalAPI {
    /// Readings in one answer, at most.
    private static let mostReadings = 20_000

    /// `GET /v1/readings/METER?from=MS&to=MS&step=interval|hour|day|month`
    func readings(of name: String, _ request: Request) async -> Response {
        let parameters = request.uri.queryParameters
        guard let meter = MeterID(rawValue: name) else { return refusal("'\(name)' is no meter's name") }
        guard let step = ReadingStep(rawValue: parameters.get("step") ?? ReadingStep.interval.rawValue) else {
            return refusal("'step' must be one of \(ReadingStep.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let from = WallTime(millisecondsSince1970: parameters.get("from", as: Int64.self) ?? 0)
        let to = WallTime(millisecondsSince1970: parameters.get("to", as: Int64.self) ?? .max)
        do {
            let readings = try await gateway.readings(
                of: meter, step: step, from: from, to: to, limit: Self.mostReadings)
            return answer(
                .ok,
                .array(
                    readings.map { reading in
                        .object([
                            "at": reading.at.json,
                            "values": .object(
                                Dictionary(
                                    reading.values.map { ($0.key.name, JSONValue.integer($0.value)) },
                                    uniquingKeysWith: { first, _ in first })),
                        ])
                    }))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    private func refusal(_ text: String) -> Response { answer(.badRequest, .object(["error": .string(text)])) }

    /// `{"due":288,"obtained":287}`
    static func json(_ collection: IntervalSampler.Collection) -> JSONValue {
        .object([
            "due": .integer(collection.due), "obtained": .integer(collection.obtained),
            "per_mille": collection.perMille.map(JSONValue.integer) ?? .null,
        ])
    }
}
