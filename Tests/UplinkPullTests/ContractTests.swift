import Foundation
import Metering
import NIOHTTP1
import Testing
import UplinkProtocol
import Yams

/// `docs/openapi.yaml`, as far as it is used there.
private struct Contract {
    struct Operation {
        let path: String
        let method: HTTPMethod
        let parameters: [[String: Any]]
        let body: [String: Any]?
        let responses: [String: Any]
    }

    let root: [String: Any]
    let operations: [Operation]

    init() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/openapi.yaml")
        let root = try #require(try Yams.load(yaml: try String(contentsOf: file, encoding: .utf8)) as? [String: Any])
        self.root = root
        var operations: [Operation] = []
        for (path, methods) in root["paths"] as? [String: [String: [String: Any]]] ?? [:] {
            for (method, operation) in methods {
                let parameters = (operation["parameters"] as? [[String: Any]] ?? []).map { Self.resolve($0, root) }
                operations.append(
                    Operation(
                        path: path, method: HTTPMethod(rawValue: method.uppercased()), parameters: parameters,
                        body: Self.schema(operation["requestBody"] as? [String: Any] ?? [:], "application/json"),
                        responses: operation["responses"] as? [String: Any] ?? [:]))
            }
        }
        self.operations = operations.sorted { $0.path < $1.path }
    }

    static func resolve(_ value: [String: Any], _ root: [String: Any]) -> [String: Any] {
        guard let reference = value["$ref"] as? String else { return value }
        var node: Any = root
        for part in reference.split(separator: "/").dropFirst() {
            node = (node as? [String: Any])?[String(part)] ?? [:] as [String: Any]
        }
        return node as? [String: Any] ?? [:]
    }

    static func schema(_ holder: [String: Any], _ type: String) -> [String: Any]? {
        ((holder["content"] as? [String: Any])?[type] as? [String: Any])?["schema"] as? [String: Any]
    }

    /// Why a value is not what a schema says; nil where it is.
    func problem(_ value: JSONValue, _ schema: [String: Any], at place: String) -> String? {
        let schema = Self.resolve(schema, root)
        if let forms = schema["oneOf"] as? [[String: Any]] {
            let fitting = forms.count { problem(value, $0, at: place) == nil }
            return fitting == 1 ? nil : "\(place) has \(fitting) of the \(forms.count) forms, not one"
        }
        if let allowed = schema["enum"] as? [String], !allowed.contains(value.string ?? "") {
            return "\(place) is none of \(allowed)"
        }
        switch schema["type"] as? String {
        case "integer":
            guard let number = value.integer else { return "\(place) is no integer" }
            if let least = schema["minimum"] as? Int, number < least { return "\(place) is below \(least)" }
            if let most = schema["maximum"] as? Int, number > most { return "\(place) is above \(most)" }
        case "string":
            guard let text = value.string else { return "\(place) is no text" }
            if let least = schema["minLength"] as? Int, text.utf8.count < least { return "\(place) is too short" }
            if let most = schema["maxLength"] as? Int, text.utf8.count > most { return "\(place) is too long" }
        case "array":
            guard let items = value.array else { return "\(place) is no list" }
            let itemSchema = schema["items"] as? [String: Any] ?? [:]
            for item in items { if let problem = problem(item, itemSchema, at: "\(place)[]") { return problem } }
        case "object":
            guard let members = value.object else { return "\(place) is no object" }
            for name in schema["required"] as? [String] ?? [] where members[name] == nil {
                return "\(place).\(name) is missing"
            }
            guard let properties = schema["properties"] as? [String: [String: Any]] else { return nil }
            for (name, member) in members {
                guard let property = properties[name] else { return "\(place).\(name) is not in the contract" }
                if let problem = problem(member, property, at: "\(place).\(name)") { return problem }
            }
        default: return "\(place) has no type in the contract"
        }
        return nil
    }

    /// Why an answer is not in the contract; nil where it is.
    func problem(_ answer: Answer, to operation: Operation) -> String? {
        guard let response = operation.responses[String(answer.status)] as? [String: Any] else {
            return "status \(answer.status) is not in the contract"
        }
        let content = Self.resolve(response, root)
        guard content["content"] != nil else { return answer.bytes.isEmpty ? nil : "a body where there is none" }
        guard let type = answer.type, let schema = Self.schema(content, type) else {
            return "content type \(answer.type ?? "none") is not in the contract"
        }
        if type == "application/x-ndjson" {
            for line in answer.bytes.split(separator: UInt8(ascii: "\n")) {
                guard let json = try? StrictJSON.parse(Array(line)) else { return "a line is no JSON" }
                if let problem = problem(json, schema, at: "record") { return problem }
            }
            return nil
        }
        return problem(answer.json, schema, at: "body")
    }
}

/// Values that a schema allows, and values that it does not.
private func samples(_ schema: [String: Any]) -> (good: [String], bad: [String]) {
    if let allowed = schema["enum"] as? [String] { return (allowed, ["nothing", "Ledger", "%2e%2e", "1"]) }
    if schema["type"] as? String == "integer" {
        let least = schema["minimum"] as? Int ?? 0
        let most = schema["maximum"] as? Int
        return (
            [String(least), String(min(least + 1, most ?? .max))],
            [
                String(least - 1), most.map { String($0 + 1) } ?? "9223372036854775808", "1.0", "1e2", "x", "0x1",
                "%20", "",
            ]
        )
    }
    return (["e1"], [String(repeating: "e", count: (schema["maxLength"] as? Int ?? 64) + 1), ""])
}

@Suite("The pull endpoint keeps docs/openapi.yaml", .timeLimit(.minutes(5)))
struct ContractTests {
    @Test("every parameter's good and bad values: the status, the type and the body are in the contract")
    func parameters() async throws {
        try await PullBench.run { bench in
            let contract = try Contract()
            let columns = "application/vnd.meterkeep.columns+json"
            #expect(contract.operations.count == 3)
            for _ in 0..<3 { bench.source.addEvent() }
            bench.source.addReadings(1...9, meter: try #require(MeterID(rawValue: "M-1")))
            bench.source.evict(through: 2)
            var seen: Set<Int> = []
            for operation in contract.operations {
                for (path, isGood) in requests(operation) {
                    for accept in [nil, "application/x-ndjson", columns, "text/html"] as [String?] {
                        let bodies = operation.body == nil ? [nil] : Self.bodies.map(Optional.some)
                        for (body, isGoodBody) in bodies.map({ ($0?.text, $0?.isGood ?? true) }) {
                            let answer = try await bench.ask(operation.method, path, accept: accept, body: body)
                            let asked = "\(operation.method) \(path) \(accept ?? "") \(body?.prefix(60) ?? "")"
                            if let problem = contract.problem(answer, to: operation) {
                                Issue.record("\(asked): \(problem)")
                            }
                            seen.insert(answer.status)
                            if !isGood || !isGoodBody { #expect(answer.status >= 400, "\(asked)") }
                            if isGood, isGoodBody, accept == nil || (accept == columns && !path.contains("ledger")) {
                                #expect([200, 204, 410].contains(answer.status), "\(asked): \(answer.status)")
                            }
                        }
                    }
                }
            }
            #expect(seen.isSuperset(of: [200, 400, 404, 406, 409, 410]))
        }
    }

    @Test("a stranger gets what the contract says, whatever it asks for")
    func strangers() async throws {
        try await PullBench.run { bench in
            let contract = try Contract()
            for operation in contract.operations {
                let (path, _) = try #require(requests(operation).first)
                let answer = try await bench.ask(operation.method, path, body: "{}", as: "stranger")
                #expect(answer.status == 403)
                #expect(contract.problem(answer, to: operation) == nil)
            }
        }
    }

    @Test("the checker finds what is not in the contract")
    func checker() throws {
        let contract = try Contract()
        let operation = try #require(contract.operations.first)
        func problem(_ status: Int, _ type: String?, _ body: String) -> String? {
            contract.problem(
                Answer(status: status, type: type, headers: [:], bytes: Array(body.utf8)), to: operation)
        }
        let logs = "\"logs\":[{\"log\":\"ledger\",\"epoch\":\"e\",\"last\":0,\"acknowledged\":0}]"
        #expect(problem(200, "application/json", "{\"gateway\":\"G-1\",\(logs)}") == nil)
        #expect(problem(418, "application/json", "{}") == "status 418 is not in the contract")
        #expect(problem(200, "text/html", "{}") == "content type text/html is not in the contract")
        #expect(problem(200, "application/json", "{\(logs)}") == "body.gateway is missing")
        #expect(
            problem(200, "application/json", "{\"gateway\":\"G\",\(logs),\"more\":1}")
                == "body.more is not in the contract")
        #expect(
            problem(200, "application/json", "{\"gateway\":\"G\",\"logs\":[{}]}") == "body.logs[].log is missing")
    }

    private static let bodies: [(text: String, isGood: Bool)] = [
        ("{\"epoch\":\"e1\",\"through\":3}", true), ("{\"epoch\":\"e1\",\"through\":0}", true),
        ("{\"epoch\":\"e1\",\"through\":-1}", false), ("{\"epoch\":\"e1\",\"through\":3.0}", false),
        ("{\"epoch\":\"e1\",\"through\":\"3\"}", false), ("{\"epoch\":\"\",\"through\":3}", false),
        ("{\"epoch\":\"e1\"}", false), ("{\"epoch\":\"e1\",\"through\":3,\"more\":1}", false),
        ("{\"epoch\":\"e1\",\"epoch\":\"e1\",\"through\":3}", false), ("", false), ("[]", false),
        (String(repeating: " ", count: 5_000), false),
    ]

    /// Each parameter in turn with each of its values, all others left out or good.
    private func requests(_ operation: Contract.Operation) -> [(path: String, isGood: Bool)] {
        var requests: [(String, Bool)] = []
        func path(_ values: [String: String]) -> String {
            var path = operation.path
            var query: [String] = []
            for parameter in operation.parameters {
                let name = parameter["name"] as? String ?? ""
                if parameter["in"] as? String == "path" {
                    let usual = name == "gateway" ? "G-1" : "telemetry"
                    path = path.replacingOccurrences(of: "{\(name)}", with: values[name] ?? usual)
                } else if let value = values[name] {
                    query.append("\(name)=\(value)")
                }
            }
            return query.isEmpty ? path : "\(path)?\(query.joined(separator: "&"))"
        }
        requests.append((path([:]), true))
        for parameter in operation.parameters {
            let name = parameter["name"] as? String ?? ""
            let isPath = parameter["in"] as? String == "path"
            var (good, bad) = samples(parameter["schema"] as? [String: Any] ?? [:])
            // The one gateway there is; an empty part of a path is another path.
            if name == "gateway" { (good, bad) = (["G-1"], ["G-2", "g-1", "%2e%2e"]) }
            // A wait that is held would only take its time.
            requests += good.map { (path([name: $0]), true) }
            requests += bad.filter { !isPath || !$0.isEmpty }.map { (path([name: $0]), false) }
        }
        return requests
    }
}
