internal import Concentrator
internal import HTTPTypes
internal import Hummingbird
internal import MeterProfiles
internal import Metering
internal import NIOCore
internal import UplinkProtocol

/// What the local API does with the meters themselves: their settings, their addresses, their replacement.
struct MeterRoutes: Sendable {
    let gateway: RunningGateway

    func add<Context: RequestContext>(to router: Router<Context>) {
        router.get("/v1/settings") { request, _ in await settings(request) }
        router.post("/v1/settings/apply") { request, _ in await apply(request) }
        router.post("/v1/buses/:bus/address") { request, context in
            await setAddress(context.parameters.get("bus") ?? "", request)
        }
        router.post("/v1/meters/:meter/address") { request, context in
            await move(context.parameters.get("meter") ?? "", request)
        }
        router.post("/v1/replace") { request, _ in await replace(request) }
    }

    private func settings(_ request: Request) async -> Response {
        var meters = await gateway.site.allMeters
        if let name = request.uri.queryParameters.get("meter") {
            meters = meters.filter { $0.id.rawValue == name }
            if meters.isEmpty { return unknownMeter(name) }
        }
        var rows: [JSONValue] = []
        for meter in meters {
            guard let found = await gateway.settings.read(meter) else { continue }
            rows += found.comparisons.map { Self.row($0, of: meter, said: found.expected[$0.definition.name]) }
        }
        return answer(.ok, .array(rows))
    }

    private static func row(
        _ comparison: SettingComparison, of meter: SiteMeter, said: ExpectedSetting?
    ) -> JSONValue {
        .object([
            "meter": .string(meter.id.rawValue), "setting": .string(comparison.definition.name.rawValue),
            "unit": .string(comparison.definition.unit),
            "found": comparison.found.map { .string($0.description) } ?? .null,
            "expected": comparison.expected.map { .string($0.description) } ?? .null,
            "by": said.map { .string($0.by) } ?? .null,
            "since_ms": (said?.since?.millisecondsSince1970).map(JSONValue.integer) ?? .null,
            "verdict": .string(comparison.verdict.rawValue),
            "writable": .boolean(comparison.definition.write != nil),
        ])
    }

    private func apply(_ request: Request) async -> Response {
        let query = request.uri.queryParameters
        let name = query.get("meter") ?? ""
        guard let id = MeterID(rawValue: name), let meter = await gateway.site.meter(id) else {
            return unknownMeter(name)
        }
        var names: Set<SettingName>?
        if let list = query.get("settings") {
            let words = list.split(separator: ",").map(String.init)
            for word in words where SettingName(rawValue: word) == nil {
                return refuse(.unprocessableContent, "'\(word)' is no setting; meterkeep settings shows their names")
            }
            names = Set(words.compactMap(SettingName.init(rawValue:)))
        }
        let outcomes = await gateway.settings.apply(meter, names: names, actor: "operator")
        return answer(
            .ok,
            .array(
                outcomes.map { name, outcome in
                    .object([
                        "setting": .string(name.rawValue), "outcome": .string(outcome.description),
                        "agrees": .boolean(outcome == .set || outcome == .agreesAlready),
                    ])
                }))
    }

    private func setAddress(_ name: String, _ request: Request) async -> Response {
        let query = request.uri.queryParameters
        guard let bus = gateway.configuration.buses.first(where: { $0.id.rawValue == name }) else {
            let known = gateway.configuration.buses.map(\.id.rawValue).joined(separator: ", ")
            return refuse(.notFound, "there is no bus '\(name)'; use one of \(known)")
        }
        guard let old = query.get("from", as: UInt8.self), let new = query.get("to", as: UInt8.self),
            (1...247).contains(old), (1...247).contains(new), old != new
        else { return refuse(.unprocessableContent, "an address is a number from 1 to 247, and the two differ") }
        let outcome = await gateway.settings.setAddress(
            old, to: new, profile: query.get("profile") ?? "", on: bus.id)
        guard outcome == .set else { return refuse(.unprocessableContent, outcome.description) }
        return answer(.ok, .object(["unit": .integer(Int64(new))]))
    }

    private func move(_ name: String, _ request: Request) async -> Response {
        guard let id = MeterID(rawValue: name), let meter = await gateway.site.meter(id) else {
            return unknownMeter(name)
        }
        guard let new = request.uri.queryParameters.get("to", as: UInt8.self), (1...247).contains(new) else {
            return refuse(.unprocessableContent, "an address is a number from 1 to 247")
        }
        let outcome = await gateway.settings.move(meter, to: new)
        if case .refused(let reason) = outcome { return refuse(.unprocessableContent, reason) }
        return answer(.ok, .object(["unit": .integer(Int64(new)), "outcome": .string(outcome.description)]))
    }

    private func replace(_ request: Request) async -> Response {
        let query = request.uri.queryParameters
        let name = query.get("circuit") ?? ""
        guard let circuit = CircuitID(rawValue: name) else {
            return refuse(.unprocessableContent, "'\(name)' is no circuit's name")
        }
        let replacement = DeviceReplacement(
            circuit: circuit, oldLast: query.get("old_last", as: Int64.self),
            newFirst: query.get("new_first", as: Int64.self), profile: query.get("profile"),
            serial: query.get("serial"))
        do {
            let report = try await gateway.replace(replacement, isRehearsal: query.get("confirm") != "1")
            return answer(
                .ok,
                .object([
                    "meter": .string(report.meter.rawValue), "old_last": .integer(report.oldLast),
                    "new_first": .integer(report.newFirst), "billed": .integer(report.billed),
                ]))
        } catch {
            return refuse(.unprocessableContent, error.description)
        }
    }

    private func answer(_ status: HTTPResponse.Status, _ json: JSONValue) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json.canonicalBytes())))
    }

    private func refuse(_ status: HTTPResponse.Status, _ what: String) -> Response {
        answer(status, .object(["error": .string(what)]))
    }

    private func unknownMeter(_ name: String) -> Response {
        refuse(.notFound, "there is no meter '\(name)'; meterkeep settings shows their names")
    }
}
