public import UplinkProtocol

/// A command as received, with its first answer.
public struct AnsweredCommand: Hashable, Sendable {
    public let record: CommandRecord
    /// The platform's count of it.
    public let position: Int64
    /// Canonical JSON.
    public let received: [UInt8]

    public init(record: CommandRecord, position: Int64, received: [UInt8]) {
        self.record = record
        self.position = position
        self.received = received
    }
}
