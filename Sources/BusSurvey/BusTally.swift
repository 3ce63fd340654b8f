public import Metering

/// What one device did on its bus since the start.
public struct UnitTally: Hashable, Sendable {
    public private(set) var transactions = 0
    /// Those that failed, by reason.
    public private(set) var failures: [NoDataReason: Int] = [:]
    public private(set) var responseTimes = ResponseTimes()
    public private(set) var lastAnswerAt: MonotonicTime?

    mutating func take(_ use: BusUse) {
        transactions += 1
        if let failure = use.failure { failures[failure, default: 0] += 1 }
        guard use.failure == nil || use.failure == .exception else { return }
        lastAnswerAt = use.endedAt
        if let turnaround = use.turnaround { responseTimes.take(turnaround) }
    }
}

/// What one bus did since the start, and how busy it was of late. Bounded: 247 units, a minute of seconds.
public struct BusTally: Hashable, Sendable {
    public private(set) var transactions = ByPurpose(repeating: 0)
    /// Of all but scans.
    public private(set) var failures: [NoDataReason: Int] = [:]
    public private(set) var busyByPurpose = ByPurpose(repeating: Duration.zero)
    public private(set) var busyByPhase = PhaseTimes()
    public private(set) var units: [UInt8: UnitTally] = [:]
    /// From the decision on a breaker to the first byte of its write.
    public private(set) var orderDelays = ResponseTimes()
    private let started: MonotonicTime
    /// Busy time by the second in which it ended, oldest first.
    private var seconds: [Second] = []

    private struct Second: Hashable, Sendable {
        let number: Int64
        var busy = ByPurpose(repeating: Duration.zero)
        var transactions = 0
    }

    /// How far back the load is known.
    public static let longestWindow: Duration = .seconds(60)

    public init(now: MonotonicTime) { started = now }

    public mutating func take(_ use: BusUse) {
        let busy = use.busy
        transactions[use.purpose] += 1
        busyByPurpose[use.purpose] += busy
        busyByPhase += use.phases
        count(use.purpose, busy, until: use.endedAt)
        // A scan meets addresses that nobody has; they are not the site's.
        guard use.purpose != .scan else { return }
        if let failure = use.failure { failures[failure, default: 0] += 1 }
        units[use.unit, default: UnitTally()].take(use)
    }

    public mutating func ordered(after delay: Duration) { orderDelays.take(max(.zero, delay)) }

    /// Drops what is no device of the site any more.
    public mutating func keep(_ wanted: Set<UInt8>) { units = units.filter { wanted.contains($0.key) } }

    /// The share of the line that was in use, in thousandths, by purpose, over a time that ends now.
    public func load(over window: Duration, at now: MonotonicTime) -> [BusPurpose: Int] {
        let (first, length) = bounds(window, now)
        guard length > .zero else { return [:] }
        var busy: [BusPurpose: Duration] = [:]
        for second in seconds where second.number >= first {
            for (purpose, time) in second.busy.all where time > .zero { busy[purpose, default: Duration.zero] += time }
        }
        let all = busy.values.reduce(Duration.zero, +)
        // A transaction counts where it ended: a long one may fill a second with more than it has.
        let limit = max(all, length)
        return busy.mapValues { Int($0 / limit * 1000) }
    }

    /// Transactions a second over a time that ends now, in tenths.
    public func rateTenths(over window: Duration, at now: MonotonicTime) -> Int {
        let (first, length) = bounds(window, now)
        guard length > .zero else { return 0 }
        let count = seconds.filter { $0.number >= first }.reduce(0) { $0 + $1.transactions }
        return Int(Double(count) * 10 / (length / Duration.seconds(1)))
    }

    private func bounds(_ window: Duration, _ now: MonotonicTime) -> (first: Int64, length: Duration) {
        let window = min(max(window, .seconds(1)), Self.longestWindow)
        let length = min(window, now - started)
        return (Self.number(now + (.zero - window)) + 1, length)
    }

    private mutating func count(_ purpose: BusPurpose, _ busy: Duration, until end: MonotonicTime) {
        let number = Self.number(end)
        if seconds.last?.number != number {
            seconds.append(Second(number: number))
            let oldest = number - Self.longestWindow.wholeMilliseconds / 1000
            seconds.removeAll { $0.number < oldest }
        }
        seconds[seconds.count - 1].busy[purpose] += busy
        seconds[seconds.count - 1].transactions += 1
    }

    private static func number(_ moment: MonotonicTime) -> Int64 { moment.nanoseconds / 1_000_000_000 }
}

/// How long one device takes to start its answers: counts in steps of a quarter, from 0.1 ms to 30 s.
public struct ResponseTimes: Hashable, Sendable {
    /// Nanoseconds.
    private static let steps: [Int64] = {
        var steps: [Int64] = [100_000]
        while let last = steps.last, last < 30_000_000_000 { steps.append(last * 5 / 4) }
        return steps
    }()

    private var counts = [UInt32](repeating: 0, count: ResponseTimes.steps.count + 1)
    public private(set) var longest: Duration?

    public init() {}

    public var count: Int { counts.reduce(0) { $0 + Int($1) } }

    mutating func take(_ time: Duration) {
        let (nanoseconds, steps) = (time.wholeNanoseconds, Self.steps)
        let index = steps.firstIndex { nanoseconds <= $0 } ?? steps.count
        counts[index] = counts[index] == .max ? .max : counts[index] + 1
        longest = max(longest ?? .zero, time)
    }

    /// The time within which so many thousandths of the answers started, to a quarter of it; nil before
    /// the first.
    public func quantile(perMille: Int) -> Duration? {
        let total = count
        guard let longest, total > 0 else { return nil }
        let wanted = max(1, (total * min(max(perMille, 0), 1000) + 999) / 1000)
        var seen = 0
        for (index, count) in counts.enumerated() {
            seen += Int(count)
            if seen >= wanted {
                return index < Self.steps.count ? min(.nanoseconds(Self.steps[index]), longest) : longest
            }
        }
        return longest
    }
}
