private import AsyncHTTPClient
private import Foundation
private import NIOCore
private import NIOHTTP1
public import UplinkProtocol

/// Why the daemon did not do what the command line asked.
public enum LocalClientError: Error, Sendable, CustomStringConvertible {
    /// 69: nobody listens.
    case notRunning(socketPath: String)
    /// 69: it stopped while it answered.
    case ended(socketPath: String)
    /// 65: the daemon looked at it and refused.
    case refused(String)

    public var exitCode: Int32 {
        switch self {
        case .notRunning, .ended: 69
        case .refused: 65
        }
    }

    public var description: String {
        switch self {
        case .notRunning(let path):
            "no daemon listens at \(path); start it (systemctl start meterkeepd), or name its socket with --socket"
        case .ended(let path):
            "the daemon at \(path) ended its answer too early; is it running still? (meterkeep status)"
        case .refused(let text): text
        }
    }
}

/// The command line's side of the local API.
public struct LocalClient: Sendable {
    private let socketPath: String

    private static let largestAnswer = 64 * 1024 * 1024
    /// Lives as long as the program.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        // Where nobody listens nobody will within the time of a request: that is said at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    public init(socketPath: String) { self.socketPath = socketPath }

    public func get(_ path: String) async throws -> JSONValue { try await ask(path, body: nil) }

    public func post(_ path: String, body: String) async throws -> JSONValue { try await ask(path, body: body) }

    /// Reads an answer that goes on for a while, a line of JSON each.
    /// - Parameter take: false ends it, by hanging up.
    public func stream(
        _ path: String, posts: Bool = false, take: (JSONValue) throws -> Bool
    ) async throws {
        var request = HTTPClientRequest(url: url(path))
        if posts { request.method = .POST }
        let response: HTTPClientResponse
        do {
            response = try await Self.http.execute(request, timeout: .hours(24))
        } catch {
            throw LocalClientError.notRunning(socketPath: socketPath)
        }
        guard (200..<300).contains(response.status.code) else {
            let bytes = Array(try await response.body.collect(upTo: Self.largestAnswer).readableBytesView)
            throw refusal(bytes, status: Int(response.status.code))
        }
        var rest: [UInt8] = []
        do {
            for try await chunk in response.body {
                rest += chunk.readableBytesView
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let json = try StrictJSON.parse(Array(rest[..<end]), limit: Self.largestAnswer)
                    rest.removeSubrange(...end)
                    if try !take(json) { return }
                }
            }
        } catch is HTTPClientError {
            throw LocalClientError.ended(socketPath: socketPath)
        }
    }

    private func url(_ path: String) -> String {
        let name = socketPath.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socketPath
        return "http+unix://\(name)\(path)"
    }

    private func refusal(_ bytes: [UInt8], status: Int) -> LocalClientError {
        let json = try? StrictJSON.parse(bytes, limit: Self.largestAnswer)
        return .refused(json?.object?["error"]?.string ?? "the daemon answered \(status)")
    }

    private func ask(_ path: String, body: String?) async throws -> JSONValue {
        var request = HTTPClientRequest(url: url(path))
        if let body {
            request.method = .POST
            request.body = .bytes(Array(body.utf8))
        }
        let status: Int
        let bytes: [UInt8]
        do {
            let response = try await Self.http.execute(request, timeout: .seconds(60))
            status = Int(response.status.code)
            bytes = Array(try await response.body.collect(upTo: Self.largestAnswer).readableBytesView)
        } catch {
            throw LocalClientError.notRunning(socketPath: socketPath)
        }
        guard (200..<300).contains(status) else { throw refusal(bytes, status: status) }
        return try StrictJSON.parse(bytes, limit: Self.largestAnswer)
    }
}
