private import CMosquitto
private import Synchronization

/// A connection as libmosquitto knows it.
///
/// `@unchecked`: an address alone. In threaded mode the library guards what is behind it with locks of its own
/// (mosquitto.h, "Threads"), and `Deliveries` lets nobody use it once it is withdrawn.
struct ConnectionHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// Which messages are under way over the connection there is, by the number the library gave them, and who waits for
/// them. Nothing outlives its connection.
final class Deliveries: Sendable {
    private struct Delivery {
        let began = ContinuousClock.now
        let topics: [String]
        /// Of those that were sent, in their order.
        var isAcknowledged: [Bool] = []
        var underWay = 0
        var problem: BrokerReceipt.Problem?
        var waiter: CheckedContinuation<BrokerReceipt, Never>?

        var receipt: BrokerReceipt {
            BrokerReceipt(acknowledged: isAcknowledged.prefix { $0 }.count, problem: problem)
        }
    }

    private struct State {
        var connection: (BrokerConnection, handle: ConnectionHandle)?
        var next = 0
        var deliveries: [Int: Delivery] = [:]
        var owners: [Int32: (delivery: Int, index: Int)] = [:]
    }

    private let state = Mutex(State())

    func open(_ connection: BrokerConnection, _ handle: ConnectionHandle) {
        state.withLock { $0.connection = (connection, handle) }
    }

    /// Nobody sends over the connection when it returns; what was under way is cut.
    func close() {
        let cut = state.withLock { state in
            state.connection = nil
            state.owners = [:]
            var cut: [(CheckedContinuation<BrokerReceipt, Never>, BrokerReceipt)] = []
            for number in state.deliveries.keys {
                guard var delivery = state.deliveries[number] else { continue }
                if delivery.underWay > 0 { delivery.problem = delivery.problem ?? .cut }
                delivery.underWay = 0
                if let waiter = delivery.waiter {
                    state.deliveries[number] = nil
                    cut.append((waiter, delivery.receipt))
                } else {
                    state.deliveries[number] = delivery
                }
            }
            return cut
        }
        for (waiter, receipt) in cut { waiter.resume(returning: receipt) }
    }

    /// Sends messages in order, and returns when each is acknowledged or refused, or the connection is over.
    func deliver(_ messages: [BrokerMessage], over connection: BrokerConnection) async -> BrokerReceipt {
        let number = state.withLock { state in Self.send(messages, over: connection, &state) }
        return await withCheckedContinuation { waiter in
            let receipt: BrokerReceipt? = state.withLock { state in
                guard let delivery = state.deliveries[number], delivery.underWay > 0 else {
                    return state.deliveries.removeValue(forKey: number)?.receipt
                        ?? BrokerReceipt(acknowledged: 0, problem: .cut)
                }
                state.deliveries[number]?.waiter = waiter
                return nil
            }
            if let receipt { waiter.resume(returning: receipt) }
        }
    }

    /// Behind the lock: no acknowledgement comes before it is known whose it is.
    private static func send(_ messages: [BrokerMessage], over connection: BrokerConnection, _ state: inout State)
        -> Int
    {
        state.next += 1
        var delivery = Delivery(topics: messages.map(\.topic))
        for (index, message) in messages.enumerated() {
            guard let (current, handle) = state.connection, current == connection else {
                delivery.problem = .cut
                break
            }
            var number: Int32 = 0
            let result = mosquitto_publish(
                handle.pointer, &number, message.topic, Int32(message.bytes.count), message.bytes, 1,
                message.isRetained)
            guard result == MOSQ_ERR_SUCCESS.rawValue else {
                let isCut = [MOSQ_ERR_NO_CONN.rawValue, MOSQ_ERR_CONN_LOST.rawValue].contains(result)
                delivery.problem =
                    isCut
                    ? .cut : .refused(topic: message.topic, reason: String(cString: mosquitto_strerror(result)))
                break
            }
            delivery.isAcknowledged.append(false)
            delivery.underWay += 1
            state.owners[number] = (state.next, index)
        }
        state.deliveries[state.next] = delivery
        return state.next
    }

    /// - Parameter refusal: why the broker does not take the message; nil where it does.
    func answered(_ number: Int32, refusal: String?) {
        let ended = state.withLock { state -> (CheckedContinuation<BrokerReceipt, Never>, BrokerReceipt)? in
            guard let owner = state.owners.removeValue(forKey: number), var delivery = state.deliveries[owner.delivery]
            else { return nil }
            delivery.underWay -= 1
            if let refusal {
                delivery.problem = .refused(topic: delivery.topics[owner.index], reason: refusal)
            } else {
                delivery.isAcknowledged[owner.index] = true
            }
            if delivery.underWay == 0, let waiter = delivery.waiter {
                state.deliveries[owner.delivery] = nil
                return (waiter, delivery.receipt)
            }
            state.deliveries[owner.delivery] = delivery
            return nil
        }
        if let (waiter, receipt) = ended { waiter.resume(returning: receipt) }
    }

    /// Whether something has waited for its acknowledgement for longer than that.
    func isAnythingUnderWay(longerThan patience: Duration) -> Bool {
        let now = ContinuousClock.now
        return state.withLock { state in
            state.deliveries.values.contains { $0.underWay > 0 && now - $0.began > patience }
        }
    }
}
