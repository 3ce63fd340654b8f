internal import Concentrator
internal import Metering
internal import Prepaid
internal import UplinkProtocol

/// One circuit, explained, as JSON.
enum CircuitJSON {
    static func view(_ view: CircuitView) -> JSONValue {
        let memory = view.memory
        return .object([
            "circuit": MeterJSON.circuit(view.status, now: view.now), "mode": .string(memory.mode.rawValue),
            "maintenance_locked": .boolean(memory.isMaintenanceLocked),
            "lockout": memory.lockout.map { .string($0.rawValue) } ?? .null,
            "overload_trips": .integer(Int64(memory.overload.trips.count)),
            "malignant_trips": .integer(Int64(memory.malignant.trips.count)),
            "overload_limit_mw": view.rules.overload.map { .integer($0.limitMilliwatts) } ?? .null,
            "malignant_mode": .string(view.rules.malignant?.mode.rawValue ?? ProtectionMode.off.rawValue),
            "allowed_appliances": .array((view.rules.malignant?.allowed ?? []).map(appliance)),
            "last_finding": view.lastFinding.map(finding) ?? .null,
            "timer": view.window.map(window) ?? .null,
            "next_change_ms": view.nextChange.map { .integer($0.wholeMilliseconds) } ?? .null,
            "openings": .array(view.openings.map(\.json)),
        ])
    }

    private static func appliance(_ appliance: LearnedAppliance) -> JSONValue {
        .object(["name": .string(appliance.name), "power_mw": .integer(appliance.activeMilliwatts)])
    }

    private static func finding(_ finding: MalignantFinding) -> JSONValue {
        .object([
            "verdict": .string(finding.verdict.code), "power_mw": .integer(finding.step.activeMilliwatts),
            "power_factor_millionths": finding.step.powerFactor.map { .integer($0.millionths) } ?? .null,
        ])
    }

    private static func window(_ window: TimerWindow) -> JSONValue {
        .object([
            "state": .string(window.action.state.rawValue),
            "cap_mw": window.action.capMilliwatts.map(JSONValue.integer) ?? .null,
            "until_ms": .integer(window.until.millisecondsSince1970),
        ])
    }
}
