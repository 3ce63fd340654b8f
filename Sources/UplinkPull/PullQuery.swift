internal import HTTPTypes
internal import Hummingbird
internal import UplinkProtocol

/// An answer that is none: its status, and why.
struct PullRefusal: Error {
    let status: HTTPResponse.Status
    let reason: String
    let headers: HTTPFields

    init(_ status: HTTPResponse.Status, _ reason: String, headers: HTTPFields = [:]) {
        self.status = status
        self.reason = reason
        self.headers = headers
    }

    var response: Response {
        var response = PullServer.answer(status, .object(["error": .string(reason)]))
        response.headers.append(contentsOf: headers)
        return response
    }
}

/// The forms in which records are given out.
enum PullType: CaseIterable {
    case records, lines, columns

    /// - Parameter name: a range of an Accept field. Nil for what there is not of this log.
    init?(_ name: String, of log: UplinkProtocol.Log) {
        switch name {
        case "*/*", "application/*": self = .records
        default:
            guard let type = Self.allCases.first(where: { $0.name == name }), type != .columns || log == .telemetry
            else { return nil }
            self = type
        }
    }

    var name: String {
        switch self {
        case .records: BatchForm.records.contentType
        case .lines: "application/x-ndjson"
        case .columns: BatchForm.columns.contentType
        }
    }
}

/// What a consumer asks for.
struct PullQuery {
    /// Nil: what it acknowledged last.
    let cursor: Int64?
    let epoch: String?
    let limit: Int
    /// Seconds
    let wait: Int64
    let type: PullType

    private static let usualLimit: Int64 = 500

    init(_ request: Request, of log: UplinkProtocol.Log) throws(PullRefusal) {
        cursor = try Self.number("cursor", in: 0...Int64.max, request)
        limit = Int(try Self.number("limit", in: 1...Int64(PullServer.mostRecords), request) ?? Self.usualLimit)
        wait = try Self.number("wait", in: 0...PullServer.longestWaitSeconds, request) ?? 0
        epoch = request.uri.queryParameters.get("epoch")
        if let epoch, epoch.isEmpty || epoch.utf8.count > 64 {
            throw PullRefusal(.badRequest, "'epoch' has 1 to 64 bytes")
        }
        let accepted = (request.headers[.accept] ?? "*/*").split(separator: ",").map { part in
            part.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
        }
        let types = accepted.compactMap { PullType($0, of: log) }
        guard let first = types.first else {
            let known = PullType.allCases.filter { $0 != .columns || log == .telemetry }
            throw PullRefusal(
                .notAcceptable, "records come as \(known.map(\.name).joined(separator: " or "))")
        }
        type = first
    }

    private static func number(
        _ name: String, in range: ClosedRange<Int64>, _ request: Request
    ) throws(PullRefusal) -> Int64? {
        guard let text = request.uri.queryParameters.get(name) else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw PullRefusal(
                .badRequest, "'\(name)' is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
