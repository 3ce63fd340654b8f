public import Concentrator
internal import ConfigurationReader
internal import HTTPTypes
public import Hummingbird
public import Logging
internal import Metering
internal import NIOCore
internal import Storage
internal import UplinkProtocol

/// The daemon's own API: JSON over a unix-domain socket, for the command line and for scripts on the
/// box. Who may open the socket may do everything: its directory's rights are the lock.
public struct LocalAPI: Sendable {
    let gateway: RunningGateway

    /// An import of 2000 circuits has 300 KB.
    private static let largestImport = 4 * 1024 * 1024
    /// Postings in one statement, at most.
    private static let longestStatement = 10_000

    public init(gateway: RunningGateway) { self.gateway = gateway }

    /// - Parameter onReady: called when the socket listens.
    public func application(
        socketPath: String, logger: Logger, onReady: @escaping @Sendable () async -> Void
    ) -> some ApplicationProtocol {
        let router = Router()
        router.get("/v1/status") { _, _ in await status() }
        router.get("/v1/meters") { _, _ in await meters() }
        router.get("/v1/circuits/:circuit") { _, context in
            await circuit(context.parameters.get("circuit") ?? "")
        }
        router.post("/v1/import") { request, _ in try await importSite(request) }
        router.post("/v1/commands") { request, _ in try await execute(request) }
        router.get("/v1/commands/:id") { _, context in await command(context.parameters.get("id") ?? "") }
        router.post("/v1/reload") { _, _ in await reload() }
        router.post("/v1/cuts/confirm") { _, _ in await confirmCuts() }
        router.post("/v1/ledger/release") { _, _ in await releaseLedger() }
        router.get("/v1/readings/:meter") { request, context in
            await readings(of: context.parameters.get("meter") ?? "", request)
        }
        router.get("/v1/ledger/verify") { _, _ in await verify() }
        router.get("/v1/ledger/records") { request, _ in
            await records(
                after: request.uri.queryParameters.get("after", as: Int64.self) ?? 0,
                limit: request.uri.queryParameters.get("limit", as: Int.self) ?? 100)
        }
        router.get("/v1/ledger/accounts/:account") { request, context in
            await statement(
                of: context.parameters.get("account") ?? "",
                limit: request.uri.queryParameters.get("limit", as: Int.self) ?? 100)
        }
        addUplink(to: router)
        BusRoutes(gateway: gateway).add(to: router)
        BackupRoutes(gateway: gateway).add(to: router)
        MeterRoutes(gateway: gateway).add(to: router)
        return Application(
            router: router, configuration: .init(address: .unixDomainSocket(path: socketPath)),
            onServerRunning: { _ in await onReady() }, logger: logger)
    }

    private func status() async -> Response {
        let status = await gateway.site.status()
        let uplink = await gateway.uplinkStatus()
        let broker = await gateway.brokerStatus()
        let collection = await gateway.collection()
        return answer(
            .ok,
            .object([
                "collection": .object([
                    "today": Self.json(collection.today),
                    "yesterday": collection.yesterday.map(Self.json) ?? .null,
                ]),
                "gateway": .string(gateway.configuration.gateway.rawValue), "at": status.now.json,
                "clock": ClockJSON.report(gateway.clock.report()),
                "configuration_refused": gateway.refusal.map(JSONValue.string) ?? .null,
                "ledger_usable": .boolean(status.isLedgerUsable),
                "ledger_held": status.holdReason.map(JSONValue.string) ?? .null,
                "telemetry_problem": await gateway.telemetryProblem().map(JSONValue.string) ?? .null,
                "chain_head": status.chainHead.map {
                    .object(["seq": .integer($0.sequence), "hash": .string($0.hash.description)])
                } ?? .null,
                "held_cuts": .integer(Int64(status.heldCuts)),
                "circuits": .integer(Int64(status.circuits.count)),
                "answering": .integer(Int64(status.circuits.count { $0.noData == nil && $0.reading != nil })),
                "buses": .array(
                    gateway.configuration.buses.map {
                        .object(["bus": .string($0.id.rawValue), "port": .string($0.port)])
                    }), "troubles": BusJSON.troubles(await gateway.troubles()),
                "uplink": .object([
                    "condition": .string(uplink.condition),
                    "ledger_queued": uplink.ledgerQueued.map(JSONValue.integer) ?? .null,
                    "telemetry_queued": uplink.telemetryQueued.map(JSONValue.integer) ?? .null,
                    "ledger_withheld": uplink.ledgerWithheld.map(JSONValue.integer) ?? .null,
                    "telemetry_refused": .integer(uplink.telemetryRefused),
                    "problem": uplink.problem.map(JSONValue.string) ?? .null,
                ]), "mqtt": broker.map(Self.json) ?? .null,
            ]))
    }

    private func meters() async -> Response {
        let status = await gateway.site.status()
        let uplink = await gateway.uplinkStatus()
        return answer(
            .ok,
            .object([
                "queued": uplink.queued.map(JSONValue.integer) ?? .null,
                "uplink": .string(uplink.condition),
                "circuits": .array(status.circuits.map { MeterJSON.circuit($0, now: status.now) }),
                "devices": .array(status.otherDevices.map(MeterJSON.device)),
                "troubles": BusJSON.troubles(await gateway.troubles()),
            ]))
    }

    private func circuit(_ name: String) async -> Response {
        do {
            let circuit = CircuitID(rawValue: name)
            guard let circuit, let view = try await gateway.site.view(of: circuit) else {
                return answer(
                    .notFound, .object(["error": .string("there is no circuit '\(name)'; meterkeep meters lists them")])
                )
            }
            return answer(.ok, CircuitJSON.view(view))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string("\(error)")]))
        }
    }

    private func importSite(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.largestImport)
        let file = request.uri.queryParameters.get("file") ?? "import"
        do {
            let summary = try await gateway.install(csv: String(buffer: body), file: file)
            return answer(
                .ok,
                .object([
                    "new_meters": .integer(Int64(summary.newMeters)),
                    "new_accounts": .integer(Int64(summary.newAccounts)),
                    "changed_accounts": .integer(Int64(summary.changedAccounts)),
                    "circuits": .integer(Int64(summary.circuits)),
                ]))
        } catch let problems as ConfigurationProblems {
            return answer(.unprocessableContent, .object(["error": .string(problems.description)]))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string("\(error)")]))
        }
    }

    private func releaseLedger() async -> Response {
        do {
            let isReleased = try await gateway.site.releaseLedger(actor: "operator")
            return answer(.ok, .object(["released": .boolean(isReleased)]))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    private func reload() async -> Response {
        let outcome = await gateway.reload()
        if case .applied(let keys) = outcome {
            return answer(.ok, .object(["changed": .array(keys.map(JSONValue.string))]))
        }
        return answer(.unprocessableContent, .object(["error": .string(outcome.refusal ?? "")]))
    }

    private func confirmCuts() async -> Response {
        do {
            let count = try await gateway.site.confirmCuts(actor: "operator")
            return answer(.ok, .object(["confirmed": .integer(Int64(count))]))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    private func statement(of name: String, limit: Int) async -> Response {
        guard let account = AccountID(rawValue: name) else {
            return answer(.badRequest, .object(["error": .string("'\(name)' is no account's name")]))
        }
        do {
            let records = try await gateway.clerk.statement(
                of: account, limit: min(max(limit, 1), Self.longestStatement))
            return answer(.ok, .array(records.map(\.json)))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    private func records(after sequence: Int64, limit: Int) async -> Response {
        do {
            let records = try await gateway.clerk.records(
                after: sequence, limit: min(max(limit, 1), Self.longestStatement))
            return answer(.ok, .array(records.map(\.json)))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    private func verify() async -> Response {
        do {
            return answer(.ok, MeterJSON.verification(try await gateway.clerk.verify()))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    func answer(_ status: HTTPResponse.Status, _ json: JSONValue) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json.canonicalBytes())))
    }
}
