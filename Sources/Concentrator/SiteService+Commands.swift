internal import Failpoints
internal import Logging
internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

extension SiteService {
    /// Executes a command and keeps its answer in one transaction. A known id gets its first answer.
    /// - Returns: nil where nothing could be kept: the command is to come again.
    func execute(_ command: Command) -> CommandRecord? {
        Failpoint.commandBeforeExecution.pass()
        defer {
            Failpoint.commandAfterExecution.pass()
            direct()
        }
        let now = clock.now()
        do {
            if let known = try ledger.command(id: command.id) { return known }
            switch command.body {
            case .recharge(let recharge): return try sell(recharge, command: command, now: now)
            case .unsupported(let kind):
                return refuse(command, outcome: "unsupported", detail: ["kind": kind], now: now)
            case .invalid(_, let problem):
                return refuse(
                    command, outcome: "invalid", detail: ["field": problem.field, "reason": problem.reason], now: now)
            }
        } catch {
            logger.error("a command cannot be looked up", metadata: ["id": "\(command.id)", "reason": "\(error)"])
            return nil
        }
    }

    func commandPosition() throws(StorageError) -> Int64 { try ledger.commandPosition() }

    private func sell(_ recharge: Recharge, command: Command, now: Timestamp) throws -> CommandRecord? {
        guard let key = groupOfAccount[recharge.account], var group = groups[key] else {
            return refuse(command, outcome: "unknown_account", detail: ["account": recharge.account.rawValue], now: now)
        }
        let earlier = try ledger.recharge(of: recharge.account, number: recharge.number)
        let (result, outcome) = group.take(
            recharge: recharge, earlier: earlier, command: command.id, now: now, site: conditions)
        let record = CommandRecord(
            id: command.id, kind: command.kind, state: result.commandState, outcome: result.code,
            detail: result.detail.merging(["account": recharge.account.rawValue]) { first, _ in first })
        var transaction = LedgerTransaction(changes: [outcome.change], actor: "platform")
        transaction.command = AnsweredCommand(record: record, position: command.position, received: command.bytes)
        return keep(group, key: key, outcome: outcome, transaction: transaction, now: now) ? record : nil
    }

    private func refuse(
        _ command: Command, outcome: String, detail: [String: String], now: Timestamp
    ) -> CommandRecord? {
        let record = CommandRecord(
            id: command.id, kind: command.kind, state: .rejected, outcome: outcome, detail: detail)
        let answered = AnsweredCommand(record: record, position: command.position, received: command.bytes)
        return commit(LedgerTransaction(changes: [], command: answered, actor: "platform"), at: now) ? record : nil
    }
}

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
