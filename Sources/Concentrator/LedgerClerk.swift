internal import Logging
public import Metering
internal import Prepaid
public import Storage
internal import Threading
public import UplinkProtocol

/// Does what takes long with the ledger, on a thread of its own beside the running site: statements, proofs,
/// the sealing of months. Adds no record and moves no money.
public actor LedgerClerk {
    private let ledger: LedgerStore
    private let clock: GatewayClock
    private let zone: TimeZoneTable
    private let logger: Logger
    private let executor: ThreadExecutor

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(ledger: LedgerStore, clock: GatewayClock, zone: TimeZoneTable, logger: Logger) {
        self.ledger = ledger
        self.clock = clock
        self.zone = zone
        self.logger = logger
        executor = ThreadExecutor(name: "clerk")
    }

    /// The postings of an account, oldest first.
    public func statement(of account: AccountID, limit: Int) throws(StorageError) -> [LedgerRecord] {
        try ledger.statement(of: account, limit: limit)
    }

    /// Records in order, from the archive where they are sealed.
    public func records(
        after sequence: Int64, limit: Int, byteLimit: Int = .max
    ) throws(StorageError) -> [LedgerRecord] {
        try ledger.records(after: sequence, limit: limit, byteLimit: byteLimit)
    }

    public func verify() throws(StorageError) -> LedgerVerification { try ledger.verify() }

    /// Proves the whole chain. A fault stops the ledger: it is rebuilt at the next start.
    func prove() {
        guard ledger.stopped == nil else { return }
        do {
            let faults = try ledger.verify().faults
            if let fault = faults.first {
                logger.critical("the ledger is not sound", metadata: ["fault": "\(fault)"])
            }
        } catch {
            logger.error("the ledger cannot be proved", metadata: ["reason": "\(error)"])
        }
    }

    /// New with every new ledger file.
    public nonisolated var ledgerEpoch: String { ledger.epoch }

    /// The ledger as it is now, and the names of its sealed months' files, oldest first.
    public func copy() throws(StorageError) -> (ledger: BackupSource, archive: [String]) {
        let copy = try ledger.copy()
        return (copy, try ledger.sealedMonths().map(\.file))
    }

    /// The file of a sealed month; nil where no month has one of that name.
    public func sealedFile(_ name: String) throws(StorageError) -> BackupSource? { try ledger.sealedFile(name) }

    /// Seals months that are over and acknowledged, then takes their rows out of the database bit by bit.
    func sealMonths() async {
        let now = clock.now()
        guard now.trust == .trusted, ledger.stopped == nil else { return }
        let month = zone.day(containing: now.wall).firstOfMonth
        do {
            if let sealed = try ledger.seal(before: zone.startOfDay(month)) {
                logger.notice(
                    "a month of the ledger is sealed",
                    metadata: ["file": "\(sealed.file)", "records": "\(sealed.first) to \(sealed.last)"])
            }
            while try ledger.dropSealedRows() { await Task.yield() }
        } catch {
            logger.error(
                "the ledger's months cannot be sealed; trying again in an hour", metadata: ["reason": "\(error)"])
        }
    }
}
