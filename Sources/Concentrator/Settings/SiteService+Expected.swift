internal import MeterProfiles
internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

/// What the meters of the site should hold, and which are to be looked at before their turn.
extension SiteService {
    /// Keeps what meters, or the meters of a model, should hold; nothing is written to a meter.
    func expect(
        _ values: [SettingName: SettingValue], of subjects: [ExpectedSettings.Subject], command: Command,
        from origin: CommandOrigin, into work: inout CommandWork, now: Timestamp
    ) -> CommandAnswer {
        var expected = self.expected
        var codes: [String: String] = [:]
        for subject in subjects {
            let code = refusal(of: values, for: subject)
            codes[subject.name] = code ?? "applied"
            guard code == nil else { continue }
            let settings = expected.replacing(subject, with: values, by: origin.actor, at: now.wall)
            expected[subject] = settings
            work.settings.append(
                Setting(.expectedSettings, of: subject.description, settings.isEmpty ? nil : settings.json))
            var detail = values.reduce(into: [:]) { $0[$1.key.rawValue] = $1.value.description }
            detail["setting"] = "expected_settings"
            detail["command"] = command.id
            if case .profile(let name) = subject { detail["profile"] = name }
            work.note(Event(.settingsChanged, subject.eventSubject, detail))
        }
        if expected != self.expected { work.expected = expected }
        return .each(codes)
    }

    /// Why a meter, or a model, cannot be expected to hold these; nil where it can.
    private func refusal(of values: [SettingName: SettingValue], for subject: ExpectedSettings.Subject) -> String? {
        let name: String
        switch subject {
        case .meter(let id):
            guard let meter = meters[id] else { return "unknown_meter" }
            name = meter.profile
        case .profile(let profile): name = profile
        }
        guard let profile = profiles[name] else { return "unknown_profile" }
        for (setting, value) in values {
            guard let definition = profile.settings.first(where: { $0.name == setting }) else {
                return "unknown_setting"
            }
            guard definition.encode(value) != nil else { return "value_out_of_range" }
        }
        return nil
    }

    /// It is committed: it counts from here on, and is looked at soon.
    func adopt(_ expected: ExpectedSettings) {
        let before = self.expected
        self.expected = expected
        for meter in meters.values {
            let isChanged = SettingName.allCases.contains { name in
                before.expected(name, of: meter)?.value != expected.expected(name, of: meter)?.value
            }
            if isChanged { metersToCheck.insert(meter.id) }
        }
    }

    /// The meters that answer, with what they should hold beside the configuration, those first that are to be
    /// looked at before their turn.
    func metersOnPatrol() -> (early: [SiteMeter], others: [SiteMeter]) {
        metersToCheck.formIntersection(meters.keys)
        let answering = answeringMeters()
        return (
            answering.filter { metersToCheck.contains($0.id) }, answering.filter { !metersToCheck.contains($0.id) }
        )
    }

    /// A meter is looked at now; whatever happens to it from here on has it looked at again.
    func beginCheck(of meter: MeterID) { metersToCheck.remove(meter) }

    /// A meter came back, or another one stands in its place.
    func checkSoon(_ meter: MeterID) { metersToCheck.insert(meter) }
}

extension ExpectedSettings.Subject {
    /// As it stands in a command and its answer.
    fileprivate var name: String {
        switch self {
        case .meter(let id): id.rawValue
        case .profile(let name): name
        }
    }

    fileprivate var eventSubject: EventSubject {
        switch self {
        case .meter(let id): .meter(id)
        case .profile: .gateway
        }
    }
}
