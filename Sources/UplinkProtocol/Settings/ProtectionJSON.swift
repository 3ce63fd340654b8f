private import Metering
public import Prepaid

extension OverloadSettings {
    /// `{"limit_mw": 2000000, "delay_ms": 5000, "clear_after_ms": 3600000, "release": {"delay_ms": 300000,
    /// "per_day": 3}}`
    public var json: JSONValue {
        .object([
            "limit_mw": .integer(limitMilliwatts), "delay_ms": .integer(delay.wholeMilliseconds),
            "clear_after_ms": .integer(clearAfter.wholeMilliseconds), "release": release.json,
        ])
    }

    public init(json: JSONValue, name: String = "overload") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let limit = try reader.integer("limit_mw")
        let delay = try reader.optionalDuration("delay_ms") ?? Self.standardDelay
        let clearAfter = try reader.optionalDuration("clear_after_ms") ?? Self.standardClearAfter
        let release = try ReleasePolicy(of: &reader)
        try reader.finish()
        do {
            try self.init(limitMilliwatts: limit, delay: delay, release: release, clearAfter: clearAfter)
        } catch { throw FieldProblem(error) }
    }
}

extension MalignantLoadSettings {
    /// `{"mode": "trip", "bands": [{"from_mw": 200000, "to_mw": 12000000}], …}`
    public var json: JSONValue {
        .object([
            "mode": .string(mode.rawValue), "chopped_mode": .string(choppedMode.rawValue),
            "power_only_mode": .string(powerOnlyMode.rawValue), "release": release.json,
            "bands": .array(
                bands.map {
                    .object(["from_mw": .integer($0.fromMilliwatts), "to_mw": .integer($0.toMilliwatts)])
                }),
            "power_factor_limit_millionths": .integer(powerFactorLimit.millionths),
            "dwell_ms": .integer(dwell.wholeMilliseconds), "allowed": .array(allowed.map(\.json)),
        ])
    }

    public init(json: JSONValue, name: String = "malignant_load") throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let mode = try reader.word("mode", ProtectionMode.self)
        func optionalMode(_ field: String) throws(FieldProblem) -> ProtectionMode {
            reader.optional(field) == nil ? .alarm : try reader.word(field, ProtectionMode.self)
        }
        let chopped = try optionalMode("chopped_mode")
        let powerOnly = try optionalMode("power_only_mode")
        var bands: [ForbiddenBand] = []
        for (index, entry) in try reader.list("bands", most: 64).enumerated() {
            var band = try ObjectReader(entry, name: "\(name).bands[\(index + 1)]")
            bands.append(
                ForbiddenBand(fromMilliwatts: try band.integer("from_mw"), toMilliwatts: try band.integer("to_mw")))
            try band.finish()
        }
        if bands.isEmpty, reader.optional("bands") == nil { bands = [Self.standardBand] }
        let limit = try reader.optionalInteger("power_factor_limit_millionths") ?? Self.standardPowerFactorMillionths
        let dwell = try reader.optionalDuration("dwell_ms") ?? Self.standardDwell
        var allowed: [LearnedAppliance] = []
        for (index, entry) in try reader.list("allowed", most: 2 * Self.largestAllowedCount).enumerated() {
            allowed.append(try LearnedAppliance(json: entry, name: "\(name).allowed[\(index + 1)]"))
        }
        let release = try ReleasePolicy(of: &reader)
        try reader.finish()
        do {
            try self.init(
                mode: mode, bands: bands, powerFactorLimitMillionths: limit, dwell: dwell, allowed: allowed,
                choppedMode: chopped, powerOnlyMode: powerOnly, release: release)
        } catch { throw FieldProblem(error) }
    }
}

extension LearnedAppliance {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "power_mw": .integer(activeMilliwatts),
            "tolerance_thousandths": .integer(toleranceThousandths),
        ]
        if let powerFactor { members["power_factor_millionths"] = .integer(powerFactor.millionths) }
        return .object(members)
    }

    fileprivate init(json: JSONValue, name: String) throws(FieldProblem) {
        var reader = try ObjectReader(json, name: name)
        let appliance = try reader.text("name", longest: MalignantLoadSettings.longestName)
        let power = try reader.integer("power_mw")
        let tolerance = try reader.optionalInteger("tolerance_thousandths") ?? Self.standardToleranceThousandths
        let powerFactor = try reader.optionalPowerFactor("power_factor_millionths")
        try reader.finish()
        self.init(
            name: appliance, activeMilliwatts: power, toleranceThousandths: tolerance, powerFactor: powerFactor)
    }
}

extension ObjectReader {
    mutating func optionalPowerFactor(_ field: String) throws(FieldProblem) -> PowerFactor? {
        guard let millionths = try optionalInteger(field) else { return nil }
        guard let powerFactor = PowerFactor(millionths: millionths) else {
            throw problem(field, value: String(millionths), "must be 0 to 1000000")
        }
        return powerFactor
    }
}

extension ReleasePolicy {
    fileprivate var json: JSONValue {
        .object(["delay_ms": .integer(delay.wholeMilliseconds), "per_day": .integer(Int64(releasesPerDay))])
    }

    /// The field `release`; the usual policy where it is not there.
    fileprivate init(of reader: inout ObjectReader) throws(FieldProblem) {
        guard let value = reader.optional("release") else {
            self = .standard
            return
        }
        var release = try ObjectReader(value, name: "\(reader.name).release")
        let delay = try release.optionalDuration("delay_ms") ?? Self.standard.delay
        let perDay =
            release.optional("per_day") == nil ? Self.standard.releasesPerDay : try release.count("per_day")
        try release.finish()
        guard let policy = ReleasePolicy(delay: delay, releasesPerDay: perDay) else {
            throw reader.problem(
                "release", value: value.canonicalText,
                "must wait 1 s to 24 h and release 0 to \(Self.largestReleasesPerDay) times a day")
        }
        self = policy
    }
}
