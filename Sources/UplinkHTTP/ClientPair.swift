internal import AsyncHTTPClient
private import Glibc
internal import NIOCore
private import Synchronization

/// The connections made with one set of certificates: one client for batches, one for commands, so that a
/// clogged upload does not delay a recharge. Shut down when it is replaced and its last request is over.
final class ClientPair: Sendable {
    private struct Use {
        var requests = 0
        var isReplaced = false
        var isShutDown = false
    }

    let batches: HTTPClient
    let commands: HTTPClient
    private let use = Mutex(Use())

    static let uploadTimeout = TimeAmount.seconds(30)
    static let commandTimeout = TimeAmount.seconds(Int64(PlatformClient.commandWaitSeconds) + 10)

    init(_ address: PlatformAddress) throws(UplinkSetupError) {
        let tls = try address.tls()
        let proxy = try address.proxyServer()
        func client(readTimeout: TimeAmount) -> HTTPClient {
            var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
            configuration.timeout = .init(connect: .seconds(10), read: readTimeout)
            configuration.redirectConfiguration = .disallow
            configuration.httpVersion = .http1Only
            configuration.proxy = proxy
            // The session backs off by itself, and wants to know why at once.
            configuration.connectionPool.retryConnectionEstablishment = false
            return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        }
        batches = client(readTimeout: Self.uploadTimeout)
        commands = client(readTimeout: Self.commandTimeout)
    }

    func begin() { use.withLock { $0.requests += 1 } }

    func end() async {
        await shutDownIf { use in
            use.requests -= 1
            return use.isReplaced && use.requests == 0
        }
    }

    /// No further request begins here.
    func replaced() async {
        await shutDownIf { use in
            use.isReplaced = true
            return use.requests == 0
        }
    }

    func shutDown() async { await shutDownIf { _ in true } }

    private func shutDownIf(_ isDue: @Sendable (inout Use) -> Bool) async {
        let isMine = use.withLock { use in
            guard isDue(&use), !use.isShutDown else { return false }
            use.isShutDown = true
            return true
        }
        guard isMine else { return }
        try? await batches.shutdown()
        try? await commands.shutdown()
    }
}

/// What tells whether a file was replaced.
struct FileStamp: Hashable, Sendable {
    private let changed: [Int]
    private let number: UInt
    private let size: Int

    init(_ path: String) {
        var status = stat()
        // A link is followed: certificates are often replaced by moving a link.
        guard stat(path, &status) == 0 else {
            (changed, number, size) = ([], 0, 0)
            return
        }
        changed = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        number = status.st_ino
        size = status.st_size
    }
}
