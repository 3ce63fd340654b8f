internal import Glibc
internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Synchronization

/// How long connections may say nothing.
public struct PullPatience: Hashable, Sendable {
    /// Until the client has shown its certificate.
    public let handshake: Duration
    /// Between an answer and the next request; longer than any request is held.
    public let idle: Duration

    public static let usual = PullPatience(handshake: .seconds(10), idle: .seconds(90))

    public init(handshake: Duration, idle: Duration) {
        self.handshake = handshake
        self.idle = idle
    }
}

/// The connections that have shown no certificate yet. The oldest gives way to the newest where they are too many, so
/// that strangers who say nothing, or say it slowly, do not keep consumers out.
final class Handshakes: Sendable {
    private let most: Int
    private let open = Mutex<[(id: ObjectIdentifier, close: @Sendable () -> Void)]>([])

    init(most: Int) { self.most = most }

    func begin(_ id: ObjectIdentifier, close: @escaping @Sendable () -> Void) {
        let oldest = open.withLock { open in
            open.append((id, close))
            return open.count > most ? open.removeFirst() : nil
        }
        oldest?.close()
    }

    func end(_ id: ObjectIdentifier) { open.withLock { open in open.removeAll { $0.id == id } } }
}

/// Ends a connection whose handshake takes too long, and has the kernel find out about peers that are gone.
final class HandshakeGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let handshakes: Handshakes
    private let patience: Duration
    private var timeout: Scheduled<Void>?
    private var isOver = false

    /// Seconds without a word before the kernel asks, and between its questions; so many without an answer end it.
    private static let keepAlive: [(option: CInt, value: SocketOptionValue)] = [
        (CInt(TCP_KEEPIDLE), 60), (CInt(TCP_KEEPINTVL), 15), (CInt(TCP_KEEPCNT), 4),
    ]

    init(_ handshakes: Handshakes, patience: Duration) {
        self.handshakes = handshakes
        self.patience = patience
    }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { begin(context) } }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { end() }
        context.fireUserInboundEventTriggered(event)
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard timeout == nil else { return }
        for (option, value) in Self.keepAlive {
            _ = context.channel.setOption(.tcpOption(.init(rawValue: option)), value: value)
        }
        _ = context.channel.setOption(.socketOption(.so_keepalive), value: 1)
        // Below TLS: its farewell would wait for the very peer that says nothing.
        let transport = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
        let bound = NIOLoopBound((guarded: self, transport: transport ?? context), eventLoop: context.eventLoop)
        let close: @Sendable () -> Void = { [eventLoop = context.eventLoop] in
            // It may have shown its certificate meanwhile.
            eventLoop.execute { if !bound.value.guarded.isOver { bound.value.transport.close(promise: nil) } }
        }
        handshakes.begin(ObjectIdentifier(self), close: close)
        timeout = context.eventLoop.scheduleTask(in: TimeAmount(patience)) { close() }
    }

    private func end() {
        isOver = true
        timeout?.cancel()
        handshakes.end(ObjectIdentifier(self))
    }
}

@available(*, unavailable)
extension HandshakeGuard: Sendable {}
