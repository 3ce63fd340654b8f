private import AsyncHTTPClient
private import Foundation
private import NIOCore
private import NIOHTTP1
public import UplinkProtocol

/// Why the daemon did not do what the command line asked.
public enum LocalClientError: Error, Sendable, CustomStringConvertible {
    /// 69: nobody listens.
    case notRunning(socketPath: String)
    /// 65: the daemon looked at it and refused.
    case refused(String)

    public var exitCode: Int32 {
        switch self {
        case .notRunning: 69
        case .refused: 65
        }
    }

    public var description: String {
        switch self {
        case .notRunning(let path):
            "no daemon listens at \(path); start it (systemctl start meterkeepd), or name its socket with --socket"
        case .refused(let text): text
        }
    }
}

/// The command line's side of the local API.
public struct LocalClient: Sendable {
    private let socketPath: String

    private static let largestAnswer = 64 * 1024 * 1024

    public init(socketPath: String) { self.socketPath = socketPath }

    public func get(_ path: String) async throws -> JSONValue { try await ask(path, body: nil) }

    public func post(_ path: String, body: String) async throws -> JSONValue { try await ask(path, body: body) }

    private func ask(_ path: String, body: String?) async throws -> JSONValue {
        let name = socketPath.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socketPath
        var request = HTTPClientRequest(url: "http+unix://\(name)\(path)")
        if let body {
            request.method = .POST
            request.body = .bytes(Array(body.utf8))
        }
        let status: Int
        let bytes: [UInt8]
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            status = Int(response.status.code)
            bytes = Array(try await response.body.collect(upTo: Self.largestAnswer).readableBytesView)
        } catch {
            throw LocalClientError.notRunning(socketPath: socketPath)
        }
        let json = try StrictJSON.parse(bytes, limit: Self.largestAnswer)
        guard (200..<300).contains(status) else {
            throw LocalClientError.refused(json.object?["error"]?.string ?? "the daemon answered \(status)")
        }
        return json
    }
}
