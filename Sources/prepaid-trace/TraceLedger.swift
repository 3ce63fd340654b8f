import Metering
import Prepaid

/// What the orders of a trace refer to: entries, recharges and disputed moves by their number.
struct TraceLedger {
    private(set) var sequence: Int64 = 0
    private(set) var postings: [(sequence: Int64, posting: Posting)] = []
    private(set) var disputes: [(sequence: Int64, event: Event)] = []
    private var concerned: Set<Int64> = []
    private var recharges: [AccountID: [Int64: AppliedRecharge]] = [:]

    static let memory = 60

    mutating func take(_ change: LedgerChange) {
        for posting in change.postings {
            sequence += 1
            postings.append((sequence, posting))
            if let concerns = posting.concerns { concerned.insert(concerns) }
        }
        for event in change.events {
            sequence += 1
            if event.code == .counterReleased { disputes.append((sequence, event)) }
        }
        postings = postings.suffix(Self.memory)
        disputes = disputes.suffix(Self.memory)
    }

    mutating func note(_ recharge: Recharge, balanceAfter: Money) {
        recharges[recharge.account, default: [:]][recharge.number] = AppliedRecharge(
            recharge: recharge, balanceAfter: balanceAfter)
    }

    func earlier(_ account: AccountID, _ number: Int64) -> AppliedRecharge? { recharges[account]?[number] }

    func entry(_ sequence: Int64) -> LedgerEntry? {
        postings.first { $0.sequence == sequence }.map {
            LedgerEntry(sequence: sequence, posting: $0.posting, isReversed: concerned.contains(sequence))
        }
    }

    func dispute(_ sequence: Int64) -> DisputedMove? {
        disputes.first { $0.sequence == sequence }.flatMap {
            DisputedMove(sequence: sequence, event: $0.event, isDecided: concerned.contains(sequence))
        }
    }
}

extension Posting {
    /// `[account, cause, debit, credit, amount, balance after, carry after, concerns, span]`
    var json: String {
        var members = [account.rawValue, cause.rawValue, debit.description, credit.description].map {
            JSONText.string($0)
        }
        members += [
            "\(amount.microunits)", "\(balanceAfter.microunits)", "\(carryTenthsAfter)", JSONText.optional(concerns),
        ]
        if let span {
            members.append(
                JSONText.array([
                    JSONText.string(span.circuit), "\(span.from)", "\(span.to)", "\(span.quantity)",
                    "\(span.price.tenThousandths)", JSONText.optional(span.rate?.rawValue),
                    JSONText.optional(span.step), isEstimated ? "1" : "0",
                ]))
        }
        return JSONText.array(members)
    }
}
