/// What one device costs its bus, by poll class: from the first request's first bit until the line is
/// free again.
public struct PollCost: Hashable, Sendable {
    public let fast: Duration
    public let normal: Duration
    public let slow: Duration
    /// The longest of its requests: orders and the fast class wait for one at most.
    public let longestRequest: Duration
    /// The pauses that the model needs between the requests of its longest poll: others are asked in them.
    public let pauses: Duration

    public init(
        fast: Duration, normal: Duration, slow: Duration, longestRequest: Duration, pauses: Duration = .zero
    ) {
        self.fast = fast
        self.normal = normal
        self.slow = slow
        self.longestRequest = longestRequest
        self.pauses = pauses
    }
}

/// How old the values of one bus get at worst, from what its polls cost: known before anything runs.
/// Devices that do not answer are in it with the share of bus time that `PollSchedule` allows them.
public struct PollFreshness: Hashable, Sendable {
    /// The age that no normal value should ever pass.
    public static let longestNormalAge: Duration = .seconds(180)

    /// The oldest that values of a living device get, by class. Nil for the fast class where no device is
    /// in it.
    public let worstFastAge: Duration?
    public let worstNormalAge: Duration
    public let worstSlowAge: Duration
    /// The share of the line that is asked for; above 1000 the periods cannot be kept, and every device is
    /// asked in turn.
    public let loadPerMille: Int

    /// - Parameters:
    ///   - costs: one a device.
    ///   - fastCount: how many of them are in the fast class at the same time; the costliest are taken.
    public init(_ costs: [PollCost], periods: PollSchedule.Periods, fastCount: Int = 0) {
        let fast = costs.map(\.fast).sorted(by: >).prefix(max(0, fastCount))
        let fastRound = Self.sum(fast)
        let normalRound = Self.sum(costs.map(\.normal))
        let slowRound = Self.sum(costs.map { max($0.slow, $0.normal) })
        let longestRequest = costs.map(\.longestRequest).max() ?? .zero
        let lostShare = Double(PollSchedule.lostSharePercent) / 100
        let pauses = costs.map(\.pauses).max() ?? .zero
        let stall = PollSchedule.largestLostAllowance + longestRequest + pauses
        let fastLoad = fastRound / periods.fast
        let regularLoad = normalRound / periods.normal + (slowRound - normalRound) / periods.slow
        let load = fastLoad + regularLoad + lostShare
        loadPerMille = Int(min(load * 1000, 1_000_000))

        // Where others wait for longer than their period, the fast class gets every second turn at most.
        let meanRegular = costs.isEmpty ? 1 : max(Self.nanoseconds(normalRound) / Double(costs.count), 1)
        let meanFast = fast.isEmpty ? 0 : Self.nanoseconds(fastRound) / Double(fast.count)
        let fastShare = min(fastLoad, meanFast / (meanFast + meanRegular))
        let left = max(1 - lostShare - fastShare, 0.01)
        let isStarving = load > 1 && fastLoad > 0
        // At worst all slow polls of a bus come in one round: they do after every start.
        let round = slowRound * (1 / left)
        worstNormalAge =
            max(periods.normal + (slowRound - normalRound) * (1 / left), round) + stall
            + (isStarving ? periods.normal : .zero)
        worstSlowAge = max(periods.slow, worstNormalAge) + round + stall
        worstFastAge =
            fast.isEmpty
            ? nil
            : max(periods.fast, fastRound + longestRequest * fast.count) + stall
                + longestRequest
    }

    public var keepsNormalAge: Bool { worstNormalAge <= Self.longestNormalAge }

    /// How many devices of one kind a bus carries at most before their normal values get too old, within
    /// the 247 that a bus has addresses for.
    public static func mostDevices(_ cost: PollCost, periods: PollSchedule.Periods) -> Int {
        var fitting = 0
        var tooMany = 248
        while tooMany - fitting > 1 {
            let count = (fitting + tooMany) / 2
            let freshness = PollFreshness(Array(repeating: cost, count: count), periods: periods)
            if freshness.keepsNormalAge { fitting = count } else { tooMany = count }
        }
        return fitting
    }

    private static func nanoseconds(_ duration: Duration) -> Double { duration / .nanoseconds(1) }

    private static func sum(_ durations: some Sequence<Duration>) -> Duration { durations.reduce(.zero, +) }
}
