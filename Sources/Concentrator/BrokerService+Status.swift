internal import Logging
internal import Storage
private import Synchronization
internal import UplinkMQTT

/// How the way to the broker is, for people.
public struct BrokerStatus: Hashable, Sendable {
    /// `unreachable`, `up`, or `refused`: connected, but not everything is taken.
    public let condition: String
    /// Where, what, and what to do; nil where nothing is wrong.
    public let problem: String?
    /// Records that wait; nil where the file cannot be read.
    public let ledgerQueued: Int64?
    public let telemetryQueued: Int64?
}

extension BrokerService {
    struct State {
        var session: Session?
        /// Why there is no session.
        var downReason: String?
        /// Why the broker does not take what is on a topic.
        var refusals: [String: String] = [:]
        /// What was said last of the files on this box.
        var complaint: StorageError?
    }

    func status() async -> BrokerStatus {
        let (isUp, problem) = state.withLock { state in
            (state.session != nil, state.session == nil ? unreachable(state.downReason) : refused(state.refusals))
        }
        return BrokerStatus(
            condition: isUp ? (problem == nil ? "up" : "refused") : "unreachable", problem: problem,
            ledgerQueued: await site.queued(for: Self.consumer),
            telemetryQueued: await telemetry.queued(for: Self.consumer))
    }

    private func unreachable(_ reason: String?) -> String? {
        reason.map { "the broker \(place) is not connected: \($0); check 'mqtt' in gateway.yaml, and the broker" }
    }

    private func refused(_ refusals: [String: String]) -> String? {
        refusals.min { $0.key < $1.key }.map { refused(topic: $0.key, $0.value) }
    }

    private func refused(topic: String, _ reason: String) -> String {
        "the broker \(place) does not let this gateway use \(topic): \(reason); "
            + "give it the right there, or a higher limit, on the broker: what waits goes out by itself then"
    }

    func note(session: Session) {
        state.withLock { state in
            state.session = session
            state.downReason = nil
        }
        logger.info("the broker is connected", metadata: ["broker": "\(place)"])
    }

    func note(down reason: String) {
        let isNew = state.withLock { state in
            defer {
                state.session = nil
                state.downReason = reason
            }
            return state.downReason != reason
        }
        // Each attempt fails alike while the broker is away.
        guard isNew else { return }
        logger.warning("records for the broker wait", metadata: ["reason": "\(unreachable(reason) ?? reason)"])
    }

    func note(refusal: (topic: String, reason: String)?, of topic: String) {
        let isNew = state.withLock { state in
            defer { state.refusals[topic] = refusal?.reason }
            return state.refusals[topic] != refusal?.reason
        }
        guard isNew else { return }
        if let refusal {
            logger.error(
                "what is for the broker waits", metadata: ["reason": "\(refused(topic: topic, refusal.reason))"])
        } else {
            logger.info("the broker takes it again", metadata: ["topic": "\(topic)"])
        }
    }

    func complain(_ error: StorageError) {
        let isNew = state.withLock { state in
            defer { state.complaint = error }
            return state.complaint != error
        }
        guard isNew else { return }
        logger.error("records for the broker cannot be read or noted", metadata: ["reason": "\(error)"])
    }
}
