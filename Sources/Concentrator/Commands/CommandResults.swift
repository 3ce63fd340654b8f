internal import Prepaid
internal import UplinkProtocol

extension RechargeResult {
    /// The state that a command with this result ends in.
    var commandState: CommandState {
        switch self {
        case .applied, .alreadyApplied: .applied
        case .expired: .expired
        default: .rejected
        }
    }

    /// Facts for the answer; amounts in micro-units.
    var detail: [String: String] {
        switch self {
        case .applied(let posting): ["balance_microunits": String(posting.balanceAfter.microunits)]
        case .alreadyApplied(let balance): ["balance_microunits": String(balance.microunits)]
        case .gap(let expected): ["expected": String(expected)]
        case .conflict(let number): ["number": String(number)]
        case .overHoardingCap(let cap): ["hoarding_cap_microunits": String(cap.microunits)]
        default: [:]
        }
    }
}

extension AccountResult {
    var commandState: CommandState {
        switch self {
        case .applied: .applied
        case .expired: .expired
        default: .rejected
        }
    }

    /// Facts for the answer; amounts in micro-units.
    var detail: [String: String] {
        switch self {
        case .invalid(let problems): problems.detail
        case .insufficientBalance(let balance): ["balance_microunits": String(balance.microunits)]
        case .overHoardingCap(let cap): ["hoarding_cap_microunits": String(cap.microunits)]
        case .notReversible(let cause): ["cause": cause.rawValue]
        default: [:]
        }
    }
}

extension OpeningResult {
    /// Facts for the answer; amounts in micro-units.
    var detail: [String: String] {
        switch self {
        case .balanceLeft(let balance): ["balance_microunits": String(balance.microunits)]
        case .badValue(let field): ["field": field]
        case .rechargeNumberUsed(let last): ["last": String(last)]
        case .invalid(let problems): problems.detail
        case .overHoardingCap(let cap): ["hoarding_cap_microunits": String(cap.microunits)]
        case .alreadyOpen, .overflow, .opened: [:]
        }
    }
}

extension SettingProblems {
    /// Field, value and reason of the first, with the others in its reason.
    fileprivate var detail: [String: String] {
        let problem = FieldProblem(self)
        return ["field": problem.field, "value": problem.value ?? "", "reason": problem.reason]
    }
}
