import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Testing
import UplinkPull

@Suite("Connections that say nothing", .timeLimit(.minutes(5)))
struct SilentClientTests {
    private static let logs = "/v1/gateways/G-1/logs"

    private func connect(
        _ bench: PullBench, _ handlers: @escaping @Sendable () throws -> [any ChannelHandler] = { [] }
    ) async throws -> any Channel {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandlers(handlers()) }
            }
            .connect(host: "localhost", port: bench.port).get()
    }

    @Test("however many there are, a consumer gets through: the oldest give way")
    func many() async throws {
        // Nothing but their number ends them.
        try await PullBench.run(patience: .init(handshake: .seconds(3_600), idle: .seconds(3_600))) { bench in
            var strangers: [any Channel] = []
            for _ in 0..<80 { strangers.append(try await connect(bench)) }
            #expect(try await bench.ask(.GET, Self.logs).status == 200)
            try await strangers[0].closeFuture.get()
            for stranger in strangers { try? await stranger.close() }
        }
    }

    @Test("one that shows no certificate is ended, though it might still say something")
    func handshake() async throws {
        try await PullBench.run(patience: .init(handshake: .milliseconds(50), idle: .seconds(3_600))) { bench in
            let stranger = try await connect(bench)
            // The first bytes of a handshake record that never ends.
            try? await stranger.writeAndFlush(ByteBuffer(bytes: [22, 3, 1, 2, 0]))
            try await stranger.closeFuture.get()
        }
    }

    @Test("one that has shown its certificate and asks nothing is ended; one that asks is answered")
    func idle() async throws {
        try await PullBench.run(patience: .init(handshake: .seconds(3_600), idle: .milliseconds(50))) { bench in
            let context = try NIOSSLContext(configuration: bench.tls(of: "billing"))
            let consumer = try await connect(bench) {
                [try NIOSSLClientHandler(context: context, serverHostname: "localhost")]
            }
            try await consumer.closeFuture.get()
        }
        try await PullBench.run { bench in
            let answer = try await bench.ask(.GET, Self.logs)
            #expect(answer.status == 200)
        }
    }
}
