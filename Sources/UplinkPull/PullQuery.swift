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

/// What a consumer asks for.
struct PullQuery {
    /// Nil: what it acknowledged last.
    let cursor: Int64?
    let epoch: String?
    let limit: Int
    /// Seconds
    let wait: Int64
    let isNDJSON: Bool

    private static let usualLimit: Int64 = 500

    init(_ request: Request) throws(PullRefusal) {
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
        isNDJSON =
            accepted.first { ["application/x-ndjson", "application/json"].contains($0) } == "application/x-ndjson"
        guard isNDJSON || accepted.contains(where: { ["application/json", "application/*", "*/*"].contains($0) })
        else { throw PullRefusal(.notAcceptable, "records come as application/json or application/x-ndjson") }
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

    /// Where a consumer that asked after `cursor` must go on, when what it asked for was evicted: the oldest
    /// cursor from which nothing is missing. Nil when nothing was.
    static func oldestCursor(_ records: [(sequence: Int64, json: JSONValue)], asked cursor: Int64) -> Int64? {
        var oldest: Int64?
        var next = cursor + 1
        for record in records {
            let gap = record.json.object?["gap"]?.object
            let isEvicted = gap?["reason"]?.string?.hasPrefix("evicted") ?? false
            guard isEvicted || (gap == nil && record.sequence != next) else { break }
            oldest = isEvicted ? record.sequence : record.sequence - 1
            next = record.sequence + 1
            if !isEvicted { break }
        }
        return oldest
    }
}
