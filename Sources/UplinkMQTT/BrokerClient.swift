private import CMosquitto
private import Dispatch
private import Foundation

/// What comes from the broker.
public enum BrokerEvent: Hashable, Sendable {
    case connected
    case disconnected(String)
    /// A message on the topic of commands.
    case command([UInt8])
}

/// One message to the broker, at QoS 1.
public struct BrokerMessage: Hashable, Sendable {
    public let topic: String
    public let bytes: [UInt8]
    public let isRetained: Bool

    public init(topic: String, bytes: [UInt8], isRetained: Bool = false) {
        self.topic = topic
        self.bytes = bytes
        self.isRetained = isRetained
    }
}

/// A connection to an MQTT broker through libmosquitto, on a thread of its own: it connects again by itself, and
/// messages that were under way then are sent again.
///
/// `@unchecked`: the handle is set once, and in threaded mode libmosquitto guards what is behind it with locks of
/// its own (mosquitto.h, "Threads"); `isStopped` is behind a condition's lock, everything else is itself `Sendable`.
public final class BrokerClient: @unchecked Sendable {
    private let handle: OpaquePointer
    private let address: BrokerAddress
    private let topics: BrokerTopics
    private let deliveries = Deliveries()
    private let hasEnded = DispatchSemaphore(value: 0)
    /// Guards `isStopped`.
    private let stopping = NSCondition()
    private var isStopped = false
    private let sink: AsyncStream<BrokerEvent>.Continuation
    /// Commands beyond its bound are dropped: their issuer sends again what was not answered.
    public let events: AsyncStream<BrokerEvent>

    private static let mostEvents = 256
    private static let largestCommand: Int32 = 64 * 1024
    private static let keepAliveSeconds: Int32 = 30
    private static let longestTurnMilliseconds: Int32 = 200
    /// Seconds
    private static let firstPause = 0.5
    private static let longestPause = 60.0
    private static let longestGoodbye = 5.0
    private static let lastWord = Array("{\"state\":\"offline\"}".utf8)
    private static let library: Int32 = mosquitto_lib_init()

    /// Reads the files; nothing is connected yet.
    public init(address: BrokerAddress, gateway: String) throws(BrokerSetupError) {
        _ = Self.library
        self.address = address
        topics = BrokerTopics(prefix: address.prefix, gateway: gateway)
        // The session is kept by the broker, so that commands wait for a gateway that is away.
        guard let handle = mosquitto_new("meterkeep-\(gateway)", false, nil) else {
            throw BrokerSetupError(what: "there is no memory for a broker connection", remedy: "free some")
        }
        self.handle = handle
        (events, sink) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.mostEvents))
        // Where it throws the handle is destroyed by deinit: everything is in place by now.
        try configure()
    }

    deinit { mosquitto_destroy(handle) }

    private func configure() throws(BrokerSetupError) {
        let version = address.version == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, version)
        if let user = address.user { mosquitto_username_pw_set(handle, user, address.password) }
        if let tls = address.tls {
            for path in [tls.authorityPath, tls.certificatePath, tls.keyPath].compactMap({ $0 })
            where !FileManager.default.isReadableFile(atPath: path) {
                throw BrokerSetupError(
                    what: "\(path) is missing or may not be read", remedy: "correct the path under 'mqtt'")
            }
            let set = mosquitto_tls_set(
                handle, tls.authorityPath, nil, tls.certificatePath, tls.keyPath, nil)
            // Peer and host name are verified; that is the library's default, and said here all the same.
            let options = mosquitto_tls_opts_set(handle, 1, tls.allowsTLS12 ? nil : "tlsv1.3", nil)
            guard set == MOSQ_ERR_SUCCESS.code, options == MOSQ_ERR_SUCCESS.code else {
                throw BrokerSetupError(
                    what: "the TLS files of 'mqtt' do not fit together", remedy: "put certificate and key there as PEM")
            }
        }
        mosquitto_will_set(handle, topics.state, Int32(Self.lastWord.count), Self.lastWord, 1, true)
        setCallbacks()
    }

    private func setCallbacks() {
        // Unretained: `stop` ends the thread that calls back before the last reference may go.
        mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
        mosquitto_connect_callback_set(handle) { _, data, code in
            guard let client = BrokerClient.from(data) else { return }
            guard code == 0 else {
                client.sink.yield(.disconnected("the broker refused the connection (code \(code))"))
                return
            }
            // Topics are subscribed anew each time: the broker may have forgotten its session.
            mosquitto_subscribe(client.handle, nil, client.topics.commands, 1)
            client.sink.yield(.connected)
        }
        mosquitto_publish_callback_set(handle) { _, data, message in
            BrokerClient.from(data)?.deliveries.delivered(message)
        }
        mosquitto_message_callback_set(handle) { _, data, message in
            guard let client = BrokerClient.from(data), let message = message?.pointee,
                (1...BrokerClient.largestCommand).contains(message.payloadlen), let payload = message.payload
            else { return }
            let bytes = UnsafeRawBufferPointer(start: payload, count: Int(message.payloadlen))
            client.sink.yield(.command(Array(bytes)))
        }
    }

    private static func from(_ data: UnsafeMutableRawPointer?) -> BrokerClient? {
        data.map { Unmanaged<BrokerClient>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Begins to connect, and goes on with it until `stop`.
    public func start() {
        mosquitto_threaded_set(handle, true)
        Thread.detachNewThread { [self] in
            turn()
            hasEnded.signal()
        }
    }

    /// The library's own thread sleeps for a whole keep-alive when it misses a wake, so its loop is turned here.
    private func turn() {
        var pause = Self.firstPause
        var result = mosquitto_connect(handle, address.host, Int32(address.port), Self.keepAliveSeconds)
        while true {
            if result == MOSQ_ERR_SUCCESS.code {
                pause = Self.firstPause
                result = mosquitto_loop(handle, Self.longestTurnMilliseconds, 1)
                continue
            }
            sink.yield(.disconnected(String(cString: mosquitto_strerror(result))))
            // Anything up to the doubled pause, so that a thousand boxes do not come back at once.
            guard !isStopping(within: Double.random(in: pause / 2...pause)) else { return }
            pause = min(pause * 2, Self.longestPause)
            result = mosquitto_reconnect(handle)
        }
    }

    private func isStopping(within seconds: Double) -> Bool {
        stopping.lock()
        defer { stopping.unlock() }
        let end = Date().addingTimeInterval(seconds)
        while !isStopped { if !stopping.wait(until: end) { break } }
        return isStopped
    }

    /// Sends messages in order.
    /// - Returns: whether the broker has acknowledged all of them; false when `stop` was called, or where the
    ///   library takes none.
    public func deliver(_ messages: [BrokerMessage]) async -> Bool {
        let delivery = deliveries.begin()
        for message in messages {
            var number: Int32 = 0
            let result = mosquitto_publish(
                handle, &number, message.topic, Int32(message.bytes.count), message.bytes, 1, message.isRetained)
            // Without a connection it is queued, and sent with the next one.
            guard result == MOSQ_ERR_SUCCESS.code || result == MOSQ_ERR_NO_CONN.code else { return false }
            deliveries.sent(number, of: delivery)
        }
        return await deliveries.end(of: delivery)
    }

    /// Says goodbye and ends the thread. Blocks for as long as that takes, a few seconds at most.
    public func stop() {
        stopping.lock()
        isStopped = true
        stopping.broadcast()
        stopping.unlock()
        mosquitto_publish(handle, nil, topics.state, Int32(Self.lastWord.count), Self.lastWord, 1, true)
        mosquitto_disconnect(handle)
        // A thread that is still connecting ends by itself; it keeps what it needs until then.
        _ = hasEnded.wait(timeout: .now() + Self.longestGoodbye)
        deliveries.stop()
        sink.finish()
    }
}

extension mosq_err_t {
    fileprivate var code: Int32 { rawValue }
}
