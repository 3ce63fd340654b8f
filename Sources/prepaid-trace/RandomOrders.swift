import Metering
import Prepaid

extension RandomSite {
    private mutating func anyAccount() -> Int { Int(generator.number(0...Int64(groups.count) - 1)) }

    /// Mostly right; now and then another customer, another issuer, or too late.
    private mutating func signature(_ account: Account) -> (customer: String, issuer: String, expiresAt: WallTime?) {
        (
            generator.once(in: 12) ? "N0" : account.customerNumber, generator.once(in: 15) ? "other" : account.issuer,
            generator.once(in: 6) ? clock.time + .seconds(generator.number(-5_000...5_000)) : nil
        )
    }

    private func describe(_ signature: (customer: String, issuer: String, expiresAt: WallTime?)) -> [(String, String)] {
        [
            ("customer", JSONText.string(signature.customer)), ("issuer", JSONText.string(signature.issuer)),
            ("expires", JSONText.optional(signature.expiresAt?.millisecondsSince1970)),
        ]
    }

    mutating func recharge() -> String {
        let index = anyAccount()
        guard let account = groups[index].account else { return line("nothing", [], []) }
        let signature = signature(account)
        let number = account.lastRechargeNumber + (generator.once(in: 4) ? generator.number(-2...3) : 1)
        let earlier = ledger.earlier(account.id, number)
        var amount = generator.once(in: 20) ? generator.number(-5...0) : generator.number(1...400_000_000)
        if let earlier, generator.once(in: 2) { amount = earlier.recharge.amount.microunits }
        let recharge = Recharge(
            account: account.id, customerNumber: signature.customer, issuer: signature.issuer, number: number,
            amount: Money(microunits: amount), expiresAt: signature.expiresAt)
        var trial = groups[index]
        let (result, outcome) = trial.take(
            recharge: recharge, earlier: earlier, command: "r", now: clock.now, site: conditions)
        keep(index, trial, outcome)
        if case .applied(let posting) = result { ledger.note(recharge, balanceAfter: posting.balanceAfter) }
        return line(
            "recharge",
            [("number", "\(number)"), ("amount", "\(amount)"), ("a", JSONText.string(result.code))]
                + describe(signature), [(index, outcome)])
    }

    mutating func transfer() -> String {
        let (from, to) = (anyAccount(), anyAccount())
        guard from != to, let giver = groups[from].account, let receiver = groups[to].account else {
            return line("nothing", [], [])
        }
        let signature = signature(giver)
        let amount = generator.number(0...200_000_000)
        let transfer = AccountTransfer(
            from: giver.id, fromCustomer: signature.customer, to: receiver.id, toCustomer: receiver.customerNumber,
            issuer: signature.issuer, amount: Money(microunits: amount), expiresAt: signature.expiresAt)
        var trials = (groups[from], groups[to])
        let (result, giving, receiving) = SupplyGroup.take(
            transfer: transfer, from: &trials.0, to: &trials.1, command: "t", now: clock.now, site: conditions)
        keep(from, trials.0, giving)
        keep(to, trials.1, receiving)
        return line(
            "transfer", [("amount", "\(amount)"), ("a", JSONText.string(result.code))] + describe(signature),
            [(from, giving), (to, receiving)])
    }

    mutating func order() throws -> String {
        let index = anyAccount()
        guard let account = groups[index].account else { return line("nothing", [], []) }
        if account.state == .closed { return reopen(index) }
        let signature = signature(account)
        var entry: LedgerEntry?
        let (operation, members) = try operation(account, entry: &entry)
        let order = AccountOrder(
            account: account.id, customerNumber: signature.customer, issuer: signature.issuer, operation: operation,
            expiresAt: signature.expiresAt)
        var trial = groups[index]
        let (result, outcome) = trial.take(
            order: order, entry: entry, command: "o", now: clock.now, site: conditions)
        keep(index, trial, outcome)
        return line(
            "order", members + [("a", JSONText.string(result.code))] + describe(signature), [(index, outcome)])
    }

    private mutating func operation(
        _ account: Account, entry: inout LedgerEntry?
    ) throws -> (AccountOperation, [(String, String)]) {
        func named(_ name: String, _ more: [(String, String)] = []) -> [(String, String)] {
            [("op", JSONText.string(name))] + more
        }
        switch generator.number(0...19) {
        case 0...3:
            let amount = generator.number(-1...300_000_000)
            return (.refund(Money(microunits: amount)), named("refund", [("amount", "\(amount)")]))
        case 4...7:
            let sequence = ledger.postings.randomElement(using: &generator)?.sequence ?? 0
            entry = ledger.entry(sequence)
            return (.reversal(sequence: sequence), named("reversal", [("n", "\(sequence)")]))
        case 8: return (.clear, named("clear"))
        case 9, 10:
            let amount = generator.number(-1...2_100_000_000)
            return (.preset(Money(microunits: amount)), named("preset", [("amount", "\(amount)")]))
        case 11...13:
            var change = AccountSettingsChange()
            let price = try RandomTariff.price(&generator)
            change.price = price
            return (.changeSettings(change), named("price", [("price", "\(price.tenThousandths)")]))
        case 14...17: return try tariffChange(account)
        default:
            guard generator.once(in: 3) else { return (.clear, named("clear")) }
            let paysOut = generator.once(in: 2)
            return (.close(paysOut: paysOut), named("close", [("pays_out", paysOut ? "1" : "0")]))
        }
    }

    private mutating func tariffChange(_ account: Account) throws -> (AccountOperation, [(String, String)]) {
        let day = zone.day(containing: clock.time)
        let tariff = try RandomTariff.tariff(&generator, calendar: calendar, near: day)
        var schedule: TariffSchedule?
        var changes: [String] = []
        switch generator.number(0...3) {
        case 0: schedule = nil
        case 1: schedule = TariffSchedule(current: tariff)
        default:
            var at = clock.time
            var later: [TariffSchedule.Change] = []
            for _ in 0..<generator.number(1...3) {
                at = at + .milliseconds(generator.number(1...30_000_000))
                let next = try RandomTariff.tariff(&generator, calendar: calendar, near: day)
                later.append(TariffSchedule.Change(at: at, tariff: next))
                changes.append("[\(at.millisecondsSince1970),\(next.json)]")
            }
            schedule = try TariffSchedule(current: tariff, changes: later)
        }
        return (
            .changeTariff(schedule),
            [
                ("op", JSONText.string("tariff")), ("tariff", schedule?.current.json ?? "null"),
                ("changes", JSONText.array(changes)),
            ]
        )
    }

    private mutating func reopen(_ index: Int) -> String {
        guard let account = groups[index].account else { return line("nothing", [], []) }
        let carriedOver = generator.number(-50_000_000...500_000_000)
        let last = generator.once(in: 4) ? generator.number(-1...400) : 0
        var trial = groups[index]
        let opening = AccountOpening(
            account: account.id, customerNumber: account.customerNumber, issuer: account.issuer,
            carriedOver: Money(microunits: carriedOver), lastRechargeNumber: last)
        // Without its balance paid out or cleared it is refused: clear it first, every other time.
        if account.balance != .zero, generator.once(in: 2) {
            let order = AccountOrder(
                account: account.id, customerNumber: account.customerNumber, issuer: account.issuer,
                operation: .clear)
            let (result, outcome) = trial.take(
                order: order, entry: nil, command: "o", now: clock.now, site: conditions)
            keep(index, trial, outcome)
            return line(
                "order",
                [("op", JSONText.string("clear")), ("a", JSONText.string(result.code))]
                    + describe((account.customerNumber, account.issuer, nil)), [(index, outcome)])
        }
        let (result, outcome) = trial.take(
            opening: opening, defaults: account.settings, command: "n", now: clock.now, site: conditions)
        keep(index, trial, outcome)
        return line(
            "open", [("balance", "\(carriedOver)"), ("last", "\(last)"), ("a", JSONText.string(result.code))],
            [(index, outcome)])
    }
}
