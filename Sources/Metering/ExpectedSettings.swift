/// What a meter's setting should be, and who says so.
public struct ExpectedSetting: Hashable, Sendable {
    public let value: SettingValue
    /// `platform`, `operator`, `import`, `configuration`
    public let by: String
    /// Since when it is expected; nil where nobody noted that.
    public let since: WallTime?

    public init(_ value: SettingValue, by: String, since: WallTime?) {
        self.value = value
        self.by = by
        self.since = since
    }
}

/// What the meters of a site should hold: of a meter, else of its model.
public struct ExpectedSettings: Hashable, Sendable {
    public enum Subject: Hashable, Sendable, CustomStringConvertible {
        case meter(MeterID)
        /// A meter model, by the name of its profile.
        case profile(String)

        /// `meter:M-101`, `profile:eastron-sdm120`
        public var description: String {
            switch self {
            case .meter(let id): "meter:\(id)"
            case .profile(let name): "profile:\(name)"
            }
        }

        /// The inverse of `description`; nil for anything else.
        public init?(name: String) {
            let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[1].isEmpty else { return nil }
            switch parts[0] {
            case "meter":
                guard let id = MeterID(rawValue: parts[1]) else { return nil }
                self = .meter(id)
            case "profile": self = .profile(parts[1])
            default: return nil
            }
        }
    }

    private var settings: [Subject: [SettingName: ExpectedSetting]] = [:]

    public init() {}

    public subscript(subject: Subject) -> [SettingName: ExpectedSetting] {
        get { settings[subject] ?? [:] }
        set { settings[subject] = newValue.isEmpty ? nil : newValue }
    }

    /// What a meter should hold; nil where nobody said.
    public func expected(_ name: SettingName, of meter: SiteMeter) -> ExpectedSetting? {
        self[.meter(meter.id)][name] ?? self[.profile(meter.profile)][name]
    }

    /// What is expected of a subject from now on: nothing but these values. What stays the same keeps who said it
    /// first, and when.
    public func replacing(
        _ subject: Subject, with values: [SettingName: SettingValue], by: String, at now: WallTime
    ) -> [SettingName: ExpectedSetting] {
        let before = self[subject]
        return values.reduce(into: [:]) { result, entry in
            if let known = before[entry.key], known.value == entry.value {
                result[entry.key] = known
            } else {
                result[entry.key] = ExpectedSetting(entry.value, by: by, since: now)
            }
        }
    }
}
