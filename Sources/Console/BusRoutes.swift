internal import BusSurvey
internal import Concentrator
internal import HTTPTypes
internal import Hummingbird
internal import MeterProfiles
internal import Metering
internal import NIOCore
internal import ServiceLifecycle
internal import UplinkProtocol

/// What the local API tells of the buses: how they are, what goes over them, what hangs on them. What goes
/// on for a while is a stream of lines, each a JSON object.
struct BusRoutes: Sendable {
    let gateway: RunningGateway

    private static let beat: Duration = .seconds(2)

    func add<Context: RequestContext>(to router: Router<Context>) {
        router.get("/v1/buses") { _, _ in buses() }
        router.get("/v1/trace") { request, _ in trace(request) }
        router.get("/v1/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: MetricsPage.contentType],
                body: .init(byteBuffer: ByteBuffer(string: await MetricsPage(gateway).text)))
        }
        router.post("/v1/buses/:bus/scan") { request, context in
            await scan(context.parameters.get("bus") ?? "", request)
        }
        router.post("/v1/buses/:bus/scan/stop") { _, context in
            guard let bus = BusID(rawValue: context.parameters.get("bus") ?? "") else { return unknown("") }
            gateway.stopScan(bus)
            return answer(.ok, .object([:]))
        }
    }

    private func buses() -> Response {
        let now = gateway.clock.monotonicNow()
        return answer(.ok, .array(gateway.busWatches.map { BusJSON.bus($0.snapshot(at: now)) }))
    }

    private func answer(_ status: HTTPResponse.Status, _ json: JSONValue) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json.canonicalBytes())))
    }

    private func refuse(_ status: HTTPResponse.Status, _ what: String) -> Response {
        answer(status, .object(["error": .string(what)]))
    }

    private func unknown(_ bus: String) -> Response {
        let known = gateway.configuration.buses.map(\.id.rawValue).joined(separator: ", ")
        return refuse(.notFound, "there is no bus '\(bus)'; use one of \(known)")
    }
}

// MARK: - Trace

extension BusRoutes {
    private func trace(_ request: Request) -> Response {
        let query = request.uri.queryParameters
        let wanted = query.get("bus")
        let watches = gateway.busWatches.filter { wanted == nil || $0.configuration.id.rawValue == wanted }
        if watches.isEmpty { return unknown(wanted ?? "") }
        let units = query.get("units").map { Set($0.split(separator: ",").compactMap { UInt8($0) }) }
        let filter = TraceFilter(
            units: units, failuresOnly: query.get("failures") == "1", writesOnly: query.get("writes") == "1")
        let trace = BusTrace()
        var numbers: [(BusWatch, Int)] = []
        for watch in watches {
            guard let number = watch.follow(trace) else {
                for (watch, number) in numbers { watch.unfollow(number) }
                return refuse(
                    .serviceUnavailable,
                    "\(BusWatch.mostTraces) traces of bus \(watch.configuration.id) run already; end one of them")
            }
            numbers.append((watch, number))
        }
        let followed = numbers
        return stream { writer in
            // A reader that went away is noticed when something is written to it.
            let beat = Task { [beat = Self.beat] in
                while !Task.isCancelled {
                    try await Task.sleep(for: beat)
                    trace.beat()
                }
            }
            defer {
                beat.cancel()
                for (watch, number) in followed { watch.unfollow(number) }
            }
            for await item in trace.items.cancelOnGracefulShutdown() {
                switch item {
                case .transaction(let traced):
                    guard filter.wants(traced) else { continue }
                    for line in TraceLine.lines(traced) {
                        try await Self.write(BusJSON.line(line, of: traced, now: now), to: &writer)
                    }
                case .lost(let count): try await Self.write(.object(["lost": .integer(Int64(count))]), to: &writer)
                case .stillHere: try await Self.write(.object([:]), to: &writer)
                }
            }
            try await writer.finish(nil)
        }
    }

    private var now: Timestamp { gateway.clock.now() }
}

// MARK: - Scan

extension BusRoutes {
    private func scan(_ name: String, _ request: Request) async -> Response {
        guard let bus = gateway.configuration.buses.first(where: { $0.id.rawValue == name }) else {
            return unknown(name)
        }
        let query = request.uri.queryParameters
        let range: ScanRange
        do {
            range = try ScanRange(
                rates: query.get("rates") ?? "", formats: query.get("formats") ?? "", units: query.get("units") ?? "",
                timeoutMilliseconds: query.get("timeout_ms", as: Int.self), isThorough: query.get("thorough") == "1",
                bus: bus.serial, isSerial: bus.devicePath != nil, profiles: gateway.profiles.all)
        } catch {
            return refuse(.unprocessableContent, error.description)
        }
        guard let job = gateway.scan(bus.id, range) else { return unknown(name) }
        let installed = await gateway.site.devices(on: bus.id)
        return stream { writer in
            // Whoever asked went away: nobody waits for the rest.
            defer { job.abort() }
            var isEnded = false
            for await event in job.events.cancelOnGracefulShutdown() {
                switch event {
                case .ended, .failed: isEnded = true
                case .progress, .found: break
                }
                let news = ScanJSON.event(event, bus: bus, configured: bus.serial, installed: installed)
                try await Self.write(news, to: &writer)
            }
            if !isEnded { try await Self.write(.object(["error": .string("the daemon stops")]), to: &writer) }
            try await writer.finish(nil)
        }
    }

    private func stream(
        _ body: @escaping @Sendable @concurrent (inout any ResponseBodyWriter) async throws -> Void
    ) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody(body))
    }

    @concurrent
    private static func write(_ json: JSONValue, to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(bytes: json.canonicalBytes() + [UInt8(ascii: "\n")]))
    }
}
