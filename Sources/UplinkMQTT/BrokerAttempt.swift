private import CMosquitto
private import Foundation

/// One attempt to connect, and the connection where it succeeds. The library keeps what was not acknowledged for the
/// connection after it, with what was said of it at the time; so each has a handle of its own. Used by one thread.
final class BrokerAttempt {
    private let client: BrokerClient
    private let connection: BrokerConnection
    private let handle: ConnectionHandle
    /// What the broker said when it ended the connection, or would not have it.
    private var lastWords: String?
    /// When the subscription is tried again; nil unless it was refused.
    private var nextSubscription: ContinuousClock.Instant?

    private static let largestCommand: Int32 = 64 * 1024
    private static let keepAliveSeconds: Int32 = 30
    private static let longestTurnMilliseconds: Int32 = 200
    /// How long the broker keeps commands for a gateway that is away: a week.
    private static let sessionSeconds: UInt32 = 7 * 86_400
    private static let lastWill = Array("{\"state\":\"offline\"}".utf8)
    private static let library: Int32 = mosquitto_lib_init()

    /// Reads the files; nothing is connected yet.
    init(number: Int, of client: BrokerClient) throws(BrokerSetupError) {
        _ = Self.library
        self.client = client
        connection = BrokerConnection(number: number)
        // The session is kept by the broker, so that commands wait for a gateway that is away.
        guard let pointer = mosquitto_new("meterkeep-\(client.gateway)", false, nil) else {
            throw BrokerSetupError(what: "there is no memory for a broker connection", remedy: "free some")
        }
        handle = ConnectionHandle(pointer: pointer)
        // Where it throws the handle is destroyed by deinit: everything is in place by now.
        try configure(client.address)
    }

    deinit { mosquitto_destroy(handle.pointer) }

    private func configure(_ address: BrokerAddress) throws(BrokerSetupError) {
        let version = address.version == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        mosquitto_int_option(handle.pointer, MOSQ_OPT_PROTOCOL_VERSION, version)
        if let user = address.user { mosquitto_username_pw_set(handle.pointer, user, address.password) }
        if let tls = address.tls {
            for path in [tls.authorityPath, tls.certificatePath, tls.keyPath].compactMap({ $0 })
            where !FileManager.default.isReadableFile(atPath: path) {
                throw BrokerSetupError(
                    what: "\(path) is missing or may not be read", remedy: "correct the path under 'mqtt'")
            }
            let set = mosquitto_tls_set(
                handle.pointer, tls.authorityPath, nil, tls.certificatePath, tls.keyPath, nil)
            // Peer and host name are verified; that is the library's default, and said here all the same.
            let options = mosquitto_tls_opts_set(handle.pointer, 1, tls.allowsTLS12 ? nil : "tlsv1.3", nil)
            guard set == MOSQ_ERR_SUCCESS.rawValue, options == MOSQ_ERR_SUCCESS.rawValue else {
                throw BrokerSetupError(
                    what: "the TLS files of 'mqtt' do not fit together", remedy: "put certificate and key there as PEM")
            }
        }
        mosquitto_will_set(
            handle.pointer, client.topics.state, Int32(Self.lastWill.count), Self.lastWill, 1, true)
        mosquitto_threaded_set(handle.pointer, true)
        setCallbacks()
    }

    private func setCallbacks() {
        // Unretained: the library calls back within `run` alone.
        mosquitto_user_data_set(handle.pointer, Unmanaged.passUnretained(self).toOpaque())
        mosquitto_connect_callback_set(handle.pointer) { _, data, code in BrokerAttempt.from(data)?.connected(code) }
        mosquitto_disconnect_callback_set(handle.pointer) { _, data, code in
            // Below are codes of the library's own.
            guard code >= BrokerAttempt.firstErrorCode else { return }
            BrokerAttempt.from(data)?.lastWords = "the broker ended the connection: \(BrokerAttempt.words(code))"
        }
        mosquitto_subscribe_callback_set(handle.pointer) { _, data, _, count, granted in
            let code = count > 0 ? granted?.pointee ?? 0 : 0
            BrokerAttempt.from(data)?.subscribed(code)
        }
        mosquitto_publish_v5_callback_set(handle.pointer) { _, data, message, code, _ in
            let refusal = code >= BrokerAttempt.firstErrorCode ? BrokerAttempt.words(code) : nil
            BrokerAttempt.from(data)?.client.deliveries.answered(message, refusal: refusal)
        }
        mosquitto_message_callback_set(handle.pointer) { _, data, message in
            guard let attempt = BrokerAttempt.from(data), let message = message?.pointee,
                (1...BrokerAttempt.largestCommand).contains(message.payloadlen), let payload = message.payload
            else { return }
            let bytes = UnsafeRawBufferPointer(start: payload, count: Int(message.payloadlen))
            attempt.client.commandSink.yield(Array(bytes))
        }
    }

    private static func from(_ data: UnsafeMutableRawPointer?) -> BrokerAttempt? {
        data.map { Unmanaged<BrokerAttempt>.fromOpaque($0).takeUnretainedValue() }
    }

    /// MQTT 5.0, section 2.4: reason codes from here on are errors. 3.1.1 has one, for a subscription.
    private static let firstErrorCode: Int32 = 0x80

    private static func words(_ code: Int32) -> String { "\(String(cString: mosquitto_reason_string(code))) (\(code))" }

    private func connected(_ code: Int32) {
        guard code == 0 else {
            let words =
                code >= Self.firstErrorCode ? Self.words(code) : String(cString: mosquitto_connack_string(code))
            lastWords = "the broker refuses the connection: \(words)"
            return
        }
        // Anew each time: the broker may have forgotten its session.
        subscribe()
    }

    private func subscribe() {
        nextSubscription = nil
        mosquitto_subscribe(handle.pointer, nil, client.topics.commands, 1)
    }

    private func subscribed(_ code: Int32) {
        if code >= Self.firstErrorCode { nextSubscription = .now + client.subscriptionPause }
        client.deliveries.open(connection, handle)
        client.linkSink.yield(.up(connection, refusal: code >= Self.firstErrorCode ? Self.words(code) : nil))
    }

    /// Connects, and blocks for as long as the connection is there.
    /// - Returns: why it is not.
    func run(until isStopping: () -> Bool) -> String {
        var result = connect()
        // The library's own thread sleeps for a whole keep-alive when it misses a wake, so its loop is turned here.
        while result == MOSQ_ERR_SUCCESS.rawValue, !isStopping() {
            result = mosquitto_loop(handle.pointer, Self.longestTurnMilliseconds, 1)
            if let nextSubscription, nextSubscription <= .now { subscribe() }
            if client.deliveries.isAnythingUnderWay(longerThan: client.longestUnanswered) {
                lastWords = "the broker acknowledges nothing"
                break
            }
        }
        // No farewell: the broker publishes the last will at once, which a farewell behind a full window would prevent.
        client.deliveries.close()
        if result == MOSQ_ERR_SUCCESS.rawValue { return lastWords ?? "stopped" }
        return lastWords ?? String(cString: mosquitto_strerror(result))
    }

    private func connect() -> Int32 {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if client.address.version == .v5 {
            mosquitto_property_add_int32(
                &properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), Self.sessionSeconds)
        }
        return mosquitto_connect_bind_v5(
            handle.pointer, client.address.host, Int32(client.address.port), Self.keepAliveSeconds, nil, properties)
    }
}
