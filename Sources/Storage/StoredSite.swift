public import Metering
public import Prepaid

/// One circuit as the ledger keeps it.
public struct StoredCircuit: Hashable, Sendable {
    public let id: CircuitID
    public let account: AccountID?
    public let meter: MeterID
    /// The most it can draw: W (or l/h).
    public let ratedPerHour: Int64
    public let breaker: BreakerAddress?
    /// The counter at the last posting; nil before the first accepted reading.
    public let posted: CounterMark?
    public let memory: BreakerMemory

    public init(
        id: CircuitID, account: AccountID?, meter: MeterID, ratedPerHour: Int64, breaker: BreakerAddress?,
        posted: CounterMark? = nil, memory: BreakerMemory = BreakerMemory()
    ) {
        self.id = id
        self.account = account
        self.meter = meter
        self.ratedPerHour = ratedPerHour
        self.breaker = breaker
        self.posted = posted
        self.memory = memory
    }
}

/// What is installed, with its state.
public struct StoredSite: Hashable, Sendable {
    public let meters: [SiteMeter]
    public let accounts: [Account]
    public let circuits: [StoredCircuit]
    /// The accounts have their tariffs from here already.
    public let settings: StoredSettings

    public init(
        meters: [SiteMeter], accounts: [Account], circuits: [StoredCircuit],
        settings: StoredSettings = StoredSettings()
    ) {
        self.meters = meters
        self.accounts = accounts
        self.circuits = circuits
        self.settings = settings
    }
}

extension LedgerTransaction {
    /// Whether it changes an account, or answers a command.
    public var movesMoney: Bool { command != nil || changes.contains { !$0.postings.isEmpty } }
}

/// A circuit or a meter changes its place. What was used must be settled by the changes beside it.
public enum SiteMove: Hashable, Sendable {
    /// A circuit is measured by another meter from here on.
    case meter(of: CircuitID, MeterID)
    case account(of: CircuitID, AccountID)
    /// A meter is taken out with its circuits; their entries stay. Its address and its breakers are free.
    case removal(MeterID)
}

/// What one transaction of the ledger does, beside its changes.
public struct LedgerTransaction: Sendable {
    public var changes: [LedgerChange]
    /// Meters, accounts and circuits to add or to bring up to date, before the changes. An account's
    /// balance is not taken from here: only postings move money.
    public var installation: StoredSite?
    /// Documents to keep.
    public var settings: [Setting]
    /// What becomes of circuits and meters that are installed; after the changes.
    public var moves: [SiteMove] = []
    /// A command with its answer, kept for ever.
    public var command: AnsweredCommand?
    public let actor: String

    public init(
        changes: [LedgerChange], installation: StoredSite? = nil, settings: [Setting] = [],
        command: AnsweredCommand? = nil, actor: String = "gateway"
    ) {
        self.changes = changes
        self.installation = installation
        self.settings = settings
        self.command = command
        self.actor = actor
    }
}
