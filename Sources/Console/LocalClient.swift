private import AsyncHTTPClient
private import Foundation
private import NIOCore
private import NIOHTTP1
public import UplinkProtocol

/// Why the daemon did not do what the command line asked.
public enum LocalClientError: Error, Sendable, CustomStringConvertible {
    /// 69: nobody listens.
    case notRunning(socketPath: String)
    /// 77: somebody listens, but not to this user.
    case notAllowed(socketPath: String)
    /// 69: it stopped while it answered.
    case ended(socketPath: String)
    /// 75: no answer within the time.
    case tooSlow(socketPath: String, within: Duration)
    /// 65: the daemon looked at it and refused.
    case refused(String)

    public var exitCode: Int32 {
        switch self {
        case .notRunning, .ended: 69
        case .notAllowed: 77
        case .tooSlow: 75
        case .refused: 65
        }
    }

    public var description: String {
        switch self {
        case .notRunning(let path):
            "no daemon listens at \(path); start it (systemctl start meterkeepd), or name its socket with --socket"
        case .notAllowed(let path): "this user may not speak to the daemon at \(path); run it as root"
        case .tooSlow(let path, let time):
            """
            the daemon at \(path) has not answered within \(time.components.seconds) s; what was asked may still be \
            carried out: look before you repeat it (meterkeep status)
            """
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

    /// How long most answers may take.
    public static let usualTime: Duration = .seconds(60)
    /// For what reads a whole ledger, or asks every meter of a site.
    public static let longTime: Duration = .seconds(3600)

    public func get(_ path: String, within time: Duration = usualTime) async throws -> JSONValue {
        try await ask(path, body: nil, within: time)
    }

    public func post(_ path: String, body: String, within time: Duration = usualTime) async throws -> JSONValue {
        try await ask(path, body: body, within: time)
    }

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
            throw problem(error, within: .seconds(24 * 3600))
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

    /// Why no answer came.
    private func problem(_ error: any Error, within time: Duration) -> LocalClientError {
        switch error {
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
            .tooSlow(socketPath: socketPath, within: time)
        case let error as HTTPClientError where error == .remoteConnectionClosed: .ended(socketPath: socketPath)
        case let error as IOError where error.errnoCode == EACCES: .notAllowed(socketPath: socketPath)
        default: .notRunning(socketPath: socketPath)
        }
    }

    private func ask(_ path: String, body: String?, within time: Duration) async throws -> JSONValue {
        var request = HTTPClientRequest(url: url(path))
        if let body {
            request.method = .POST
            request.body = .bytes(Array(body.utf8))
        }
        let status: Int
        let bytes: [UInt8]
        do {
            let response = try await Self.http.execute(request, timeout: .seconds(time.components.seconds))
            status = Int(response.status.code)
            bytes = Array(try await response.body.collect(upTo: Self.largestAnswer).readableBytesView)
        } catch {
            throw problem(error, within: time)
        }
        guard (200..<300).contains(status) else { throw refusal(bytes, status: status) }
        return try StrictJSON.parse(bytes, limit: Self.largestAnswer)
    }
}
