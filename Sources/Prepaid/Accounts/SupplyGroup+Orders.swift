public import Metering

extension SupplyGroup {
    /// Posts what was used since the last posting, then carries out an order. A refusal changes nothing.
    /// - Parameter entry: for a reversal, the posting that it names, if there is one.
    public mutating func take(
        order: AccountOrder, entry: LedgerEntry?, command: String, now: Timestamp, site: SiteConditions
    ) -> (AccountResult, GroupOutcome) {
        guard account != nil else { return (.accountClosed, GroupOutcome()) }
        var trial = self
        var outcome = GroupOutcome()
        if let fault = trial.settleOrFault(zone: site.zone, into: &outcome) {
            return (.notSettled(fault), GroupOutcome())
        }
        guard var account = trial.account else { return (.accountClosed, GroupOutcome()) }
        let before = account
        let result = account.apply(order, entry: entry, command: command, now: now)
        guard case .applied(let postings) = result else { return (result, GroupOutcome()) }
        trial.account = account
        outcome.change.account = account
        outcome.change.postings += postings
        switch order.operation {
        case .changeSettings:
            outcome.change.hasNewSettings = true
            let detail = account.settings.differences(from: before.settings)
            outcome.change.events.append(Event(.settingsChanged, .account(account.id), detail))
        case .changeTariff:
            trial.forgetStretches()
            outcome.change.hasNewTariff = true
            outcome.change.events.append(Event(.tariffChanged, .account(account.id)))
        case .close:
            outcome.change.events.append(
                Event(
                    .accountClosed, .account(account.id),
                    ["balance_microunits": String(account.balance.microunits)]))
        case .refund, .reversal, .clear, .preset: break
        }
        trial.forgetReadingsBelowCutOff()
        trial.evaluate(now: now, site: site, into: &outcome)
        self = trial
        return (result, outcome)
    }

    /// Opens an account over this group's circuits: new, or over the closed one. What the circuits counted
    /// without an open account is nobody's debt; it is named in the event.
    public mutating func take(
        opening: AccountOpening, defaults: AccountSettings, command: String?, now: Timestamp, site: SiteConditions
    ) -> (OpeningResult, GroupOutcome) {
        let result = Account.opening(opening, over: account, defaults: defaults, command: command)
        guard case .opened(let account, let posting) = result else { return (result, GroupOutcome()) }
        var outcome = GroupOutcome()
        var detail = ["customer_number": account.customerNumber, "issuer": account.issuer]
        for index in circuits.indices {
            let state = circuits[index]
            guard let accepted = state.track.lastAccepted else { continue }
            if let posted = state.posted,
                let unbilled = state.circuit.counter.quantity(from: posted.value, to: accepted.value), unbilled > 0
            {
                detail["unbilled_\(state.circuit.id)"] = String(unbilled)
            }
            circuits[index].posted = accepted
            outcome.change.marks[state.circuit.id] = accepted
        }
        self.account = account
        outcome.change.account = account
        outcome.change.hasNewSettings = true
        // A tariff was the former customer's, and so was what that one used in the period.
        outcome.change.hasNewTariff = true
        outcome.change.postings = [posting]
        outcome.change.events.append(Event(.accountOpened, .account(account.id), detail))
        forgetReadingsBelowCutOff()
        evaluate(now: now, site: site, into: &outcome)
        return (result, outcome)
    }

    /// Moves credit between two groups; both outcomes are committed together, or neither.
    public static func take(
        transfer: AccountTransfer, from giver: inout SupplyGroup, to receiver: inout SupplyGroup, command: String,
        now: Timestamp, site: SiteConditions
    ) -> (TransferResult, giving: GroupOutcome, receiving: GroupOutcome) {
        var trials = (giver, receiver)
        var outcomes = (GroupOutcome(), GroupOutcome())
        if let fault = trials.0.settleOrFault(zone: site.zone, into: &outcomes.0)
            ?? trials.1.settleOrFault(zone: site.zone, into: &outcomes.1)
        {
            return (.notSettled(fault), GroupOutcome(), GroupOutcome())
        }
        guard var from = trials.0.account, var to = trials.1.account else {
            return (.accountClosed, GroupOutcome(), GroupOutcome())
        }
        let result = transfer.apply(from: &from, to: &to, command: command, now: now)
        guard case .applied(let giving, let receiving) = result else {
            return (result, GroupOutcome(), GroupOutcome())
        }
        trials.0.finish(from, giving, now: now, site: site, into: &outcomes.0)
        trials.1.finish(to, receiving, now: now, site: site, into: &outcomes.1)
        (giver, receiver) = trials
        return (result, outcomes.0, outcomes.1)
    }

    private mutating func finish(
        _ account: Account, _ posting: Posting, now: Timestamp, site: SiteConditions, into outcome: inout GroupOutcome
    ) {
        self.account = account
        outcome.change.account = account
        outcome.change.postings.append(posting)
        forgetReadingsBelowCutOff()
        evaluate(now: now, site: site, into: &outcome)
    }
}
