internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
private import Synchronization
internal import UplinkProtocol

/// Makes the platform do wrong, to try what gateways make of it.
public final class FaultSwitch: Sendable {
    /// Which requests it is about.
    public enum Target: String, Hashable, Sendable, CaseIterable {
        case batches, commands, enrolments
    }

    public enum Fault: Hashable, Sendable {
        /// This status instead of an answer; `retryAfter` as it stands in the header.
        case status(Int, retryAfter: String?)
        /// 200 with the page of a captive portal.
        case wrong
        /// The answer comes so much later.
        case slow(milliseconds: Int64)
        /// The connection is cut before anything was done.
        case cut
        /// All is done, then the connection is cut: the answer is lost.
        case cutAfter
        /// 400 to each batch in which this text is: a record that the platform cannot take.
        case poison(String)
    }

    private struct Setting {
        var fault: Fault
        var left: Int64
    }

    private let state = Mutex<[Target: Setting]>([:])

    /// - Parameter count: for so many requests; then all is well again.
    public func set(_ fault: Fault?, on target: Target, count: Int64) {
        state.withLock { $0[target] = fault.map { Setting(fault: $0, left: count) } }
    }

    /// What is wrong now, by target.
    var json: JSONValue {
        let shown = state.withLock { settings in
            settings.map {
                (
                    $0.key.rawValue,
                    JSONValue.object(["fault": .string("\($0.value.fault)"), "left": .integer($0.value.left)])
                )
            }
        }
        return .object(Dictionary(uniqueKeysWithValues: shown))
    }

    /// Whether a batch holds what the platform is to choke on.
    func poisons(_ bytes: [UInt8]) -> Bool {
        guard case .poison(let text)? = state.withLock({ $0[.batches]?.fault }) else { return false }
        return String(decoding: bytes, as: UTF8.self).contains(text)
    }

    private func next(_ target: Target) -> Fault? {
        state.withLock { settings in
            guard var setting = settings[target] else { return nil }
            if case .poison = setting.fault { return nil }
            setting.left -= 1
            settings[target] = setting.left > 0 ? setting : nil
            return setting.fault
        }
    }

    func applied(
        to target: Target, _ channel: any Channel, _ answer: () async throws -> Response
    ) async throws -> Response {
        switch next(target) {
        case nil: return try await answer()
        case .status(let code, let retryAfter):
            var headers = HTTPFields()
            if let retryAfter { headers[.retryAfter] = retryAfter }
            throw HTTPError(.init(code: code), headers: headers, message: "a fault was asked for")
        case .wrong:
            let page = ByteBuffer(string: "<html><title>Welcome</title>Please log in.</html>")
            return Response(status: .ok, headers: [.contentType: "text/html"], body: .init(byteBuffer: page))
        case .slow(let milliseconds):
            try await Task.sleep(for: .milliseconds(milliseconds))
            return try await answer()
        case .poison: return try await answer()
        case .cut: try await cut(channel)
        case .cutAfter:
            _ = try await answer()
            try await cut(channel)
        }
    }

    private func cut(_ channel: any Channel) async throws -> Never {
        try? await channel.close()
        throw HTTPError(.internalServerError, message: "a cut was asked for")
    }

    /// Reads what an operator asks for: `{"on":"batches","fault":"status","status":503,"retry_after":"7","count":3}`.
    func set(json: JSONValue) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: "fault")
        let target = try reader.word("on", Target.self)
        let kind = try reader.text("fault", longest: 16)
        let status = try reader.optionalInteger("status") ?? 503
        let retryAfter = try reader.optionalText("retry_after")
        let milliseconds = try reader.optionalInteger("milliseconds") ?? 5_000
        let text = try reader.optionalText("text") ?? ""
        let count = try reader.optionalInteger("count") ?? .max
        try reader.finish()
        guard (300...599).contains(status), (0...600_000).contains(milliseconds), count > 0 else {
            throw FieldProblem(
                field: "fault", reason: "has a status beyond 300 to 599, milliseconds beyond 600000, or no count")
        }
        let fault: Fault? =
            switch kind {
            case "none": nil
            case "status": .status(Int(status), retryAfter: retryAfter)
            case "wrong": .wrong
            case "slow": .slow(milliseconds: milliseconds)
            case "cut": .cut
            case "cut_after": .cutAfter
            case "poison" where !text.isEmpty: .poison(text)
            default:
                throw FieldProblem(
                    field: "fault.fault",
                    reason: "is none of none, status, wrong, slow, cut, cut_after, poison (which needs a text)")
            }
        set(fault, on: target, count: count)
    }
}
