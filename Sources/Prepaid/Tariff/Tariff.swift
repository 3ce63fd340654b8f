public import Metering

/// What a kWh (or m³) costs, and when: flat, time-of-use, step, or step on top of time-of-use.
public struct Tariff: Hashable, Sendable {
    public enum Base: Hashable, Sendable {
        case flat(Price)
        case timeOfUse(TimeOfUse)
    }

    public let base: Base
    /// Added to the base price.
    public let steps: StepPrices?

    /// Throws where the dearest rate and the dearest step together are above the dearest price accepted.
    public init(_ base: Base, steps: StepPrices? = nil) throws(SettingProblems) {
        self.base = base
        self.steps = steps
        guard let steps else { return }
        var problems = ProblemList()
        let dearestStep = steps.prices.max() ?? .free
        for (rate, price) in Self.prices(of: base) where price.adding(dearestStep) == nil {
            problems.add(
                rate.map { "time_of_use.prices.\($0.name)" } ?? "price", price,
                "with the dearest step (\(dearestStep)) is above the largest price")
        }
        try problems.throwAny()
    }

    /// Of parts that were checked together before.
    init(base: Base, steps: StepPrices?) {
        self.base = base
        self.steps = steps
    }

    private init(flat price: Price) {
        base = .flat(price)
        steps = nil
    }

    public static func flat(_ price: Price) -> Tariff { Tariff(flat: price) }

    /// Steps alone.
    public static func step(_ steps: StepPrices) throws(SettingProblems) -> Tariff {
        try Tariff(.flat(.free), steps: steps)
    }

    private static func prices(of base: Base) -> [(Rate?, Price)] {
        switch base {
        case .flat(let price): [(nil, price)]
        case .timeOfUse(let timeOfUse): Rate.allCases.map { ($0, timeOfUse.prices[$0]) }
        }
    }

    /// Whether the price does not depend on when something was used.
    public var isTimeless: Bool {
        if case .flat = base { steps == nil } else { false }
    }
}

extension Price {
    /// The sum, or nil above the largest price.
    public func adding(_ other: Price) -> Price? {
        Price(tenThousandths: tenThousandths + other.tenThousandths)
    }
}

/// A stretch of time over which one rate and one settlement period apply. It lasts no longer than a day
/// (unless the tariff is timeless), so it can be kept and asked again until it is over.
public struct TariffStretch: Hashable, Sendable {
    public let from: WallTime
    /// The first moment after it.
    public let until: WallTime
    /// Nil without time-of-use.
    public let rate: Rate?
    /// Before any step price is added.
    public let basePrice: Price
    /// The first day of the settlement period; nil without steps.
    public let period: CivilDate?

    /// Whether everything used between two moments was used in this stretch. A reading at the very moment
    /// at which the stretch ends closes it.
    public func covers(_ start: WallTime, _ end: WallTime) -> Bool { start >= from && start < until && end <= until }

    fileprivate static let endless = (
        from: WallTime(millisecondsSince1970: .min), until: WallTime(millisecondsSince1970: .max)
    )
}

/// What changes at a boundary.
public struct BoundaryKinds: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A new local day.
    public static let day = BoundaryKinds(rawValue: 1)
    /// Another time-of-use rate.
    public static let rate = BoundaryKinds(rawValue: 2)
    /// A new settlement period of the steps.
    public static let period = BoundaryKinds(rawValue: 4)
    /// The other time-of-use set.
    public static let timetable = BoundaryKinds(rawValue: 8)
    /// A scheduled tariff takes effect at the first reading from here on.
    public static let tariff = BoundaryKinds(rawValue: 16)
}

/// A moment near which every meter is to be read, and at which a posting is due.
public struct TariffBoundary: Hashable, Sendable {
    public let at: WallTime
    public let kinds: BoundaryKinds

    public init(at: WallTime, kinds: BoundaryKinds) {
        self.at = at
        self.kinds = kinds
    }
}

extension Tariff {
    /// The stretch that holds a moment.
    public func stretch(at moment: WallTime, zone: TimeZoneTable) -> TariffStretch {
        switch base {
        case .flat(let price):
            guard let steps else {
                return TariffStretch(
                    from: TariffStretch.endless.from, until: TariffStretch.endless.until, rate: nil, basePrice: price,
                    period: nil)
            }
            let date = zone.day(containing: moment)
            return TariffStretch(
                from: zone.startOfDay(date), until: zone.endOfDay(date), rate: nil, basePrice: price,
                period: steps.period.start(of: date))
        case .timeOfUse(let timeOfUse):
            let slot = timeOfUse.slot(at: moment, zone: zone)
            return TariffStretch(
                from: slot.from, until: slot.until, rate: slot.rate, basePrice: timeOfUse.prices[slot.rate],
                period: steps?.period.start(of: zone.day(containing: moment)))
        }
    }

    /// The next moment after `moment` at which a posting is due: a slot, a day, a settlement period or the
    /// other set begins.
    public func nextBoundary(after moment: WallTime, zone: TimeZoneTable) -> TariffBoundary {
        let date = zone.day(containing: moment)
        let midnight = zone.endOfDay(date)
        guard case .timeOfUse(let timeOfUse) = base else {
            let kinds = kindsOfDay(from: date, to: zone.day(containing: midnight), switch: nil)
            return TariffBoundary(at: midnight, kinds: kinds)
        }
        let slot = timeOfUse.slot(at: moment, zone: zone)
        var kinds: BoundaryKinds = timeOfUse.slot(at: slot.until, zone: zone).rate == slot.rate ? [] : .rate
        if slot.until >= midnight {
            kinds.formUnion(
                kindsOfDay(from: date, to: zone.day(containing: midnight), switch: timeOfUse.next?.date))
        }
        return TariffBoundary(at: slot.until, kinds: kinds)
    }

    private func kindsOfDay(from date: CivilDate, to next: CivilDate, switch switchDate: CivilDate?) -> BoundaryKinds {
        var kinds = BoundaryKinds.day
        if let steps, steps.period.start(of: next) != steps.period.start(of: date) { kinds.insert(.period) }
        if let switchDate, date < switchDate, switchDate <= next { kinds.insert(.timetable) }
        return kinds
    }
}

/// A tariff, and those that are to follow it.
///
/// A change takes effect with the first accepted reading, at a trusted time, at or after its moment: what
/// was used up to that reading is priced as before, whole. The caller settles up to the reading, then
/// keeps what `adopted(at:)` returns; a clock that goes back does not undo it.
public struct TariffSchedule: Hashable, Sendable {
    public struct Change: Hashable, Sendable {
        public let at: WallTime
        public let tariff: Tariff

        public init(at: WallTime, tariff: Tariff) {
            self.at = at
            self.tariff = tariff
        }
    }

    public let current: Tariff
    /// Ordered by time.
    public let changes: [Change]

    public static let largestChangeCount = 8

    public init(current: Tariff) {
        self.current = current
        changes = []
    }

    /// Checks the schedule as a whole; throws every problem found.
    public init(current: Tariff, changes: [Change]) throws(SettingProblems) {
        var problems = ProblemList()
        problems.require(
            changes.count <= Self.largestChangeCount, "price_changes", changes.count,
            "at most \(Self.largestChangeCount) can wait")
        for (before, change) in zip(changes, changes.dropFirst()) where change.at <= before.at {
            problems.add(
                "price_changes", change.at.millisecondsSince1970,
                "must come after the change before it (\(before.at.millisecondsSince1970))")
        }
        try problems.throwAny()
        self.init(current: current, ordered: changes)
    }

    init(current: Tariff, ordered changes: [Change]) {
        self.current = current
        self.changes = changes
    }

    /// The schedule from an accepted reading on; nil where nothing changes.
    public func adopted(at reading: Timestamp) -> TariffSchedule? {
        guard reading.trust != .untrusted, let due = changes.last(where: { $0.at <= reading.wall }) else { return nil }
        return TariffSchedule(current: due.tariff, ordered: changes.filter { $0.at > due.at })
    }

    /// The next moment after `moment` at which a posting is due.
    public func nextBoundary(after moment: WallTime, zone: TimeZoneTable) -> TariffBoundary {
        let boundary = current.nextBoundary(after: moment, zone: zone)
        guard let change = changes.first(where: { $0.at > moment }), change.at <= boundary.at else { return boundary }
        let kinds: BoundaryKinds = change.at == boundary.at ? boundary.kinds.union(.tariff) : .tariff
        return TariffBoundary(at: change.at, kinds: kinds)
    }
}
