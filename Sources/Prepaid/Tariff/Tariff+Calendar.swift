public import Metering

extension Tariff {
    /// The same tariff by another calendar.
    public func following(_ calendar: SiteCalendar) -> Tariff {
        guard case .timeOfUse(let timeOfUse) = base else { return self }
        let changed = TimeOfUse(
            prices: timeOfUse.prices, timetable: timeOfUse.timetable, next: timeOfUse.next, calendar: calendar,
            fallbackRate: timeOfUse.fallbackRate)
        return Tariff(base: .timeOfUse(changed), steps: steps)
    }
}

extension Tariff {
    /// The most that a kWh can cost: the dearest rate with the dearest step.
    public var dearestPrice: Price {
        let step = steps?.prices.max() ?? .free
        let base =
            switch base {
            case .flat(let price): price
            case .timeOfUse(let timeOfUse): Rate.allCases.map { timeOfUse.prices[$0] }.max() ?? .free
            }
        // Both together were checked when the tariff was made.
        return base.adding(step) ?? base
    }

    /// The cheapest that a kWh or m³ can be.
    public var cheapestPrice: Price {
        let step = steps?.prices.min() ?? .free
        let base =
            switch base {
            case .flat(let price): price
            case .timeOfUse(let timeOfUse): Rate.allCases.map { timeOfUse.prices[$0] }.min() ?? .free
            }
        return base.adding(step) ?? base
    }
}

extension TariffSchedule {
    /// The same schedule by another calendar. What was used by the old one must be posted before.
    public func following(_ calendar: SiteCalendar) -> TariffSchedule {
        TariffSchedule(
            current: current.following(calendar),
            ordered: changes.map { Change(at: $0.at, tariff: $0.tariff.following(calendar)) })
    }

    /// The schedule with a tariff that is to apply from a moment on; what was to follow later is dropped.
    public func adding(_ tariff: Tariff, from at: WallTime) throws(SettingProblems) -> TariffSchedule {
        try TariffSchedule(current: current, changes: changes.filter { $0.at < at } + [Change(at: at, tariff: tariff)])
    }
}
