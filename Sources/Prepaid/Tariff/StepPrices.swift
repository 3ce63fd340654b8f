public import Metering

/// When an account's kWh count anew: at the start of the settlement day of each month or year.
public enum SettlementPeriod: Hashable, Sendable {
    /// On this day of every month, 1 ... 28.
    case month(day: Int)
    /// On this day of every year.
    case year(MonthDay)

    /// The first day of the period that a day belongs to.
    public func start(of date: CivilDate) -> CivilDate {
        let (year, month, day) = date.components
        switch self {
        case .month(let settlementDay):
            if day >= settlementDay { return date.adding(days: settlementDay - day) }
            let before = month == 1 ? (year - 1, 12) : (year, month - 1)
            return CivilDate(year: before.0, month: before.1, day: settlementDay) ?? .earliest
        case .year(let first):
            let startsThisYear = MonthDay(date) >= first
            return CivilDate(year: startsThisYear ? year : year - 1, month: first.month, day: first.day) ?? .earliest
        }
    }
}

/// Prices that rise (or fall) with what an account has used in the settlement period: up to 6 prices over
/// 5 thresholds.
public struct StepPrices: Hashable, Sendable {
    /// In Wh (or litres) of the period, ascending. Step n ends exactly at `thresholds[n - 1]`.
    public let thresholds: [Int64]
    /// One more than thresholds.
    public let prices: [Price]
    public let period: SettlementPeriod

    public static let largestThresholdCount = 5
    /// 10^9 kWh: no account uses more in a period.
    public static let largestThreshold: Int64 = 1_000_000_000_000

    /// Checks the steps as a whole; throws every problem found.
    public init(thresholds: [Int64], prices: [Price], period: SettlementPeriod) throws(SettingProblems) {
        var problems = ProblemList()
        problems.require(
            thresholds.count <= Self.largestThresholdCount, "step.thresholds", thresholds.count,
            "must be at most \(Self.largestThresholdCount)")
        problems.require(
            prices.count == thresholds.count + 1, "step.prices", prices.count,
            "must be one more than the thresholds (\(thresholds.count + 1))")
        var before: Int64 = 0
        for (index, threshold) in thresholds.prefix(Self.largestThresholdCount).enumerated() {
            let field = "step.thresholds[\(index + 1)]"
            problems.require(threshold > before, field, threshold, "must be above \(before)")
            problems.require(
                threshold <= Self.largestThreshold, field, threshold, "must be at most \(Self.largestThreshold)")
            before = threshold
        }
        switch period {
        case .month(let day):
            problems.require(
                (1...28).contains(day), "step.settlement_day", day,
                "must be 1 to 28: not every month has a later day")
        case .year(let first):
            problems.require(
                first != MonthDay(month: 2, day: 29), "step.settlement_day", first, "does not exist in every year")
        }
        try problems.throwAny()
        self.thresholds = thresholds
        self.prices = prices
        self.period = period
    }

    /// The step that the next unit falls in, counted from 1, and how much of it is left.
    func step(after used: Int64) -> (number: Int, left: Int64) {
        for (index, threshold) in thresholds.enumerated() where used < threshold {
            return (index + 1, threshold.clampedSubtracting(used))
        }
        return (prices.count, .max)
    }
}

/// What an account has used in its settlement period, all its circuits together.
///
/// The period before is kept with it: of two circuits read around a settlement day, the second may still
/// have a share in the old period. Periods never go back, whatever the clock does.
public struct PeriodUsage: Hashable, Sendable {
    public struct Period: Hashable, Sendable {
        public let start: CivilDate
        /// Wh or litres.
        public internal(set) var quantity: Int64

        public init(start: CivilDate, quantity: Int64) {
            self.start = start
            self.quantity = quantity
        }
    }

    /// Nil until the first consumption at a known time.
    public private(set) var current: Period?
    public private(set) var previous: Period?
    /// Used while no period was known yet; counts into the first that is.
    public private(set) var undated: Int64

    public static let none = PeriodUsage(current: nil, previous: nil, undated: 0)

    public init(current: Period?, previous: Period? = nil, undated: Int64 = 0) {
        self.current = current
        self.previous = previous
        self.undated = undated
    }

    /// What is used so far in the period that starts on a day; nil means: where the time is not known.
    func quantity(in start: CivilDate?) -> Int64 {
        guard let current else { return undated }
        guard let start else { return current.quantity }
        if start > current.start { return 0 }
        if let previous, previous.start == start { return previous.quantity }
        return current.quantity
    }

    /// Nil on overflow.
    func adding(_ quantity: Int64, in start: CivilDate?) -> PeriodUsage? {
        let (sum, overflow) = self.quantity(in: start).addingReportingOverflow(quantity)
        guard !overflow else { return nil }
        var usage = self
        guard let start else {
            if current == nil { usage.undated = sum } else { usage.current?.quantity = sum }
            return usage
        }
        guard let current else {
            return PeriodUsage(current: Period(start: start, quantity: sum))
        }
        if start > current.start {
            usage.previous = current
            usage.current = Period(start: start, quantity: sum)
        } else if let previous, previous.start == start {
            usage.previous?.quantity = sum
        } else {
            usage.current?.quantity = sum
        }
        return usage
    }
}
