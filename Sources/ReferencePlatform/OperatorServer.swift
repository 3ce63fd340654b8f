internal import Foundation
public import Hummingbird
public import Logging
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// The operator's side of the platform: JSON over a unix-domain socket that only its owner can open.
public struct OperatorServer: Sendable {
    private let server: PlatformServer
    private var store: PlatformStore { server.store }

    public init(beside server: PlatformServer) { self.server = server }

    public func application(socketPath: String, logger: Logger) -> some ApplicationProtocol {
        let router = Router()
        router.get("/gateways") { _, _ in
            let gateways = try store.gateways().map { gateway in
                JSONValue.object([
                    "gateway": .string(gateway.gateway), "epoch": .string(gateway.epoch),
                    "ledger_through": .integer(gateway.ledgerThrough),
                    "telemetry_through": .integer(gateway.telemetryThrough), "heard_at_ms": .integer(gateway.heardAt),
                    "faults": .integer(gateway.faults), "last_fault": .string(gateway.lastFault),
                    "withheld": .integer(gateway.withheld),
                ])
            }
            return PlatformServer.answer(.ok, .array(gateways))
        }
        router.get("/meters") { _, _ in
            let meters = try store.meters().map { meter in
                JSONValue.object([
                    "gateway": .string(meter.gateway), "meter": .string(meter.meter),
                    "heard_at_ms": .integer(meter.heardAt), "read_at_ms": .integer(meter.readAt),
                    "values": .object(meter.values.mapValues(JSONValue.integer)),
                ])
            }
            return PlatformServer.answer(.ok, .array(meters))
        }
        router.get("/balances") { _, _ in
            let accounts = try store.accounts().map { account in
                JSONValue.object([
                    "gateway": .string(account.gateway), "account": .string(account.account),
                    "balance_microunits": .integer(account.balance.microunits),
                    "last_recharge": .integer(account.lastRechargeNumber), "alarm": .string(account.alarm),
                    "certain": .boolean(account.isCertain),
                ])
            }
            return PlatformServer.answer(.ok, .array(accounts))
        }
        router.get("/commands") { _, _ in
            let commands = try store.commands().map { command in
                JSONValue.object([
                    "gateway": .string(command.gateway), "id": .string(command.id),
                    "position": .integer(command.position), "kind": .string(command.kind),
                    "state": .string(command.state), "outcome": .string(command.outcome),
                    "detail": .object(command.detail.mapValues(JSONValue.string)),
                ])
            }
            return PlatformServer.answer(.ok, .array(commands))
        }
        router.get("/lost") { request, _ in
            let seconds = max(0, request.uri.queryParameters.get("after", as: Int64.self) ?? 900)
            let lost = try store.silent(since: PlatformServer.now() + .seconds(-seconds)).map { silent in
                JSONValue.object([
                    "gateway": .string(silent.gateway), "meter": silent.meter.map(JSONValue.string) ?? .null,
                    "heard_at_ms": .integer(silent.heardAt),
                ])
            }
            return PlatformServer.answer(.ok, .array(lost))
        }
        router.get("/ledger/:gateway/:account") { _, context in
            let records = try store.ledger(
                gateway: context.parameters.get("gateway") ?? "", account: context.parameters.get("account") ?? "")
            return PlatformServer.answer(.ok, .array(records))
        }
        router.get("/readings/:gateway") { _, context in
            let readings = try store.readings(of: context.parameters.get("gateway") ?? "").map { epoch, entry in
                JSONValue.object(["epoch": .string(epoch), "record": entry.record.json])
            }
            return PlatformServer.answer(.ok, .array(readings))
        }
        router.post("/recharges") { request, _ in try await issue(request) }
        router.post("/pairings") { request, _ in try await pair(request) }
        router.get("/faults") { _, _ in PlatformServer.answer(.ok, server.faults.json) }
        router.post("/faults") { request, _ in try await setFault(request) }
        router.post("/commands") { request, _ in try await send(request) }
        return Application(
            router: router, configuration: .init(address: .unixDomainSocket(path: socketPath)), logger: logger)
    }

    private func setFault(_ request: Request) async throws -> Response {
        let bytes = Array(try await request.body.collect(upTo: 64 * 1024).readableBytesView)
        do {
            try server.faults.set(json: try StrictJSON.parse(bytes))
            return PlatformServer.answer(.ok, server.faults.json)
        } catch let problem as FieldProblem {
            return PlatformServer.answer(.badRequest, .object(["error": .string(problem.description)]))
        } catch let problem as JSONProblem {
            return PlatformServer.answer(.badRequest, .object(["error": .string(problem.description)]))
        }
    }

    /// Makes a pairing code: `{"gateway": …, "minutes": …}`.
    private func pair(_ request: Request) async throws -> Response {
        let bytes = Array(try await request.body.collect(upTo: 64 * 1024).readableBytesView)
        func refuse(_ problem: any Error) -> Response {
            PlatformServer.answer(.badRequest, .object(["error": .string("\(problem)")]))
        }
        do {
            var reader = try ObjectReader(try StrictJSON.parse(bytes), name: "pairing")
            let gateway = try reader.identifier("gateway", Gateway.self)
            let minutes = try reader.integer("minutes")
            try reader.finish()
            guard (1...10_080).contains(minutes) else {
                throw FieldProblem(field: "pairing.minutes", value: "\(minutes)", reason: "must be 1 to 10080")
            }
            guard let office = server.office else {
                throw FieldProblem(
                    field: "pairing", reason: "this platform makes no certificates; serve with --authority-key")
            }
            let now = PlatformServer.now()
            let code = try store.pair(gateway, office: office, for: .seconds(minutes * 60), now: now)
            return PlatformServer.answer(.ok, .object(["code": .string(code.text)]))
        } catch let problem as FieldProblem {
            return refuse(problem)
        } catch let problem as JSONProblem {
            return refuse(problem)
        }
    }

    /// Queues any command: `{"gateway": …, "command": {…}}`, without a position.
    private func send(_ request: Request) async throws -> Response {
        let bytes = Array(try await request.body.collect(upTo: 1024 * 1024).readableBytesView)
        func refuse(_ status: HTTPResponse.Status, _ problem: any Error) -> Response {
            PlatformServer.answer(status, .object(["error": .string("\(problem)")]))
        }
        do {
            var reader = try ObjectReader(try StrictJSON.parse(bytes), name: "request")
            let gateway = try reader.identifier("gateway", Gateway.self)
            let command = try reader.value("command")
            try reader.finish()
            try server.issue(command, gateway: gateway)
            return PlatformServer.answer(.accepted, .object(["id": command.object?["id"] ?? .null]))
        } catch let problem as CommandProblem {
            if case .idTaken = problem { return refuse(.conflict, problem) }
            return refuse(.badRequest, problem)
        } catch let problem as FieldProblem {
            return refuse(.badRequest, problem)
        } catch let problem as JSONProblem {
            return refuse(.badRequest, problem)
        }
    }

    private func issue(_ request: Request) async throws -> Response {
        let bytes = Array(try await request.body.collect(upTo: 64 * 1024).readableBytesView)
        do {
            var reader = try ObjectReader(try StrictJSON.parse(bytes), name: "recharge")
            let gateway = try reader.identifier("gateway", Gateway.self)
            let account = try reader.identifier("account", CustomerAccount.self)
            let customer = try reader.text("customer_number")
            let issuer = try reader.text("issuer")
            let number = try reader.optionalInteger("number")
            let id = try reader.optionalText("id") ?? "r-\(UUID().uuidString.lowercased())"
            guard let amount = Money(decimal: try reader.text("amount")) else {
                throw FieldProblem(field: "recharge.amount", reason: "is not decimal text like 12.50")
            }
            try reader.finish()
            try server.issue((account, customer, issuer, amount), number: number, gateway: gateway, id: id)
            return PlatformServer.answer(.accepted, .object(["id": .string(id)]))
        } catch let problem as FieldProblem {
            return PlatformServer.answer(.badRequest, .object(["error": .string(problem.description)]))
        } catch let problem as JSONProblem {
            return PlatformServer.answer(.badRequest, .object(["error": .string(problem.description)]))
        } catch let problem as SaleProblem {
            return PlatformServer.answer(.conflict, .object(["error": .string(problem.description)]))
        }
    }
}
