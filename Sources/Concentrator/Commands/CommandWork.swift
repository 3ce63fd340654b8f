internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

/// Who gave a command.
public enum CommandOrigin: Hashable, Sendable {
    case platform
    /// A person on the box itself.
    case onSite

    /// As the ledger names it.
    var actor: String {
        switch self {
        case .platform: "platform"
        case .onSite: "operator"
        }
    }
}

/// What became of a command, before it is committed.
struct CommandAnswer: Hashable {
    let state: CommandState
    /// A fixed code.
    let outcome: String
    /// Facts by name.
    var detail: [String: String] = [:]

    static func applied(_ detail: [String: String] = [:]) -> CommandAnswer {
        CommandAnswer(state: .applied, outcome: "applied", detail: detail)
    }

    static func rejected(_ outcome: String, _ detail: [String: String] = [:]) -> CommandAnswer {
        CommandAnswer(state: .rejected, outcome: outcome, detail: detail)
    }

    static func rejected(_ outcome: String, _ problem: FieldProblem) -> CommandAnswer {
        var detail = ["field": problem.field, "reason": problem.reason]
        if let value = problem.value { detail["value"] = value }
        return .rejected(outcome, detail)
    }

    static func expired() -> CommandAnswer { CommandAnswer(state: .expired, outcome: "expired") }

    /// The answer to a command over several subjects: the code of each.
    static func each(_ codes: [String: String]) -> CommandAnswer {
        let different = Set(codes.values)
        if different == ["applied"] { return .applied(codes) }
        if different.contains("applied") {
            return CommandAnswer(state: .applied, outcome: "partly_applied", detail: codes)
        }
        return .rejected(different.count == 1 ? different.first ?? "rejected" : "none_applied", codes)
    }
}

/// What a command has led to so far, on copies: nothing of it counts before it is committed, all of it in one
/// transaction with the answer.
struct CommandWork {
    private(set) var groups: [Int: SupplyGroup] = [:]
    private(set) var changes: [LedgerChange] = []
    private(set) var orders: [BreakerOrder] = []
    var settings: [Setting] = []
    var installation: StoredSite?
    var moves: [SiteMove] = []
    /// Circuits or meters change their place: the groups are built anew from what is stored.
    var rebuildsSite = false
    var calendar: SiteCalendar?
    var accountDefaults: AccountSettings?
    var expected: ExpectedSettings?
    var forcedOffs: MassGuard?
    /// What a platform gives by it.
    var credits: [GivenCredit] = []
    var confirmsCuts = false
    var reloads = false
    /// Meters that are to be read.
    var reading: PendingRead?

    mutating func take(_ group: SupplyGroup, key: Int, _ outcome: GroupOutcome) {
        groups[key] = group
        changes.append(outcome.change)
        orders += outcome.orders
    }

    mutating func note(_ events: Event...) {
        var change = LedgerChange()
        change.events = events
        changes.append(change)
    }
}
