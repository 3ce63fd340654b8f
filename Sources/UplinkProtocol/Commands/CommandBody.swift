public import Metering
public import Prepaid

/// What is to change for each of several accounts.
public enum AccountsChange: Hashable, Sendable {
    /// A flat price, from the first reading at or after a moment; at once where there is none.
    case price(Price, from: WallTime?)
    /// Nil goes back to the flat price of the settings.
    case tariff(Tariff?, from: WallTime?)
    case settings(AccountSettingsChange)
    case rules(AccountRules)
}

/// What is to change for each of several circuits.
public enum CircuitsChange: Hashable, Sendable {
    case timer(TimerTable)
    case switching(SwitchingRules)
    /// Nil: no limit is watched.
    case overload(OverloadSettings?)
    /// Nil: no appliance is forbidden.
    case malignantLoad(MalignantLoadSettings?)
    /// An appliance that looks forbidden is allowed from now on; nil power: the one that was found last.
    case learnAppliance(name: String, power: LearnedPower?)
    case forgetAppliance(name: String)
    case mode(OperatorMode)
    case releaseLockout
    /// The user, or an operator for the user, asks for supply.
    case allowClosing
    /// Lock-out/tag-out: on site only.
    case maintenanceLock(Bool)
}

/// By what an allowed appliance is known.
public struct LearnedPower: Hashable, Sendable {
    public let activeMilliwatts: Int64
    public let toleranceThousandths: Int64
    /// Nil: it is not compared.
    public let powerFactor: PowerFactor?
}

/// What is to change for the whole site.
public enum SiteChange: Hashable, Sendable {
    case calendar(SiteCalendar)
    case accountDefaults(AccountSettings)
    /// A person has looked: the credit cuts that are held are right.
    case confirmCuts
    /// The configuration is read anew.
    case reload
}

/// What is to change about the meters that are installed.
public enum MeterChange: Hashable, Sendable {
    case add(MeterAddition)
    case replace(MeterExchange)
    case remove(MeterID)
    /// What meters, or all meters of a model, should hold from now on: nothing but these values.
    case expect([ExpectedSettings.Subject], [SettingName: SettingValue])
}

/// A meter that is to be added, with its circuit where it measures.
public struct MeterAddition: Hashable, Sendable {
    public let meter: SiteMeter
    /// Of the meter's own name where none is given.
    public let circuit: CircuitID
    public let account: AccountID?
    /// The most it can draw: W (or l/h).
    public let ratedPerHour: Int64
    /// Nil: the meter's own, where it has one.
    public let breaker: BreakerAddress?

    /// As much as an import assumes: 60 A at 230 V.
    public static let usualRating: Int64 = 13_800
}

/// A meter that was taken out, and what was put in.
public struct MeterExchange: Hashable, Sendable {
    public let circuit: CircuitID
    /// What the old meter showed when it was taken out, Wh or litres.
    public let oldLast: Int64
    /// What the new one showed when it was put in.
    public let newFirst: Int64
    /// The new meter; nil where it has the name, the address and the profile of the old one.
    public let meter: SiteMeter?
    /// The number printed on it, kept with what was done.
    public let serial: String?

    public init(circuit: CircuitID, oldLast: Int64, newFirst: Int64, meter: SiteMeter?, serial: String? = nil) {
        self.circuit = circuit
        self.oldLast = oldLast
        self.newFirst = newFirst
        self.meter = meter
        self.serial = serial
    }

    /// What a `replace_meter` command holds.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "circuit": .string(circuit.rawValue), "old_last": .integer(oldLast), "new_first": .integer(newFirst),
        ]
        if let meter {
            members["meter"] = .string(meter.id.rawValue)
            members["bus"] = .string(meter.address.bus.rawValue)
            members["unit"] = .integer(Int64(meter.address.unit))
            members["profile"] = .string(meter.profile)
        }
        if let serial { members["serial"] = .string(serial) }
        return .object(members)
    }
}

extension Command.Body {
    /// Reads the fields of a known kind.
    init(kind: String, json: JSONValue, expiresAt: WallTime?) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: kind)
        var read = try Self.money(kind, json, expiresAt, &reader)
        if read == nil { read = try Self.accounts(kind, &reader) }
        if read == nil { read = try Self.circuits(kind, &reader) }
        if read == nil { read = try Self.site(kind, json, &reader) }
        if read == nil { read = try Self.meters(kind, &reader) }
        try reader.finish()
        self = read ?? .unsupported
    }

    private static func money(
        _ kind: String, _ json: JSONValue, _ expiresAt: WallTime?, _ reader: inout ObjectReader
    ) throws(FieldProblem) -> Self? {
        switch kind {
        case "recharge":
            let recharge = try Recharge(json: json, expiresAt: expiresAt)
            reader = try ObjectReader(.object([:]), name: kind)
            return .recharge(recharge)
        case "refund": return try order(.refund(try reader.money("amount")), expiresAt, &reader)
        case "reversal": return try order(.reversal(sequence: try reader.integer("entry")), expiresAt, &reader)
        case "clear": return try order(.clear, expiresAt, &reader)
        case "preset": return try order(.preset(try reader.money("amount")), expiresAt, &reader)
        case "close_account":
            return try order(.close(paysOut: try reader.optionalBoolean("pays_out") ?? false), expiresAt, &reader)
        case "transfer":
            return .transfer(
                AccountTransfer(
                    from: try reader.identifier("from", CustomerAccount.self),
                    fromCustomer: try reader.text("from_customer_number", longest: Account.longestName),
                    to: try reader.identifier("to", CustomerAccount.self),
                    toCustomer: try reader.text("to_customer_number", longest: Account.longestName),
                    issuer: try reader.text("issuer", longest: Account.longestName),
                    amount: try reader.money("amount"), expiresAt: expiresAt))
        case "open_account": return try opening(&reader)
        case "decide_dispute":
            let decision: DisputeDecision =
                if let quantity = try reader.optionalInteger("quantity") { .bill(quantity: quantity) } else {
                    .writeOff
                }
            return .decideDispute(record: try reader.integer("record"), decision)
        default: return nil
        }
    }

    private static func order(
        _ operation: AccountOperation, _ expiresAt: WallTime?, _ reader: inout ObjectReader
    ) throws(FieldProblem) -> Self {
        .order(
            AccountOrder(
                account: try reader.identifier("account", CustomerAccount.self),
                customerNumber: try reader.text("customer_number", longest: Account.longestName),
                issuer: try reader.text("issuer", longest: Account.longestName), operation: operation,
                expiresAt: expiresAt))
    }

    private static func opening(_ reader: inout ObjectReader) throws(FieldProblem) -> Self {
        let settings = reader.optional("settings") ?? .object([:])
        let opening = AccountOpening(
            account: try reader.identifier("account", CustomerAccount.self),
            customerNumber: try reader.text("customer_number", longest: Account.longestName),
            issuer: try reader.text("issuer", longest: Account.longestName),
            carriedOver: try reader.optionalMoney("carried_over") ?? .zero,
            lastRechargeNumber: try reader.optionalInteger("last_recharge_number") ?? 0,
            settings: try AccountSettingsChange(json: settings, name: "open_account.settings"))
        let circuits =
            reader.optional("circuits") == nil
            ? [] : try reader.identifiers("circuits", Circuit.self, most: Command.mostSubjects)
        return .openAccount(opening, circuits: circuits)
    }

    private static func accounts(_ kind: String, _ reader: inout ObjectReader) throws(FieldProblem) -> Self? {
        let change: AccountsChange
        switch kind {
        case "price":
            change = .price(try reader.price("price"), from: try reader.optionalMoment("from_ms"))
        case "tariff":
            let tariff: Tariff? =
                if let value = reader.optional("tariff") { try Tariff(json: value, name: "tariff") } else { nil }
            change = .tariff(tariff, from: try reader.optionalMoment("from_ms"))
        case "account_settings":
            change = .settings(try AccountSettingsChange(json: try reader.value("settings"), name: "settings"))
        case "account_rules": change = .rules(try AccountRules(json: try reader.value("rules")))
        default: return nil
        }
        let accounts = try reader.identifiers("accounts", CustomerAccount.self, most: Command.mostSubjects)
        return .accounts(accounts, change)
    }

    private static func circuits(_ kind: String, _ reader: inout ObjectReader) throws(FieldProblem) -> Self? {
        let change: CircuitsChange
        switch kind {
        case "timer": change = .timer(try TimerTable(json: reader.optional("timer") ?? .object([:])))
        case "switching": change = .switching(try SwitchingRules(json: try reader.value("switching")))
        case "overload":
            let settings = reader.optional(kind) ?? .object([:])
            change = .overload(settings == .object([:]) ? nil : try OverloadSettings(json: settings))
        case "malignant_load":
            let settings = reader.optional(kind) ?? .object([:])
            change = .malignantLoad(settings == .object([:]) ? nil : try MalignantLoadSettings(json: settings))
        case "learn_appliance": change = try learning(&reader)
        case "forget_appliance":
            change = .forgetAppliance(name: try reader.text("name", longest: MalignantLoadSettings.longestName))
        case "breaker_mode": change = .mode(try reader.word("mode", OperatorMode.self))
        case "release_lockout": change = .releaseLockout
        case "allow_closing": change = .allowClosing
        case "maintenance_lock":
            guard let isLocked = try reader.optionalBoolean("locked") else {
                throw reader.problem("locked", "is missing")
            }
            change = .maintenanceLock(isLocked)
        default: return nil
        }
        return .circuits(try reader.identifiers("circuits", Circuit.self, most: Command.mostSubjects), change)
    }

    private static func learning(_ reader: inout ObjectReader) throws(FieldProblem) -> CircuitsChange {
        let name = try reader.text("name", longest: MalignantLoadSettings.longestName)
        guard let power = try reader.optionalInteger("power_mw") else {
            return .learnAppliance(name: name, power: nil)
        }
        return .learnAppliance(
            name: name,
            power: LearnedPower(
                activeMilliwatts: power,
                toleranceThousandths: try reader.optionalInteger("tolerance_thousandths")
                    ?? LearnedAppliance.standardToleranceThousandths,
                powerFactor: try reader.optionalPowerFactor("power_factor_millionths")))
    }

    private static func site(
        _ kind: String, _ json: JSONValue, _ reader: inout ObjectReader
    ) throws(FieldProblem) -> Self? {
        switch kind {
        case "calendar":
            let calendar = try SiteCalendar(json: json)
            reader = try ObjectReader(.object([:]), name: kind)
            return .site(.calendar(calendar))
        case "account_defaults":
            let settings = try AccountSettings(json: json, name: kind)
            reader = try ObjectReader(.object([:]), name: kind)
            return .site(.accountDefaults(settings))
        case "confirm_cuts": return .site(.confirmCuts)
        case "reload": return .site(.reload)
        case "read_now":
            return .readNow(try reader.identifiers("meters", Meter.self, most: Command.mostSubjects))
        case "time": return .time(WallTime(millisecondsSince1970: try reader.integer("wall_ms")))
        default: return nil
        }
    }
}
