import Metering
import Prepaid

/// The ledger of a scenario, with its books kept a second time: by adding up entries.
struct ScenarioLedger {
    private enum Record {
        case posting(Posting)
        case event(Event)
    }

    private var records: [Record] = []
    private var books: [Book: Int64] = [:]
    private var recharges: [AccountID: [Int64: AppliedRecharge]] = [:]
    private var concerned: Set<Int64> = []

    mutating func open(_ account: Account) {
        books[.customer(account.id)] = account.balance.microunits
        books[.opening, default: 0] -= account.balance.microunits
    }

    /// Adds the entries up; throws where a balance is not their sum.
    mutating func commit(_ change: LedgerChange, account: Account?) throws {
        for posting in change.postings {
            guard posting.amount >= .zero else { throw ScenarioProblem("a posting of \(posting.amount)") }
            books[posting.debit, default: 0] -= posting.amount.microunits
            books[posting.credit, default: 0] += posting.amount.microunits
            if let concerns = posting.concerns, !concerned.insert(concerns).inserted {
                throw ScenarioProblem("record \(concerns) was decided twice")
            }
            records.append(.posting(posting))
        }
        records += change.events.map(Record.event)
        guard let account else { return }
        let sum = books[.customer(account.id)] ?? 0
        guard sum == account.balance.microunits else {
            throw ScenarioProblem(
                "the ledger adds up to \(Money(microunits: sum)), the account holds \(account.balance)")
        }
    }

    mutating func note(_ recharge: Recharge, balanceAfter: Money) {
        recharges[recharge.account, default: [:]][recharge.number] = AppliedRecharge(
            recharge: recharge, balanceAfter: balanceAfter)
    }

    func earlier(_ account: AccountID, _ number: Int64) -> AppliedRecharge? { recharges[account]?[number] }

    /// The last posting of a kind, on whichever account.
    func entry(_ cause: PostingCause, rechargeNumber: Int64?) -> LedgerEntry? {
        for (index, record) in records.enumerated().reversed() {
            guard case .posting(let posting) = record, posting.cause == cause,
                rechargeNumber == nil || posting.rechargeNumber == rechargeNumber
            else { continue }
            let sequence = Int64(index + 1)
            return LedgerEntry(sequence: sequence, posting: posting, isReversed: concerned.contains(sequence))
        }
        return nil
    }

    /// The last disputed move of a circuit.
    func dispute(of circuit: CircuitID) -> DisputedMove? {
        for (index, record) in records.enumerated().reversed() {
            let sequence = Int64(index + 1)
            if case .event(let event) = record, event.subject == .circuit(circuit),
                let move = DisputedMove(
                    sequence: sequence, event: event, isDecided: concerned.contains(sequence))
            {
                return move
            }
        }
        return nil
    }
}
