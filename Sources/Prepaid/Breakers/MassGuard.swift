public import Metering

/// Stops a wrong price or a broken clock from blacking out a house: when more than a tenth of the circuits,
/// and at least five, become due for the same kind of opening within ten minutes, the rest is held until a
/// person confirms. One guard watches credit cuts, another one commands that force circuits off.
public struct MassGuard: Hashable, Sendable {
    private struct Due: Hashable {
        let since: MonotonicTime
        var isAdmitted = false
    }

    public var circuitCount: Int
    private var due: [CircuitID: Due] = [:]
    /// Circuits a person has confirmed, as long as they stay due.
    private var confirmed: Set<CircuitID> = []
    public private(set) var isHeld = false

    public static let window = Duration.seconds(600)
    public static let smallestCount = 5
    /// One in so many.
    public static let shareDivisor = 10

    public init(circuitCount: Int) { self.circuitCount = circuitCount }

    /// How many became due within the window, the confirmed ones apart.
    public func recentCount(now: MonotonicTime) -> Int {
        due.values.count { now - $0.since < Self.window }
    }

    /// - Parameter waiting: the circuits that are due and not opened yet.
    /// - Returns: those of them that may be opened now.
    public mutating func admit(_ waiting: Set<CircuitID>, now: MonotonicTime) -> Set<CircuitID> {
        // One that was opened counts on for its ten minutes, or they would slip through one after another.
        // One that was paid for does not.
        due = due.filter { waiting.contains($0.key) || ($0.value.isAdmitted && now - $0.value.since < Self.window) }
        confirmed.formIntersection(waiting)
        for circuit in waiting where due[circuit] == nil && !confirmed.contains(circuit) {
            due[circuit] = Due(since: now)
        }
        let unconfirmed = waiting.subtracting(confirmed)
        if unconfirmed.isEmpty {
            isHeld = false
        } else if !isHeld {
            let count = recentCount(now: now)
            isHeld = count >= Self.smallestCount && count > circuitCount / Self.shareDivisor
        }
        guard !isHeld else { return confirmed }
        for circuit in unconfirmed { due[circuit]?.isAdmitted = true }
        return waiting
    }

    /// A person has looked and says that the openings are right: those that are due now may go ahead.
    public mutating func confirm() {
        confirmed.formUnion(due.keys)
        due = [:]
        isHeld = false
    }
}
