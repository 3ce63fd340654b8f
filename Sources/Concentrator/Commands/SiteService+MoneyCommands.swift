internal import Metering
internal import Prepaid
internal import Storage
internal import UplinkProtocol

extension SiteService {
    func sell(
        _ recharge: Recharge, command: String, into work: inout CommandWork, now: Timestamp
    ) throws(StorageError) -> CommandAnswer {
        guard let key = groupOfAccount[recharge.account], var group = groups[key] else {
            return unknown(recharge.account)
        }
        let earlier = try ledger.recharge(of: recharge.account, number: recharge.number)
        let (result, outcome) = group.take(
            recharge: recharge, earlier: earlier, command: command, now: now, site: conditions)
        work.take(group, key: key, outcome)
        return CommandAnswer(
            state: result.commandState, outcome: result.code,
            detail: result.detail.merging(["account": recharge.account.rawValue]) { first, _ in first })
    }

    func carryOut(
        _ order: AccountOrder, command: String, into work: inout CommandWork, now: Timestamp
    ) throws(StorageError) -> CommandAnswer {
        guard let key = groupOfAccount[order.account], var group = groups[key] else { return unknown(order.account) }
        var entry: LedgerEntry?
        if case .reversal(let sequence) = order.operation { entry = try ledger.entry(sequence) }
        let (result, outcome) = group.take(order: order, entry: entry, command: command, now: now, site: conditions)
        work.take(group, key: key, outcome)
        var detail = result.detail
        detail["account"] = order.account.rawValue
        if case .applied = result { detail["balance_microunits"] = Self.balance(of: group) }
        return CommandAnswer(state: result.commandState, outcome: result.code, detail: detail)
    }

    func carryOut(
        _ transfer: AccountTransfer, command: String, into work: inout CommandWork, now: Timestamp
    ) -> CommandAnswer {
        guard let giverKey = groupOfAccount[transfer.from], var giver = groups[giverKey] else {
            return unknown(transfer.from)
        }
        guard let receiverKey = groupOfAccount[transfer.to], var receiver = groups[receiverKey] else {
            return unknown(transfer.to)
        }
        guard giverKey != receiverKey else { return .rejected("same_account") }
        let (result, giving, receiving) = SupplyGroup.take(
            transfer: transfer, from: &giver, to: &receiver, command: command, now: now, site: conditions)
        var detail = ["from": transfer.from.rawValue, "to": transfer.to.rawValue]
        switch result {
        case .applied:
            work.take(giver, key: giverKey, giving)
            work.take(receiver, key: receiverKey, receiving)
            detail["from_balance_microunits"] = Self.balance(of: giver)
            detail["to_balance_microunits"] = Self.balance(of: receiver)
            return .applied(detail)
        case .expired: return .expired()
        case .wrongCustomer(let account): detail["account"] = account.rawValue
        case .insufficientBalance(let balance): detail["balance_microunits"] = String(balance.microunits)
        case .overHoardingCap(let cap): detail["hoarding_cap_microunits"] = String(cap.microunits)
        case .notSettled, .sameAccount, .accountClosed, .wrongIssuer, .amountNotPositive, .overflow: break
        }
        return .rejected(result.code, detail)
    }

    /// Opens an account over circuits without one, or over those it had when it was closed.
    func open(
        _ opening: AccountOpening, circuits: [CircuitID], command: String, into work: inout CommandWork, now: Timestamp
    ) -> CommandAnswer {
        let former = groupOfAccount[opening.account].flatMap { groups[$0] }
        var states = former?.circuits ?? []
        for circuit in circuits where !states.contains(where: { $0.circuit.id == circuit }) {
            guard let key = groupOfCircuit[circuit], let group = groups[key],
                let state = group.circuits.first(where: { $0.circuit.id == circuit })
            else { return .rejected("unknown_circuit", ["circuit": circuit.rawValue]) }
            if let holder = group.account {
                guard holder.state == .closed else {
                    return .rejected("circuit_taken", ["circuit": circuit.rawValue, "account": holder.id.rawValue])
                }
                // What the former account used up to here is its own.
                var settled = group
                let outcome = settled.settleNow(zone: zone)
                work.take(settled, key: key, outcome)
            }
            states.append(state)
            work.moves.append(.account(of: circuit, opening.account))
        }
        guard let defaults = accountDefaults ?? Self.defaults(from: opening.settings) else {
            return .rejected(
                "invalid",
                FieldProblem(
                    field: "open_account.settings",
                    reason: "must hold price and hoarding_cap, for no account_defaults are set"))
        }
        var group = SupplyGroup(account: former?.account, circuits: states, rules: former?.rules ?? AccountRules())
        let (result, outcome) = group.take(
            opening: opening, defaults: defaults, command: command, now: now, site: conditions)
        guard case .opened(let account, _) = result else {
            work = CommandWork()
            return .rejected(result.code, result.detail)
        }
        // A key of its own: it is only needed until the site is built anew.
        work.take(group, key: groupOfAccount[opening.account] ?? (groups.keys.max() ?? 0) + 1, outcome)
        work.installation = StoredSite(meters: [], accounts: [account], circuits: [])
        work.rebuildsSite = true
        return .applied([
            "account": account.id.rawValue, "balance_microunits": String(account.balance.microunits),
        ])
    }

    /// Bills a disputed move of a counter, or writes it off.
    func decide(
        _ record: Int64, _ decision: DisputeDecision, command: String, into work: inout CommandWork, now: Timestamp
    ) throws(StorageError) -> CommandAnswer {
        let dispute = try ledger.disputedMove(record)
        guard let dispute, let key = groupOfCircuit[dispute.circuit], var group = groups[key] else {
            return .rejected("unknown_dispute", ["record": String(record)])
        }
        let (result, outcome) = group.take(
            decision: decision, about: dispute, command: command, now: now, site: conditions)
        guard case .decided = result else { return .rejected(result.code, ["record": String(record)]) }
        work.take(group, key: key, outcome)
        return .applied(["record": String(record), "balance_microunits": Self.balance(of: group)])
    }

    private func unknown(_ account: AccountID) -> CommandAnswer {
        .rejected("unknown_account", ["account": account.rawValue])
    }

    private static func balance(of group: SupplyGroup) -> String { String(group.account?.balance.microunits ?? 0) }

    /// What a new account starts from where the site has no defaults and the opening says enough.
    private static func defaults(from change: AccountSettingsChange) -> AccountSettings? {
        guard let price = change.price, let cap = change.hoardingCap else { return nil }
        return try? AccountSettings(price: price, alarm1: .zero, alarm2: .zero, hoardingCap: cap)
    }
}
