/// One connection to the broker: what is to go over it does not go over the next one.
public struct BrokerConnection: Hashable, Sendable {
    /// Counted since the client was made, from 1.
    let number: Int
}

/// How it is now: what came before it no longer matters.
public enum BrokerLink: Hashable, Sendable {
    /// Comes again for the same connection where the broker changes its mind.
    /// - Parameter refusal: why no commands come over it; nil where they may.
    case up(BrokerConnection, refusal: String?)
    /// Another attempt follows.
    case down(reason: String)
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

/// What became of messages that were sent together.
public struct BrokerReceipt: Hashable, Sendable {
    public enum Problem: Hashable, Sendable {
        /// The connection is over; what was not acknowledged may have arrived all the same.
        case cut
        /// The broker, or the library, did not take a message.
        case refused(topic: String, reason: String)
    }

    /// So many of the first were acknowledged, one after the other.
    public let acknowledged: Int
    /// Nil where all were.
    public let problem: Problem?

    public init(acknowledged: Int, problem: Problem?) {
        self.acknowledged = acknowledged
        self.problem = problem
    }
}
