internal import ConfigurationReader
public import Metering

/// What the meters of the site should hold, and how often that is looked at.
public struct MeterSettingsConfiguration: Hashable, Sendable {
    /// Between two looks at the same meter; nil: only who asks looks, beside those that came back or of which
    /// something else is expected now.
    public let patrolInterval: Duration?
    /// Whether meter clocks are kept within ten seconds.
    public let keepsClocks: Bool
    /// By profile.
    public let expected: [String: [SettingName: SettingValue]]

    public static let standard = MeterSettingsConfiguration(
        patrolInterval: .seconds(24 * 3_600), keepsClocks: true, expected: [:])

    public init(
        patrolInterval: Duration?, keepsClocks: Bool, expected: [String: [SettingName: SettingValue]]
    ) {
        self.patrolInterval = patrolInterval
        self.keepsClocks = keepsClocks
        self.expected = expected
    }

    /// How a meter is reached is not changed beside what the site knows of it.
    static let unwritable: Set<SettingName> = [.address, .baudCode, .parityCode]

    static func read(_ node: ConfigurationNode) -> MeterSettingsConfiguration? {
        guard let section = node.mapping(keys: ["patrol_minutes", "keep_clocks", "expected"]),
            let minutes = section.integer("patrol_minutes", in: 0...10_080, default: 1_440),
            let keepsClocks = section.boolean("keep_clocks", default: true)
        else { return nil }
        var expected: [String: [SettingName: SettingValue]] = [:]
        for (profile, values) in section["expected"]?.entries ?? [] {
            for (name, value) in values.entries ?? [] {
                guard let setting = SettingName(rawValue: name), setting.canBeExpected else {
                    let known = SettingName.allCases.filter(\.canBeExpected).map(\.rawValue)
                    value.refuse(
                        "'\(name)' is no setting that can be expected",
                        ConfigurationNode.suggestion(for: name, among: known))
                    continue
                }
                guard let text = value.text, let wanted = SettingValue(text: text) else {
                    value.refuse("\(value.path) is no number", "write it like 8.8")
                    continue
                }
                expected[profile, default: [:]][setting] = wanted
            }
        }
        return MeterSettingsConfiguration(
            patrolInterval: minutes == 0 ? nil : .seconds(minutes * 60), keepsClocks: keepsClocks, expected: expected)
    }
}
