private import Metering
public import Prepaid

extension AccountSettingsChange {
    /// The fields that are to change, amounts as decimal text; the others are left out.
    public var json: JSONValue {
        var members: [String: JSONValue] = [:]
        if let price { members["price"] = .string(price.description) }
        for (name, amount) in [
            ("alarm_1", alarm1), ("alarm_2", alarm2), ("hysteresis", hysteresis), ("overdraft_limit", overdraftLimit),
            ("minimum_to_reclose", minimumToReclose), ("hoarding_cap", hoardingCap),
        ] {
            if let amount { members[name] = .string(amount.description) }
        }
        return .object(members)
    }

    public init(json: JSONValue, name: String = "settings") throws(FieldProblem) {
        self.init()
        var reader = try ObjectReader(json, name: name)
        price = try reader.optionalPrice("price")
        alarm1 = try reader.optionalMoney("alarm_1")
        alarm2 = try reader.optionalMoney("alarm_2")
        hysteresis = try reader.optionalMoney("hysteresis")
        overdraftLimit = try reader.optionalMoney("overdraft_limit")
        minimumToReclose = try reader.optionalMoney("minimum_to_reclose")
        hoardingCap = try reader.optionalMoney("hoarding_cap")
        try reader.finish()
    }
}

extension AccountSettings {
    /// Every setting, as `AccountSettingsChange` has them.
    public var json: JSONValue {
        var change = AccountSettingsChange()
        change.price = price
        change.alarm1 = alarm1
        change.alarm2 = alarm2
        change.hysteresis = hysteresis
        change.overdraftLimit = overdraftLimit
        change.minimumToReclose = minimumToReclose
        change.hoardingCap = hoardingCap
        return change.json
    }

    /// `price`, `alarm_1`, `alarm_2` and `hoarding_cap` must be there.
    public init(json: JSONValue, name: String = "settings") throws(FieldProblem) {
        let change = try AccountSettingsChange(json: json, name: name)
        func need<Value>(_ value: Value?, _ field: String) throws(FieldProblem) -> Value {
            guard let value else { throw FieldProblem(field: "\(name).\(field)", reason: "is missing") }
            return value
        }
        do {
            try self.init(
                price: try need(change.price, "price"), alarm1: try need(change.alarm1, "alarm_1"),
                alarm2: try need(change.alarm2, "alarm_2"), hysteresis: change.hysteresis ?? .oneMicrounit,
                overdraftLimit: change.overdraftLimit ?? .zero,
                minimumToReclose: change.minimumToReclose ?? .oneMicrounit,
                hoardingCap: try need(change.hoardingCap, "hoarding_cap"))
        } catch let problem as FieldProblem {
            throw problem
        } catch let problems as SettingProblems {
            throw FieldProblem(problems, in: name)
        } catch {
            throw FieldProblem(field: name, reason: "\(error)")
        }
    }
}

extension AccountRules {
    /// `{"is_vulnerable": false, "reminds_of_low_balance": true, "protected": {…}}`
    public var json: JSONValue {
        .object([
            "is_vulnerable": .boolean(isVulnerable), "reminds_of_low_balance": .boolean(remindsOfLowBalance),
            "protected": protectedPeriods.json,
        ])
    }

    /// - Parameter base: what holds where a field is left out.
    public init(json: JSONValue, over base: AccountRules = AccountRules(), name: String = "rules") throws(FieldProblem)
    {
        self = base
        var reader = try ObjectReader(json, name: name)
        isVulnerable = try reader.optionalBoolean("is_vulnerable") ?? base.isVulnerable
        remindsOfLowBalance = try reader.optionalBoolean("reminds_of_low_balance") ?? base.remindsOfLowBalance
        if let value = reader.optional("protected") {
            protectedPeriods = try ProtectedPeriods(json: value, name: "\(name).protected")
        }
        try reader.finish()
    }
}

extension SwitchingRules {
    /// Times in milliseconds; `power_up` is `open`, `closed` or left out.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "minimum_dwell_ms": .integer(minimumDwell.wholeMilliseconds),
            "needs_user_to_close": .boolean(needsUserToClose), "travel_ms": .integer(travelTime.wholeMilliseconds),
            "guarantee_outranks_lockouts": .boolean(guaranteeOutranksLockouts),
        ]
        if let powerUp { members["power_up"] = .string(powerUp.rawValue) }
        return .object(members)
    }

    public init(json: JSONValue, name: String = "switching") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let dwell = try reader.optionalDuration("minimum_dwell_ms") ?? .zero
        let needsUser = try reader.optionalBoolean("needs_user_to_close") ?? false
        let travel = try reader.optionalDuration("travel_ms") ?? .zero
        let outranks = try reader.optionalBoolean("guarantee_outranks_lockouts") ?? false
        let powerUp: BreakerPosition? =
            reader.optional("power_up") == nil ? nil : try reader.word("power_up", BreakerPosition.self)
        try reader.finish()
        do {
            try self.init(
                minimumDwell: dwell, needsUserToClose: needsUser, travelTime: travel, powerUp: powerUp,
                guaranteeOutranksLockouts: outranks)
        } catch { throw FieldProblem(error, in: name) }
    }
}

extension PeriodUsage {
    /// `{"current": {"start": "2026-11-01", "quantity": 12000}, "previous": {…}, "undated": 0}`, in Wh or litres.
    public var json: JSONValue {
        var members: [String: JSONValue] = ["undated": .integer(undated)]
        for (name, period) in [("current", current), ("previous", previous)] {
            guard let period else { continue }
            members[name] = .object([
                "start": .string(period.start.description), "quantity": .integer(period.quantity),
            ])
        }
        return .object(members)
    }

    public init(json: JSONValue, name: String = "usage") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        func period(_ field: String) throws(FieldProblem) -> Period? {
            guard let value = reader.optional(field) else { return nil }
            var period = try ObjectReader(value, name: "\(name).\(field)")
            let read = Period(start: try period.date("start"), quantity: try period.integer("quantity"))
            try period.finish()
            return read
        }
        let current = try period("current")
        let previous = try period("previous")
        let undated = try reader.integer("undated")
        try reader.finish()
        self.init(current: current, previous: previous, undated: undated)
    }
}
