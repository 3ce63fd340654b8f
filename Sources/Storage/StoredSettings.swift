public import Metering
public import Prepaid
public import UplinkProtocol

/// What a document sets.
public enum SettingKind: String, Hashable, Sendable, CaseIterable {
    /// Of an account: its tariff, and those that are to follow.
    case tariff
    /// Of an account: what it has used in the settlement period.
    case periodUsage = "period_usage"
    /// Of an account: how it is treated, beside its money.
    case accountRules = "account_rules"
    /// Of a circuit: its timer windows.
    case timer
    /// Of a circuit: how its breaker may be moved.
    case switching
    /// Of a circuit: its limit of power.
    case overload
    /// Of a circuit: the appliances that are forbidden.
    case malignantLoad = "malignant_load"
    /// Of the site: holidays and days of rest.
    case calendar
    /// Of the site: the settings of new accounts.
    case accountDefaults = "account_defaults"
    /// Of a meter or a model: what should be in its settings.
    case expectedSettings = "expected_settings"
}

/// One document to be kept.
public struct Setting: Hashable, Sendable {
    public let kind: SettingKind
    /// The account or the circuit; a meter or a model as `ExpectedSettings.Subject` names it; `site` for what holds everywhere.
    public let subject: String
    /// Nil takes it back.
    public let document: JSONValue?

    /// The subject of what holds everywhere.
    public static let site = "site"

    public init(_ kind: SettingKind, of subject: String = Self.site, _ document: JSONValue?) {
        self.kind = kind
        self.subject = subject
        self.document = document
    }
}

/// What is set on a site, beside the columns of its tables.
public struct StoredSettings: Hashable, Sendable {
    public var tariffs: [AccountID: TariffSchedule] = [:]
    public var usages: [AccountID: PeriodUsage] = [:]
    public var accountRules: [AccountID: AccountRules] = [:]
    public var circuitRules: [CircuitID: CircuitRules] = [:]
    public var calendar = SiteCalendar.plain
    public var accountDefaults: AccountSettings?
    public var expected = ExpectedSettings()

    public init() {}

    /// Takes a document as it was kept.
    public mutating func take(_ kind: SettingKind, subject: String, document: JSONValue) throws(FieldProblem) {
        switch kind {
        case .tariff: tariffs[try Self.identifier(subject)] = try TariffSchedule(json: document)
        case .periodUsage: usages[try Self.identifier(subject)] = try PeriodUsage(json: document)
        case .accountRules: accountRules[try Self.identifier(subject)] = try AccountRules(json: document)
        case .timer:
            circuitRules[try Self.identifier(subject), default: .standard].timer = try TimerTable(json: document)
        case .switching:
            circuitRules[try Self.identifier(subject), default: .standard].switching =
                try SwitchingRules(json: document)
        case .overload:
            circuitRules[try Self.identifier(subject), default: .standard].overload =
                try OverloadSettings(json: document)
        case .malignantLoad:
            circuitRules[try Self.identifier(subject), default: .standard].malignant =
                try MalignantLoadSettings(json: document)
        case .calendar: calendar = try SiteCalendar(json: document)
        case .accountDefaults: accountDefaults = try AccountSettings(json: document)
        case .expectedSettings:
            guard let subject = ExpectedSettings.Subject(name: subject) else {
                throw FieldProblem(field: "subject", value: subject, reason: "is no meter and no model")
            }
            expected[subject] = try [SettingName: ExpectedSetting](json: document)
        }
    }

    private static func identifier<Subject>(_ text: String) throws(FieldProblem) -> Identifier<Subject> {
        guard let identifier = Identifier<Subject>(rawValue: text) else {
            throw FieldProblem(field: "subject", value: text, reason: "must be \(Identifier<Subject>.rule)")
        }
        return identifier
    }
}
