import Metering
import Prepaid

/// What sellers and operators ask for, and the answer.
extension ScenarioRunner {
    mutating func sell(_ kind: String, _ words: inout ScenarioWords) throws {
        switch kind {
        case "recharge": try recharge(&words)
        case "order": try order(&words)
        case "transfer": try transfer(&words)
        case "open": try open(&words)
        case "replace": try replace(&words)
        case "dispute": try dispute(&words)
        default: try setUnknownSale(&words)
        }
    }

    /// The words that any order may end with.
    private struct Signature {
        var issuer = "platform"
        var customer: String
        var expiresAt: WallTime?
    }

    private func signature(_ words: inout ScenarioWords, of account: Account) throws -> Signature {
        var signature = Signature(customer: account.customerNumber)
        while let word = words.first, ["by", "for", "expires"].contains(word) {
            _ = words.take(word)
            switch word {
            case "by": signature.issuer = try words.next("issuer")
            case "for": signature.customer = try words.next("customer number")
            default: signature.expiresAt = try site.clock.moment(&words)
            }
        }
        return signature
    }

    private func account(_ words: inout ScenarioWords) throws -> (Int, Account) {
        let index = try site.group(of: words.account())
        guard let account = site.groups[index].account else { throw ScenarioProblem("there is no such account") }
        return (index, account)
    }

    private mutating func answered(
        _ code: String, _ trial: SupplyGroup, _ index: Int, _ outcome: GroupOutcome
    ) throws {
        site.happened.answers.append(code)
        try site.keep(trial, index, outcome)
    }

    /// `recharge A1 number 1 amount 50`
    private mutating func recharge(_ words: inout ScenarioWords) throws {
        let (index, account) = try account(&words)
        try words.require("number")
        let number = try words.integer()
        try words.require("amount")
        let amount = try words.money()
        let signature = try signature(&words, of: account)
        let recharge = Recharge(
            account: account.id, customerNumber: signature.customer, issuer: signature.issuer, number: number,
            amount: amount, expiresAt: signature.expiresAt)
        var trial = site.groups[index]
        let (result, outcome) = trial.take(
            recharge: recharge, earlier: site.ledger.earlier(account.id, number), command: "command",
            now: try site.clock.now(), site: try site.conditions())
        if case .applied(let posting) = result { site.ledger.note(recharge, balanceAfter: posting.balanceAfter) }
        try answered(result.code, trial, index, outcome)
    }

    /// `order A1 refund 10 | reverse recharge 1 | reverse refund | clear | preset 5 | settings price 0.7 |
    /// tariff NAME [from TIME] | close [pays out]`
    private mutating func order(_ words: inout ScenarioWords) throws {
        let (index, account) = try account(&words)
        var entry: LedgerEntry?
        let operation: AccountOperation
        let word = try words.next("operation")
        switch word {
        case "refund": operation = .refund(try words.money())
        case "reverse":
            let cause = try words.oneOf("cause", PostingCause.self)
            let number = cause == .recharge ? try words.integer() : nil
            entry = site.ledger.entry(cause, rechargeNumber: number)
            operation = .reversal(sequence: entry?.sequence ?? 0)
        case "clear": operation = .clear
        case "preset": operation = .preset(try words.money())
        case "settings":
            var change = AccountSettingsChange()
            while try change.take(&words) {}
            operation = .changeSettings(change)
        case "tariff": operation = .changeTariff(try schedule(&words, of: account))
        case "close":
            let paysOut = words.take("pays")
            if paysOut { try words.require("out") }
            operation = .close(paysOut: paysOut)
        default: throw ScenarioProblem("an account cannot be ordered to '\(word)'")
        }
        let signature = try signature(&words, of: account)
        let order = AccountOrder(
            account: account.id, customerNumber: signature.customer, issuer: signature.issuer, operation: operation,
            expiresAt: signature.expiresAt)
        var trial = site.groups[index]
        let (result, outcome) = trial.take(
            order: order, entry: entry, command: "command", now: try site.clock.now(), site: try site.conditions())
        try answered(result.code, trial, index, outcome)
    }

    private func schedule(_ words: inout ScenarioWords, of account: Account) throws -> TariffSchedule {
        let tariff = try words.value("tariff that is defined above") { tariffs[$0] }
        guard words.take("from") else { return TariffSchedule(current: tariff) }
        let at = try site.clock.moment(&words)
        return try TariffSchedule(
            current: account.effectiveTariff, changes: [TariffSchedule.Change(at: at, tariff: tariff)])
    }

    /// `transfer A1 to A2 amount 5`
    private mutating func transfer(_ words: inout ScenarioWords) throws {
        let (from, giver) = try account(&words)
        try words.require("to")
        let (to, receiver) = try account(&words)
        try words.require("amount")
        let amount = try words.money()
        let signature = try signature(&words, of: giver)
        let transfer = AccountTransfer(
            from: giver.id, fromCustomer: signature.customer, to: receiver.id, toCustomer: receiver.customerNumber,
            issuer: signature.issuer, amount: amount, expiresAt: signature.expiresAt)
        var trials = (site.groups[from], site.groups[to])
        let (result, giving, receiving) = SupplyGroup.take(
            transfer: transfer, from: &trials.0, to: &trials.1, command: "command", now: try site.clock.now(),
            site: try site.conditions())
        try answered(result.code, trials.0, from, giving)
        guard from != to else { return }
        try site.keep(trials.1, to, receiving)
    }

    /// `open A1 balance 20 [last 3] [customer C-9]`: over the account that was closed.
    private mutating func open(_ words: inout ScenarioWords) throws {
        let (index, account) = try account(&words)
        try words.require("balance")
        let balance = try words.money()
        let last = words.take("last") ? try words.integer() : 0
        let customer = words.take("customer") ? try words.next("customer number") : account.customerNumber
        var trial = site.groups[index]
        let (result, outcome) = trial.take(
            opening: AccountOpening(
                account: account.id, customerNumber: customer, issuer: "platform", carriedOver: balance,
                lastRechargeNumber: last),
            defaults: try Self.defaults(), command: "command", now: try site.clock.now(),
            site: try site.conditions())
        try answered(result.code, trial, index, outcome)
    }

    /// `replace C1 last 1234.5 kWh first 0 kWh`
    private mutating func replace(_ words: inout ScenarioWords) throws {
        let circuit = try words.value("circuit", CircuitID.init(rawValue:))
        let index = try site.group(of: circuit)
        let old = try site.state(of: circuit).circuit
        try words.require("last")
        let last = try words.quantity()
        try words.require("first")
        let first = try words.quantity()
        guard let meter = MeterID(rawValue: "N-\(circuit)") else { throw ScenarioProblem("'\(circuit)' is too long") }
        var trial = site.groups[index]
        let (result, outcome) = trial.take(
            replacement: MeterReplacement(
                circuit: circuit, oldLast: last, newFirst: first, meter: meter, counter: old.counter),
            now: try site.clock.now(), site: try site.conditions())
        if case .replaced = result { site.devices[circuit]?.counter = first }
        try answered(result.code, trial, index, outcome)
    }

    /// `dispute C1 bill 5 kWh | write off`
    private mutating func dispute(_ words: inout ScenarioWords) throws {
        let circuit = try words.value("circuit", CircuitID.init(rawValue:))
        let index = try site.group(of: circuit)
        let decision: DisputeDecision
        if words.take("bill") {
            decision = .bill(quantity: try words.quantity())
        } else {
            try words.require("write")
            try words.require("off")
            decision = .writeOff
        }
        var trial = site.groups[index]
        let (result, outcome) = trial.take(
            decision: decision, about: site.ledger.dispute(of: circuit), command: "command",
            now: try site.clock.now(), site: try site.conditions())
        try answered(result.code, trial, index, outcome)
    }

    /// `sale A1 unknown`: a recharge is on its way whose outcome is not known; `sale A1 known`.
    private mutating func setUnknownSale(_ words: inout ScenarioWords) throws {
        let index = try site.group(of: words.account())
        site.groups[index].hasUnknownRecharge = words.take("unknown")
        if !site.groups[index].hasUnknownRecharge { try words.require("known") }
        try site.tick()
    }
}
