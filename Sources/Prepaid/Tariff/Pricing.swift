public import Metering

/// How the moment of use of a part is known.
public enum PartTiming: String, Hashable, Sendable, CaseIterable {
    /// All of it was used between two readings with no boundary between them, or with the two so close to
    /// the boundary that it makes no difference; or the tariff does not ask when.
    case measured
    /// Split over a boundary by the time between two readings further apart than `Tariff.closeReadings`.
    case estimated
    /// The time is not known: the meter's own rate registers say which rate.
    case meterRates = "meter_rates"
    /// The time is not known: the tariff's fallback rate, or the settlement period as it was last known.
    case fallback
}

/// What one circuit used between two committed readings.
public struct ConsumptionLeg: Hashable, Sendable {
    /// Wh or litres, never negative.
    public let quantity: Int64
    public let from: Timestamp
    public let to: Timestamp
    /// The same quantity by the meter's own rate registers, where it has them. Asked only where the time is
    /// not known, and only if the four add up to `quantity`.
    public let meterRates: PerRate<Int64>?

    public init(quantity: Int64, from: Timestamp, to: Timestamp, meterRates: PerRate<Int64>? = nil) {
        self.quantity = quantity
        self.from = from
        self.to = to
        self.meterRates = meterRates
    }
}

/// A share of a consumption with one price.
public struct PricedPart: Hashable, Sendable {
    /// Wh or litres, above zero.
    public let quantity: Int64
    /// Nil without time-of-use.
    public let rate: Rate?
    /// Counted from 1; nil without steps.
    public let step: Int?
    /// The first day of the settlement period; nil without steps, or where it is not known.
    public let period: CivilDate?
    public let timing: PartTiming
    /// Base and step together.
    public let unitPrice: Price
    public let amount: Money
    /// The carry after this part, tenths of a micro-unit.
    public let carryTenths: Int64
}

/// A consumption, priced.
public struct PricedConsumption: Hashable, Sendable {
    /// One for each rate, step, period and timing. Their quantities add up to what was priced.
    public let parts: [PricedPart]
    public let amount: Money
    /// What the account carries on, tenths of a micro-unit.
    public let carryTenths: Int64
    /// What the account has used in its settlement period now.
    public let usage: PeriodUsage
}

/// Why a consumption cannot be priced; nothing of it is to be booked.
public enum PricingFault: Error, Hashable, Sendable {
    case negativeQuantity
    case overflow
}

extension Tariff {
    /// Two readings no further apart than this, on either side of a boundary, are close to it.
    public static let closeReadings = Duration.seconds(120)
    /// Over more than this no split is made: an outage this long has no times worth computing with.
    static let longestSplit = Duration.seconds(400 * 86_400)

    /// Prices what was used between two committed readings.
    /// - Parameters:
    ///   - carryTenths: the carry of the charge before, 0 ... 9.
    ///   - usage: what the account had used before in its settlement period.
    public func price(
        _ leg: ConsumptionLeg, usage: PeriodUsage = .none, carryTenths: Int64 = 0, zone: TimeZoneTable
    ) throws(PricingFault) -> PricedConsumption {
        try price([leg], usage: usage, carryTenths: carryTenths, zone: zone)
    }

    /// Prices legs that follow one another as one consumption: for a posting over a boundary, from the last
    /// posting to the last committed reading before the boundary, and from there to the first one after it.
    public func price(
        _ legs: [ConsumptionLeg], usage: PeriodUsage = .none, carryTenths: Int64 = 0, zone: TimeZoneTable
    ) throws(PricingFault) -> PricedConsumption {
        var shares = ShareList(steps: steps, usage: usage)
        for leg in legs { try add(leg, to: &shares, zone: zone) }
        return try shares.priced(carryTenths: carryTenths)
    }

    /// What a leg costs, without its parts: the same sum as `price`, and no allocation while the leg lies
    /// within one stretch and one step. `stretch` is kept by the caller from call to call.
    public func charge(
        _ leg: ConsumptionLeg, usage: PeriodUsage = .none, carryTenths: Int64 = 0, zone: TimeZoneTable,
        stretch: inout TariffStretch?
    ) throws(PricingFault) -> Charge {
        if let charge = quickCharge(leg, usage: usage, carryTenths: carryTenths, zone: zone, stretch: &stretch) {
            return charge
        }
        let priced = try price(leg, usage: usage, carryTenths: carryTenths, zone: zone)
        return Charge(amount: priced.amount, carryTenths: priced.carryTenths)
    }

    private func quickCharge(
        _ leg: ConsumptionLeg, usage: PeriodUsage, carryTenths: Int64, zone: TimeZoneTable,
        stretch: inout TariffStretch?
    ) -> Charge? {
        if steps == nil, case .flat(let price) = base {
            return price.charge(quantity: leg.quantity, carryTenths: carryTenths)
        }
        guard case .known(let start, let end) = leg.interval else { return nil }
        if stretch?.covers(start, end) != true { stretch = self.stretch(at: start, zone: zone) }
        guard let found = stretch, found.covers(start, end) else { return nil }
        guard let steps else {
            return found.basePrice.charge(quantity: leg.quantity, carryTenths: carryTenths)
        }
        let step = steps.step(after: usage.quantity(in: found.period))
        guard leg.quantity <= step.left else { return nil }
        return found.basePrice.adding(steps.prices[step.number - 1])?
            .charge(quantity: leg.quantity, carryTenths: carryTenths)
    }

    private func add(_ leg: ConsumptionLeg, to shares: inout ShareList, zone: TimeZoneTable) throws(PricingFault) {
        guard leg.quantity >= 0 else { throw .negativeQuantity }
        if case .flat(let price) = base, steps == nil {
            return try shares.add(leg.quantity, Share.Key(rate: nil, period: nil, timing: .measured), price)
        }
        switch leg.interval {
        case .known(let start, let end):
            try add(leg.quantity, start, end, to: &shares, zone: zone)
        case .unknown(let end):
            let period = end.flatMap { end in steps?.period.start(of: zone.day(containing: end)) }
            try addUntimed(leg, period: period, to: &shares)
        }
    }

    private func addUntimed(
        _ leg: ConsumptionLeg, period: CivilDate?, to shares: inout ShareList
    ) throws(PricingFault) {
        switch base {
        case .flat(let price):
            try shares.add(leg.quantity, Share.Key(rate: nil, period: period, timing: .fallback), price)
        case .timeOfUse(let timeOfUse):
            guard let byRate = leg.usableMeterRates else {
                let rate = timeOfUse.fallbackRate
                let key = Share.Key(rate: rate, period: period, timing: .fallback)
                return try shares.add(leg.quantity, key, timeOfUse.prices[rate])
            }
            for rate in Rate.allCases {
                let key = Share.Key(rate: rate, period: period, timing: .meterRates)
                try shares.add(byRate[rate], key, timeOfUse.prices[rate])
            }
        }
    }

    /// Splits in proportion to time: earlier stretches rounded down, the last takes the rest.
    private func add(
        _ quantity: Int64, _ start: WallTime, _ end: WallTime, to shares: inout ShareList, zone: TimeZoneTable
    ) throws(PricingFault) {
        var stretch = stretch(at: start, zone: zone)
        var spanStart = start
        var given: Int64 = 0
        let whole = (end - start).wholeMilliseconds
        let isClose = end - start <= Self.closeReadings
        while stretch.until < end {
            let next = self.stretch(at: stretch.until, zone: zone)
            defer { stretch = next }
            // A midnight inside one rate and period is no boundary.
            if next.rate == stretch.rate, next.period == stretch.period { continue }
            let span = (stretch.until - spanStart).wholeMilliseconds
            let share = quantity.proportion(span, of: whole)
            let key = Share.Key(
                rate: stretch.rate, period: stretch.period, timing: isClose ? .measured : .estimated)
            try shares.add(share, key, stretch.basePrice)
            given += share
            spanStart = stretch.until
        }
        let isWhole = spanStart == start
        let key = Share.Key(
            rate: stretch.rate, period: stretch.period, timing: isWhole || isClose ? .measured : .estimated)
        try shares.add(quantity - given, key, stretch.basePrice)
    }
}

extension ConsumptionLeg {
    /// When a leg's quantity was used.
    enum Interval: Hashable {
        case known(WallTime, WallTime)
        /// Only its end is known, or nothing.
        case unknown(WallTime?)
    }

    /// Within one boot the monotonic clock says how long the leg was, so that a step of the wall clock
    /// between the two readings does not stretch or shrink it.
    var interval: Interval {
        guard to.trust != .untrusted else { return .unknown(nil) }
        guard let elapsed = to.elapsed(since: from), elapsed <= Tariff.longestSplit else { return .unknown(to.wall) }
        let reckoned = to.wall + (.zero - elapsed)
        guard from.trust != .untrusted else { return .known(reckoned, to.wall) }
        // Slow correction runs at no more than one part in a thousand; anything above is a step.
        let tolerance = max(.seconds(2), elapsed / 1_000)
        let isStepped = from.wall > reckoned + tolerance || from.wall + tolerance < reckoned
        return .known(min(isStepped ? reckoned : from.wall, to.wall), to.wall)
    }

    fileprivate var usableMeterRates: PerRate<Int64>? {
        guard let meterRates else { return nil }
        var sum: Int64 = 0
        for rate in Rate.allCases {
            guard meterRates[rate] >= 0 else { return nil }
            sum = sum.clampedAdding(meterRates[rate])
        }
        return sum == quantity ? meterRates : nil
    }
}

/// A share of a consumption before it is priced.
private struct Share {
    struct Key: Hashable {
        var rate: Rate?
        var step: Int?
        var period: CivilDate?
        var timing: PartTiming

        init(rate: Rate?, period: CivilDate?, timing: PartTiming) {
            self.rate = rate
            self.period = period
            self.timing = timing
        }
    }

    var key: Key
    var quantity: Int64
    var unitPrice: Price
}

/// Gathers shares in the order of use, cut at the step thresholds.
private struct ShareList {
    let steps: StepPrices?
    var usage: PeriodUsage
    var shares: [Share] = []

    init(steps: StepPrices?, usage: PeriodUsage) {
        self.steps = steps
        self.usage = usage
    }

    mutating func add(_ quantity: Int64, _ key: Share.Key, _ basePrice: Price) throws(PricingFault) {
        guard let steps else { return try join(quantity, key, basePrice) }
        var rest = quantity
        while rest > 0 {
            let step = steps.step(after: usage.quantity(in: key.period))
            let cut = min(rest, step.left)
            guard let after = usage.adding(cut, in: key.period),
                let price = basePrice.adding(steps.prices[step.number - 1])
            else { throw .overflow }
            var stepKey = key
            stepKey.step = step.number
            try join(cut, stepKey, price)
            usage = after
            rest -= cut
        }
    }

    private mutating func join(_ quantity: Int64, _ key: Share.Key, _ price: Price) throws(PricingFault) {
        guard quantity > 0 else { return }
        guard let index = shares.firstIndex(where: { $0.key == key }) else {
            shares.append(Share(key: key, quantity: quantity, unitPrice: price))
            return
        }
        let (sum, overflow) = shares[index].quantity.addingReportingOverflow(quantity)
        guard !overflow else { throw .overflow }
        shares[index].quantity = sum
    }

    func priced(carryTenths: Int64) throws(PricingFault) -> PricedConsumption {
        var parts: [PricedPart] = []
        parts.reserveCapacity(shares.count)
        var total = Money.zero
        var carry = carryTenths
        for share in shares {
            guard let charge = share.unitPrice.charge(quantity: share.quantity, carryTenths: carry),
                let sum = total.adding(charge.amount)
            else { throw .overflow }
            total = sum
            carry = charge.carryTenths
            parts.append(
                PricedPart(
                    quantity: share.quantity, rate: share.key.rate, step: share.key.step, period: share.key.period,
                    timing: share.key.timing, unitPrice: share.unitPrice, amount: charge.amount,
                    carryTenths: carry))
        }
        return PricedConsumption(parts: parts, amount: total, carryTenths: carry, usage: usage)
    }
}

extension Int64 {
    /// self × part / whole, rounded down, for 0 ≤ part ≤ whole and a self that is not negative.
    fileprivate func proportion(_ part: Int64, of whole: Int64) -> Int64 {
        guard whole > 0 else { return 0 }
        guard part < whole else { return self }
        return whole.dividingFullWidth(multipliedFullWidth(by: Swift.max(0, part))).quotient
    }
}
