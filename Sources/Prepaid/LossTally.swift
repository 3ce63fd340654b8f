public import Metering

/// Records that were lost or refused, with the numbers of the first and the last where they are known.
public struct Loss: Hashable, Sendable {
    public var count: Int64
    public var first: Int64?
    public var last: Int64?
    /// Of the latest ones.
    public var reason: String?

    public init(count: Int64, first: Int64? = nil, last: Int64? = nil, reason: String? = nil) {
        self.count = count
        self.first = first
        self.last = last
        self.reason = reason
    }

    /// `count`, `first`, `last`, `reason`.
    public func event(_ code: EventCode) -> Event {
        var detail = ["count": String(count)]
        if let first { detail["first"] = String(first) }
        if let last { detail["last"] = String(last) }
        if let reason { detail["reason"] = reason }
        return Event(code, .gateway, detail)
    }
}

/// Adds up losses, so that a month of them does not fill the ledger: the first is told at once, all that follow
/// within an hour in one sum.
public struct LossTally: Hashable, Sendable {
    private var gathered: Loss?
    private var toldAt: MonotonicTime?

    public static let window = Duration.seconds(3600)

    public init() {}

    public mutating func add(_ loss: Loss) {
        guard let before = gathered else {
            gathered = loss
            return
        }
        gathered = Loss(
            count: before.count + loss.count, first: [before.first, loss.first].compactMap(\.self).min(),
            last: [before.last, loss.last].compactMap(\.self).max(), reason: loss.reason ?? before.reason)
    }

    /// What is to be told now: it counts as told. Where it could not be, add it again.
    /// - Parameter isEnding: also within the hour.
    public mutating func due(now: MonotonicTime, isEnding: Bool = false) -> Loss? {
        guard let gathered else { return nil }
        if let toldAt, now - toldAt < Self.window, !isEnding { return nil }
        self.gathered = nil
        toldAt = now
        return gathered
    }
}
