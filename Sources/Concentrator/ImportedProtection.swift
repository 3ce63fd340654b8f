internal import MeterProfiles
internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

/// What an import file says of a circuit's protection; empty cells say nothing.
struct ImportedProtection: Sendable {
    var overload: OverloadSettings?
    var malignantMode: ProtectionMode?

    /// The documents to keep, for a circuit that has these rules so far: limits and modes are brought up to date,
    /// what was set besides (delays, releases, learned appliances) stays.
    func settings(of circuit: CircuitID, known: CircuitRules) throws(SettingProblems) -> [Setting] {
        var settings: [Setting] = []
        if let overload {
            let old = known.overload
            let merged = try OverloadSettings(
                limitMilliwatts: overload.limitMilliwatts, delay: old?.delay ?? overload.delay,
                release: old?.release ?? overload.release, clearAfter: old?.clearAfter ?? overload.clearAfter)
            settings.append(Setting(.overload, of: circuit.rawValue, merged.json))
        }
        if let malignantMode {
            var merged: MalignantLoadSettings
            if let old = known.malignant {
                merged = old
            } else {
                merged = try MalignantLoadSettings(mode: malignantMode)
            }
            merged.mode = malignantMode
            settings.append(Setting(.malignantLoad, of: circuit.rawValue, merged.json))
        }
        return settings
    }
}

extension ImportLine {
    /// Reads `overload_watts` and `forbidden_appliances`; nil where one of them is wrong.
    func protection(of profile: MeterProfile) -> ImportedProtection? {
        var protection = ImportedProtection()
        let (watts, mode) = (text("overload_watts"), text("forbidden_appliances"))
        guard watts.isEmpty && mode.isEmpty || profile.commodity == .electricity else {
            refuse("'\(profile.id)' has no power to watch", "leave overload_watts and forbidden_appliances empty")
            return nil
        }
        if !watts.isEmpty {
            guard let limit = Int64(watts), (1...10_000_000).contains(limit),
                let overload = try? OverloadSettings(limitMilliwatts: limit * 1000)
            else {
                refuse("overload_watts '\(watts)' is no power in W", "write a whole number like 3000, or nothing")
                return nil
            }
            protection.overload = overload
        }
        if !mode.isEmpty {
            guard let known = ProtectionMode(rawValue: mode) else {
                refuse("forbidden_appliances cannot be '\(mode)'", "write off, alarm or trip, or nothing")
                return nil
            }
            protection.malignantMode = known
        }
        return protection
    }
}
