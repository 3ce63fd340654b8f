internal import BusSurvey
internal import FieldBus
internal import MeterProfiles
public import Metering

/// One frame, or one thing beside the frames, as a line to read.
public struct TraceLine: Hashable, Sendable {
    public enum Direction: String, Hashable, Sendable {
        case request
        case answer
        /// Nothing came, or nothing that is an answer.
        case failure
        /// Something on the line that was no answer to what was asked.
        case note
    }

    public let at: MonotonicTime
    public let unit: UInt8
    public let direction: Direction
    /// Since the request's last character; nil for requests and notes.
    public let after: Duration?
    public let words: String
    public let bytes: [UInt8]

    /// The lines of one transaction, in order.
    public static func lines(_ traced: TracedTransaction) -> [TraceLine] {
        let transaction = traced.transaction
        let unit = transaction.unit
        let notes = transaction.notes.map { note in
            TraceLine(
                at: transaction.endedAt, unit: unit, direction: .note, after: nil, words: FrameWords.note(note),
                bytes: [])
        }
        let request = TraceLine(
            at: transaction.sentAt, unit: unit, direction: .request, after: nil,
            words: FrameWords.request(transaction.request), bytes: transaction.request)
        let words: String
        var direction = Direction.answer
        switch transaction.result {
        case .success(let values):
            words = transaction.read.map { FrameWords.values(values, of: $0, profile: traced.profile) } ?? "done"
        case .failure(.exception(let code)):
            words = FrameWords.exception(code)
            direction = .failure
        case .failure(let fault):
            words = "\(fault)"
            direction = .failure
        }
        let answer = TraceLine(
            at: transaction.endedAt, unit: unit, direction: direction, after: transaction.turnaround, words: words,
            bytes: transaction.received)
        return [request, answer] + notes
    }
}

extension BusTransaction {
    /// The read that was asked for; nil for writes.
    fileprivate var read: ReadRequest? {
        guard request.count == 6, let table = RegisterTable(rawValue: request[1]) else { return nil }
        return ReadRequest(
            table: table, address: UInt16(request[2]) << 8 | UInt16(request[3]),
            count: Int(request[4]) << 8 | Int(request[5]))
    }
}

/// Which transactions someone wants to see.
public struct TraceFilter: Hashable, Sendable {
    public var units: Set<UInt8>?
    public var failuresOnly: Bool
    public var writesOnly: Bool

    public init(units: Set<UInt8>? = nil, failuresOnly: Bool = false, writesOnly: Bool = false) {
        self.units = units
        self.failuresOnly = failuresOnly
        self.writesOnly = writesOnly
    }

    public func wants(_ traced: TracedTransaction) -> Bool {
        let transaction = traced.transaction
        if let units, !units.contains(transaction.unit) { return false }
        if writesOnly, transaction.request.count > 1, RegisterTable(rawValue: transaction.request[1]) != nil {
            return false
        }
        guard failuresOnly else { return true }
        if case .failure = transaction.result { return true }
        return !transaction.notes.isEmpty
    }
}
