internal import Concentrator
private import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Metering
internal import NIOCore
internal import Storage
internal import UplinkProtocol

/// The ledger, and the files of its sealed months, for whoever asks: the daemon itself may write nowhere but beside
/// its ledger. A stream of lines, each a JSON object: what comes, `data` in base64, and `complete` at the end.
struct BackupRoutes: Sendable {
    let gateway: RunningGateway

    private static let portion = 48 * 1024

    func add<Context: RequestContext>(to router: Router<Context>) {
        router.post("/v1/backup") { request, _ in await backUp(month: request.uri.queryParameters.get("month")) }
    }

    private func backUp(month: String?) async -> Response {
        do {
            if let month {
                guard let source = try await gateway.clerk.sealedFile(month) else {
                    return refusal(.notFound, "there is no sealed month '\(month)'")
                }
                return stream(source, head: ["file": .string(month)])
            }
            let (source, archive) = try await gateway.clerk.copy()
            return stream(
                source,
                head: [
                    "file": .string("ledger.db"), "gateway": .string(gateway.configuration.gateway.rawValue),
                    "epoch": .string(gateway.clerk.ledgerEpoch), "archive": .array(archive.map(JSONValue.string)),
                ])
        } catch {
            return refusal(.serviceUnavailable, error.description)
        }
    }

    private func stream(_ source: BackupSource, head: [String: JSONValue]) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { @concurrent writer in
                var head = head
                head["bytes"] = .integer(source.byteCount)
                try await Self.write(.object(head), to: &writer)
                var offset: Int64 = 0
                while true {
                    let bytes = try source.bytes(at: offset, atMost: Self.portion)
                    if bytes.isEmpty { break }
                    offset += Int64(bytes.count)
                    try await Self.write(.object(["data": .string(Data(bytes).base64EncodedString())]), to: &writer)
                }
                try await Self.write(.object(["complete": .boolean(offset == source.byteCount)]), to: &writer)
                try await writer.finish(nil)
            })
    }

    @concurrent
    private static func write(_ json: JSONValue, to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(bytes: json.canonicalBytes() + [UInt8(ascii: "\n")]))
    }

    private func refusal(_ status: HTTPResponse.Status, _ what: String) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: JSONValue.object(["error": .string(what)]).canonicalBytes())))
    }
}
