private import Foundation

/// Connects to an MQTT broker through libmosquitto, on a thread of its own, and again whenever the connection ends.
///
/// `@unchecked`: `isStopped` is behind a condition's lock, everything else is set once and itself `Sendable`.
public final class BrokerClient: @unchecked Sendable {
    /// How it is now; where nobody looks for a while only the newest is kept.
    public let links: AsyncStream<BrokerLink>
    /// Messages on the topic of commands. Beyond its bound they are dropped: their issuer sends again what was not
    /// answered.
    public let commands: AsyncStream<[UInt8]>
    let address: BrokerAddress
    let gateway: String
    let topics: BrokerTopics
    let deliveries = Deliveries()
    let linkSink: AsyncStream<BrokerLink>.Continuation
    let commandSink: AsyncStream<[UInt8]>.Continuation
    /// Ends when the thread does.
    private let ends: AsyncStream<Never>
    private let endSink: AsyncStream<Never>.Continuation
    /// How long a broker that is connected may leave a message without an answer.
    let longestUnanswered: Duration
    /// Before a subscription is tried again that the broker refused.
    let subscriptionPause: Duration
    /// Guards `isStopped`.
    private let stopping = NSCondition()
    private var isStopped = false

    private static let mostCommands = 256
    private static let firstPause: Duration = .milliseconds(500)
    private static let longestPause: Duration = .seconds(60)
    private static let longestEnd: Duration = .seconds(5)

    /// Reads the files; nothing is connected yet.
    public init(
        address: BrokerAddress, gateway: String, longestUnanswered: Duration = .seconds(120),
        subscriptionPause: Duration = .seconds(60)
    ) throws(BrokerSetupError) {
        self.address = address
        self.gateway = gateway
        self.longestUnanswered = longestUnanswered
        self.subscriptionPause = subscriptionPause
        topics = BrokerTopics(prefix: address.prefix, gateway: gateway)
        (links, linkSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (commands, commandSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.mostCommands))
        (ends, endSink) = AsyncStream.makeStream()
        _ = try BrokerAttempt(number: 0, of: self)
    }

    /// Begins to connect, and goes on with it until `stop`.
    public func start() {
        Thread.detachNewThread { [self] in
            turn()
            linkSink.finish()
            commandSink.finish()
            endSink.finish()
        }
    }

    private func turn() {
        var pause = Self.firstPause
        var number = 0
        while !isStopping(within: .zero) {
            let began = ContinuousClock.now
            number += 1
            // Files are read anew each time, so that a renewed certificate is taken.
            let reason: String
            do throws(BrokerSetupError) {
                reason = try BrokerAttempt(number: number, of: self).run { self.isStopping(within: .zero) }
            } catch { reason = error.description }
            guard !isStopping(within: .zero) else { return }
            linkSink.yield(.down(reason: reason))
            // A connection that is ended as soon as it is there is no reason to hurry.
            if ContinuousClock.now - began > pause { pause = Self.firstPause }
            // Anything up to the doubled pause, so that a thousand boxes do not come back at once.
            let share = Double.random(in: 0.5...1)
            guard !isStopping(within: pause * share) else { return }
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private func isStopping(within pause: Duration) -> Bool {
        stopping.lock()
        defer { stopping.unlock() }
        let end = Date().addingTimeInterval(pause / .seconds(1))
        while !isStopped, pause > .zero { if !stopping.wait(until: end) { break } }
        return isStopped
    }

    /// Sends messages in order, over this connection or not at all, and returns when the broker has answered each, or
    /// the connection is over.
    public func deliver(_ messages: [BrokerMessage], over connection: BrokerConnection) async -> BrokerReceipt {
        await deliveries.deliver(messages, over: connection)
    }

    /// Ends the connection soon; the broker then says for the gateway that it is offline. What is under way is cut.
    public func stop() {
        stopping.lock()
        isStopped = true
        stopping.broadcast()
        stopping.unlock()
    }

    /// As `stop`, and returns when the connection is closed, whether the task is cancelled or not; after some seconds
    /// at the latest: an attempt to connect cannot be cut short.
    public func end() async {
        stop()
        await Task { [ends] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in ends {} }
                group.addTask { try? await Task.sleep(for: Self.longestEnd) }
                await group.next()
                group.cancelAll()
            }
        }.value
    }
}
