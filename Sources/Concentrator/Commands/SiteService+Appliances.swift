internal import Prepaid
internal import UplinkProtocol

/// Why a circuit's allow-list stays as it is.
struct AllowListRefusal: Error {
    let code: String
}

extension SiteService {
    /// The circuit's protection after a change that may be one of it.
    static func malignantLoad(
        after change: CircuitsChange, of state: CircuitState
    ) throws(AllowListRefusal) -> MalignantLoadSettings? {
        let settings = state.rules.malignant
        switch change {
        case .malignantLoad(let wanted): return wanted
        case .learnAppliance(let name, let power):
            guard let settings else { throw AllowListRefusal(code: "not_watched") }
            guard let appliance = appliance(name, power: power, of: state) else {
                throw AllowListRefusal(code: "nothing_found")
            }
            do { return try settings.learning(appliance) } catch { throw AllowListRefusal(code: text(error)) }
        case .forgetAppliance(let name):
            let left: MalignantLoadSettings?
            do { left = try settings?.forgetting(name) } catch { throw AllowListRefusal(code: text(error)) }
            guard let left else { throw AllowListRefusal(code: "not_learned") }
            return left
        default: return settings
        }
    }

    /// Nil where it is to be the last one found and none was.
    private static func appliance(
        _ name: String, power: LearnedPower?, of state: CircuitState
    ) -> LearnedAppliance? {
        if let power {
            return LearnedAppliance(
                name: name, activeMilliwatts: power.activeMilliwatts, toleranceThousandths: power.toleranceThousandths,
                powerFactor: power.powerFactor)
        }
        return state.lastMalignantFinding.map { LearnedAppliance(name: name, learnedFrom: $0.step) }
    }
}
