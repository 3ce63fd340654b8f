public import Metering

/// What was credited to an account by a command.
public struct GivenCredit: Hashable, Sendable {
    public let account: AccountID
    public let amount: Money
    /// Whether the site has more to supply than before; not where one customer gave to another.
    public let isNew: Bool

    /// Nil for a posting that gives nobody anything.
    public init?(_ posting: Posting) {
        guard posting.credit == .customer(posting.account), posting.amount > .zero else { return nil }
        account = posting.account
        amount = posting.amount
        isNew = posting.cause != .transfer
    }
}

/// How much may be credited within a day, whatever a platform says.
public struct CreditLimits: Hashable, Sendable {
    public var perAccount: Money
    public var perSite: Money

    public init(perAccount: Money, perSite: Money) {
        self.perAccount = perAccount
        self.perSite = perSite
    }
}

/// Why a credit is too much for one day.
public struct CreditExcess: Hashable, Sendable {
    /// Nil: of the whole site.
    public let account: AccountID?
    /// What was credited in the last day, before.
    public let given: Money
    public let limit: Money
}

/// What was credited in the last 24 hours, in steps of an hour: no more is forgotten than is a day old. A day here
/// is no calendar's, so that no clock that is put forward within a boot begins a new one.
public struct CreditWindow: Hashable, Sendable {
    private struct Step: Hashable {
        let since: Timestamp
        var site: Money = .zero
        var accounts: [AccountID: Money] = [:]
    }

    private var steps: [Step] = []

    public static let length: Duration = .seconds(86_400)
    private static let step: Duration = .seconds(3_600)
    /// What is older is of no interest: the length, and the step in which it may have been at the end.
    public static let memory: Duration = length + step

    public init() {}

    /// What is too much about some credits together; nil where they may be given.
    public func excess(of credits: [GivenCredit], limits: CreditLimits, now: Timestamp) -> CreditExcess? {
        let recent = steps.filter { Self.age(of: $0.since, now: now) < Self.memory }
        var accounts: [AccountID: Money] = [:]
        var site = Money.zero
        for credit in credits {
            let before = recent.reduce(Money.zero) { $0.saturating($1.accounts[credit.account] ?? .zero) }
            let asked = (accounts[credit.account] ?? .zero).saturating(credit.amount)
            accounts[credit.account] = asked
            if before.saturating(asked) > limits.perAccount {
                return CreditExcess(account: credit.account, given: before, limit: limits.perAccount)
            }
            if credit.isNew { site = site.saturating(credit.amount) }
        }
        let before = recent.reduce(Money.zero) { $0.saturating($1.site) }
        guard site > .zero, before.saturating(site) > limits.perSite else { return nil }
        return CreditExcess(account: nil, given: before, limit: limits.perSite)
    }

    /// Notes credits that were given; in the order in which they were.
    public mutating func note(_ credits: [GivenCredit], at now: Timestamp) {
        guard !credits.isEmpty else { return }
        steps.removeAll { Self.age(of: $0.since, now: now) >= Self.memory }
        let isSameStep = steps.last.flatMap { now.elapsed(since: $0.since) }.map { $0 < Self.step } ?? false
        if !isSameStep { steps.append(Step(since: now)) }
        let last = steps.count - 1
        for credit in credits {
            let before = steps[last].accounts[credit.account] ?? .zero
            steps[last].accounts[credit.account] = before.saturating(credit.amount)
            if credit.isNew { steps[last].site = steps[last].site.saturating(credit.amount) }
        }
    }

    /// How long ago a moment was, at least.
    public static func age(of moment: Timestamp, now: Timestamp) -> Duration {
        if let elapsed = now.elapsed(since: moment) { return elapsed }
        // Of an earlier boot, by clocks that cannot be compared: before this one began.
        return now.boot == moment.boot ? .zero : now.monotonic - .zero
    }
}

extension Money {
    /// The sum, or the nearest amount there is.
    fileprivate func saturating(_ other: Money) -> Money {
        Money(microunits: microunits.clampedAdding(other.microunits))
    }
}
