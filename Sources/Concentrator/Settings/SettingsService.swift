internal import Logging
public import MeterProfiles
public import Metering
internal import Prepaid

/// What was found in one meter.
public struct MeterSettings: Sendable {
    public let meter: SiteMeter
    public let comparisons: [SettingComparison]
    /// Who said what should be there, and when.
    public let expected: [SettingName: ExpectedSetting]
}

/// What came of setting something.
public enum SettingOutcome: Hashable, Sendable, CustomStringConvertible {
    case set
    case agreesAlready
    case refused(String)

    public var description: String {
        switch self {
        case .set: "set, and read back"
        case .agreesAlready: "agrees already"
        case .refused(let reason): reason
        }
    }
}

/// Reads what meters keep for themselves, compares it with what it should be, and sets it when a person
/// says so; clocks it keeps by itself.
public actor SettingsService {
    let site: SiteService
    private(set) var profiles: ProfileLibrary
    private let clock: GatewayClock
    private let zone: TimeZoneTable
    let mailboxes: BusMailboxes
    private var configuration: MeterSettingsConfiguration
    private let logger: Logger
    /// What the patrol said of each meter last.
    private var told: [MeterID: Set<SettingName>] = [:]
    private var lookedAt: [MeterID: MonotonicTime] = [:]
    /// After it a clock that could not be set is looked at again.
    private static let clockPause: Duration = .seconds(900)

    init(
        site: SiteService, profiles: ProfileLibrary, clock: GatewayClock, zone: TimeZoneTable,
        mailboxes: BusMailboxes, configuration: MeterSettingsConfiguration, logger: Logger
    ) {
        self.site = site
        self.profiles = profiles
        self.clock = clock
        self.zone = zone
        self.mailboxes = mailboxes
        self.configuration = configuration
        self.logger = logger
    }

    /// Takes what another configuration says.
    func apply(_ configuration: MeterSettingsConfiguration, profiles: ProfileLibrary) {
        self.configuration = configuration
        self.profiles = profiles
    }

    /// Reads every setting of a meter; nil where its profile or its bus is missing.
    public func read(_ meter: SiteMeter) async -> MeterSettings? {
        guard let profile = profiles[meter.profile], let mailbox = mailboxes[meter.address.bus] else { return nil }
        let definitions = profile.settings.filter { $0.request != nil }
        guard !definitions.isEmpty else { return MeterSettings(meter: meter, comparisons: [], expected: [:]) }
        let errand = BusErrand(
            unit: meter.address.unit, profile: profile, steps: definitions.compactMap(\.request).map { .read($0) },
            goesOn: true)
        let outcomes = await mailbox.carryOut(errand)
        let said = await expectations(of: meter)
        let comparisons = definitions.enumerated().map { index, definition in
            SettingComparison(
                definition, found: outcomes.indices.contains(index) ? outcomes[index].value(definition) : nil,
                expected: expected(definition, of: meter, said))
        }
        return MeterSettings(meter: meter, comparisons: comparisons, expected: said)
    }

    /// What was said of a meter: by commands and imports, else by the configuration.
    private func expectations(of meter: SiteMeter) async -> [SettingName: ExpectedSetting] {
        let configured = (configuration.expected[meter.profile] ?? [:]).mapValues {
            ExpectedSetting($0, by: "configuration", since: nil)
        }
        let said = await site.expected
        return SettingName.allCases.reduce(into: configured) { result, name in
            if let expected = said.expected(name, of: meter) { result[name] = expected }
        }
    }

    /// What the site's time is on a clock's face.
    private var localNow: LocalTime { zone.local(at: clock.now().wall) }

    private func expected(
        _ definition: SettingDefinition, of meter: SiteMeter, _ said: [SettingName: ExpectedSetting]
    ) -> SettingValue? {
        switch definition.name {
        case .clock: clock.now().trust == .trusted ? .clock(localNow) : nil
        case .address: .number(Int64(meter.address.unit) * 1000)
        default: said[definition.name]?.value
        }
    }

    /// Sets what differs, one setting after the other, and reads each back.
    /// - Parameter names: nil: everything that differs.
    public func apply(
        _ meter: SiteMeter, names: Set<SettingName>?, actor: String
    ) async -> [(name: SettingName, outcome: SettingOutcome)] {
        guard let settings = await read(meter) else { return [] }
        var outcomes: [(name: SettingName, outcome: SettingOutcome)] = []
        for comparison in settings.comparisons {
            let name = comparison.definition.name
            guard names?.contains(name) ?? (comparison.verdict == .differs) else { continue }
            outcomes.append((name, await apply(comparison, to: meter, actor: actor)))
        }
        // That it agrees now is told too.
        await site.checkSoon(meter.id)
        return outcomes
    }

    private func apply(
        _ comparison: SettingComparison, to meter: SiteMeter, actor: String
    ) async -> SettingOutcome {
        let definition = comparison.definition
        switch comparison.verdict {
        case .agrees: return .agreesAlready
        case .unreadable: return .refused("the meter does not say what it holds; nothing was written")
        case .free: return .refused("nobody said what it should be; say it with meterkeep settings expect")
        case .differs: break
        }
        if MeterSettingsConfiguration.unwritable.contains(definition.name) {
            return .refused("this changes how the meter is reached; for addresses use meterkeep address")
        }
        if case .clock(let shown)? = comparison.found {
            switch MeterClockRules.decide(shown: shown, now: localNow, trust: clock.now().trust) {
            case .inStep: return .agreesAlready
            case .timeUnknown: return .refused("the gateway does not know the time itself")
            case .tooNear: return .refused("too near to midnight or a full hour; try again in a quarter of an hour")
            case .adjust: break
            }
        }
        let wanted = definition.name == .clock ? SettingValue.clock(localNow) : comparison.expected
        guard let wanted, let write = definition.writing(wanted), let request = definition.request,
            let profile = profiles[meter.profile], let mailbox = mailboxes[meter.address.bus]
        else { return .refused("this model's profile does not say how it is written, or the value does not fit") }
        let outcomes = await mailbox.carryOut(
            BusErrand(unit: meter.address.unit, profile: profile, steps: [.write(write), .read(request)]))
        let found = outcomes.last?.value(definition)
        let isSet = SettingComparison(definition, found: found, expected: wanted).verdict == .agrees
        let detail = [
            "setting": definition.name.rawValue, "before": comparison.found?.description ?? "unknown",
            "wanted": wanted.description, "after": found?.description ?? "unknown",
        ]
        let code: EventCode = definition.name == .clock ? .meterClockSet : .settingWritten
        await site.noteSetting(Event(code, .meter(meter.id), detail), actor: actor)
        return isSet
            ? .set : .refused("the meter holds \(found?.description ?? "an unknown value") after the write; look at it")
    }
}

// MARK: - Patrol

extension SettingsService {
    /// Looks at one meter after the other, slowly, until the task is cancelled.
    func patrol() async {
        while !Task.isCancelled {
            if let meter = await nextOnPatrol() {
                lookedAt[meter.id] = clock.monotonicNow()
                await site.beginCheck(of: meter.id)
                await look(at: meter)
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// A meter that came back or of which something else is expected now, else one whose turn it is.
    private func nextOnPatrol() async -> SiteMeter? {
        let now = clock.monotonicNow()
        let (early, others) = await site.metersOnPatrol()
        let known = Set((early + others).map(\.id))
        told = told.filter { known.contains($0.key) }
        let installed = await site.installedMeters
        lookedAt = lookedAt.filter { installed.contains($0.key) }
        if let meter = early.first(where: { keepsSettings($0) }) { return meter }
        guard let interval = configuration.patrolInterval else { return nil }
        return others.first { meter in
            keepsSettings(meter) && (lookedAt[meter.id].map { now - $0 >= interval } ?? true)
        }
    }

    private func keepsSettings(_ meter: SiteMeter) -> Bool { profiles[meter.profile]?.settings.isEmpty == false }

    /// Tells what differs and was not told yet, and what agrees again; sets a clock that is off.
    private func look(at meter: SiteMeter) async {
        guard let settings = await read(meter) else { return }
        var differing = told[meter.id] ?? []
        for comparison in settings.comparisons {
            let name = comparison.definition.name
            if name == .clock, comparison.verdict == .differs, configuration.keepsClocks {
                let outcome = await apply(comparison, to: meter, actor: "gateway")
                logger.info("a meter clock is off", metadata: ["meter": "\(meter.id)", "outcome": "\(outcome)"])
                // Too near to an hour: not a whole round later.
                if outcome != .set, let interval = configuration.patrolInterval, interval > Self.clockPause {
                    lookedAt[meter.id] = clock.monotonicNow() + (Self.clockPause - interval)
                }
                continue
            }
            let detail = [
                "setting": name.rawValue, "found": comparison.found?.description ?? "unknown",
                "expected": comparison.expected?.description ?? "unknown",
                "expected_by": settings.expected[name]?.by ?? "gateway",
            ]
            switch comparison.verdict {
            case .differs where differing.insert(name).inserted:
                await site.noteSetting(Event(.settingDiffers, .meter(meter.id), detail), actor: "gateway")
            case .agrees where differing.remove(name) != nil:
                await site.noteSetting(Event(.settingAgrees, .meter(meter.id), detail), actor: "gateway")
            default: break
            }
        }
        told[meter.id] = differing
    }
}

// MARK: - A new meter

extension SettingsService {
    /// What a meter counts now, Wh or litres; nil where it does not answer as its profile says.
    func counter(of device: SiteMeter) async -> Int64? {
        guard let profile = profiles[device.profile], let mailbox = mailboxes[device.address.bus],
            let register = profile.registers.first(where: { $0.channel == profile.billing?.channel }),
            let request = ReadPlan(
                wanted: [register], limits: profile.limits, serial: profile.serial, turnaround: .zero
            ).requests.first
        else { return nil }
        let outcomes = await mailbox.carryOut(
            BusErrand(unit: device.address.unit, profile: profile, steps: [.read(request)]))
        guard case .words(let words)? = outcomes.last else { return nil }
        return profile.decode(request, words).first { $0.0.channel == register.channel }?.1
    }

    /// The number that a meter tells of itself; nil where its model does not.
    func serialNumber(of device: SiteMeter) async -> String? {
        guard let definition = profiles[device.profile]?.settings.first(where: { $0.name == .serialNumber }),
            let request = definition.request, let profile = profiles[device.profile],
            let mailbox = mailboxes[device.address.bus]
        else { return nil }
        let outcomes = await mailbox.carryOut(
            BusErrand(unit: device.address.unit, profile: profile, steps: [.read(request)]))
        return outcomes.last?.value(definition)?.description
    }
}

extension BusErrand.Outcome {
    /// The setting's value in what was read.
    func value(_ definition: SettingDefinition) -> SettingValue? {
        if case .words(let words) = self { definition.decode(words) } else { nil }
    }
}

extension SiteService {
    /// Keeps what was seen or done with a meter's own settings.
    func noteSetting(_ event: Event, actor: String) {
        do { try record([event], actor: actor, at: clock.now()) } catch {
            logger.error("an event could not be kept", metadata: ["event": "\(event.code)", "reason": "\(error)"])
        }
    }

    /// The meters that answered last time they were asked, by address.
    func answeringMeters() -> [SiteMeter] {
        meters.values
            .filter { if case .reading? = observations[$0.id] { true } else { false } }
            .sorted { $0.address < $1.address }
    }

    public func meter(_ id: MeterID) -> SiteMeter? { meters[id] }
    var installedMeters: Set<MeterID> { Set(meters.keys) }
    public var allMeters: [SiteMeter] { meters.values.sorted { $0.address < $1.address } }
}
