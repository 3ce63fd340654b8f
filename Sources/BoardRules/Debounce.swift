public import Metering

/// The level of a contact that bounces: a new one counts once it has stood still for a while, and began
/// when its last edge was noted.
public struct Debounce: Hashable, Sendable {
    public let quiet: Duration
    public private(set) var isActive: Bool
    /// The level that the last edge left, and when.
    private var candidate: Change?

    public init(quiet: Duration, isActive: Bool) {
        self.quiet = quiet
        self.isActive = isActive
    }

    /// A level that has settled.
    public struct Change: Hashable, Sendable {
        public let isActive: Bool
        public let since: MonotonicTime

        public init(isActive: Bool, since: MonotonicTime) {
            self.isActive = isActive
            self.since = since
        }
    }

    /// Takes an edge. Edges come in the order of their times.
    /// - Returns: the change that had settled before it, if one had.
    public mutating func edge(to isActive: Bool, at moment: MonotonicTime) -> Change? {
        let settled = settle(at: moment)
        candidate = Change(isActive: isActive, since: moment)
        return settled
    }

    /// Looks whether the last edge has stood long enough.
    public mutating func settle(at now: MonotonicTime) -> Change? {
        guard let change = candidate, now - change.since >= quiet else { return nil }
        candidate = nil
        guard change.isActive != isActive else { return nil }
        isActive = change.isActive
        return change
    }

    /// When to look again; nil where nothing is pending.
    public var nextLook: MonotonicTime? { candidate.map { $0.since + quiet } }
}
