internal import Concentrator
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import UplinkProtocol

/// Records that the platform refused, and a platform that lost what it had.
extension LocalAPI {
    private static let mostShown = 1000

    func addUplink(to router: Router<BasicRequestContext>) {
        router.get("/v1/ledger/withheld") { _, _ in await withheld() }
        router.post("/v1/ledger/offer") { _, _ in await offer() }
        router.post("/v1/ledger/resend") { request, _ in
            await resend(from: request.uri.queryParameters.get("from", as: Int64.self))
        }
    }

    private func withheld() async -> Response {
        do {
            let records = try await gateway.withheldRecords(limit: Self.mostShown)
            return answer(
                .ok, .array(records.map { .object(["record": $0.record.json, "reason": .string($0.reason)]) }))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    private func offer() async -> Response {
        guard let offer = await gateway.offerWithheld() else { return withoutPlatform }
        return answer(
            .ok,
            .object([
                "taken": .integer(Int64(offer.taken)), "refused": .integer(Int64(offer.refused)),
                "problem": offer.problem.map(JSONValue.string) ?? .null,
            ]))
    }

    private func resend(from sequence: Int64?) async -> Response {
        guard let sequence, sequence > 0 else {
            return answer(.badRequest, .object(["error": .string("name the record to begin with: its number, from 1")]))
        }
        do {
            guard let goesBack = try await gateway.sendLedgerAgain(from: sequence) else { return withoutPlatform }
            return answer(.ok, .object(["goes_back": .boolean(goesBack)]))
        } catch {
            return answer(.serviceUnavailable, .object(["error": .string(error.description)]))
        }
    }

    private var withoutPlatform: Response {
        answer(.conflict, .object(["error": .string("no platform is configured: there is no section 'uplink'")]))
    }

    static func json(_ broker: BrokerStatus) -> JSONValue {
        .object([
            "condition": .string(broker.condition),
            "ledger_queued": broker.ledgerQueued.map(JSONValue.integer) ?? .null,
            "telemetry_queued": broker.telemetryQueued.map(JSONValue.integer) ?? .null,
            "problem": broker.problem.map(JSONValue.string) ?? .null,
        ])
    }
}
