import Metering
import Prepaid
import Storage
import Testing
import UplinkProtocol

@Suite("Entries that an order names")
struct LedgerEntryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func commit(
        _ operation: AccountOperation, entry: LedgerEntry?, to account: inout Account, store: LedgerStore
    ) throws -> ChainHead {
        let order = AccountOrder(
            account: account.id, customerNumber: account.customerNumber, issuer: account.issuer, operation: operation)
        let result = account.apply(order, entry: entry, command: "c-2", now: moment(20))
        guard case .applied(let postings) = result else {
            Issue.record("refused: \(result.code)")
            return try store.head()
        }
        var change = LedgerChange()
        change.account = account
        change.hasNewSettings = true
        change.postings = postings
        return try store.commit(LedgerTransaction(changes: [change]), at: moment(20))
    }

    @Test("an entry is reversed once: the file itself refuses a second time")
    func reversedOnce() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 2)
        var account = try #require(try store.site().accounts.last)
        let entry = try #require(try store.entry(1))
        #expect(entry.posting.cause == .recharge && !entry.isReversed)
        let head = try commit(.reversal(sequence: 1), entry: entry, to: &account, store: store)
        #expect(try store.entry(1)?.isReversed == true)
        #expect(try store.entry(head.sequence)?.posting.concerns == 1)
        #expect(try store.verify().isSound)
        var second = account
        #expect(throws: StorageError.self) {
            try commit(.reversal(sequence: 1), entry: entry, to: &second, store: store)
        }
        #expect(try store.head() == head)
    }

    @Test("only a posting is an entry, only a released counter is a dispute")
    func kinds() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 1)
        #expect(try store.entry(2) == nil, "an event")
        #expect(try store.entry(99) == nil)
        #expect(try store.disputedMove(2) == nil, "a baseline")
        var change = LedgerChange()
        let circuit = try #require(CircuitID(rawValue: "M-2"))
        change.events = [Event(.counterReleased, .circuit(circuit), ["from": "5", "to": "900"])]
        let head = try store.commit(LedgerTransaction(changes: [change]), at: moment(20))
        #expect(
            try store.disputedMove(head.sequence)
                == DisputedMove(sequence: head.sequence, circuit: circuit, from: 5, to: 900, isDecided: false))
    }

    @Test("settings that were changed are there after a restart")
    func settings() throws {
        let account = try {
            let store = try SampleSite.store(in: directory)
            try SampleSite.history(store, bills: 1)
            var account = try #require(try store.site().accounts.last)
            var change = AccountSettingsChange()
            change.price = Price(tenThousandths: 9_999)
            _ = try commit(.changeSettings(change), entry: nil, to: &account, store: store)
            return account
        }()
        #expect(try SampleSite.store(in: directory).site().accounts.last == account)
        #expect(account.settings.price.tenThousandths == 9_999)
    }

    @Test(
        "what is remembered of a breaker is there after a restart",
        arguments: [TimerAction.on, .off, .nightMode(capMilliwatts: 400_000)])
    func breakerMemory(action: TimerAction) throws {
        let circuit = try #require(CircuitID(rawValue: "M-2"))
        let window = TimerWindow(
            action: action, day: CivilDate(daysSince1970: 20_000), number: 3,
            from: WallTime(millisecondsSince1970: 1_760_000_000_000), until: WallTime(millisecondsSince1970: .max))
        let memory = BreakerMemory(
            mode: .guarantee, isMaintenanceLocked: true, lockout: .overload, intended: .open, confirmed: .closed,
            isOpenedElsewhere: true, isReminderDone: true, timerWindow: window)
        try {
            let store = try SampleSite.store(in: directory)
            try SampleSite.history(store, bills: 0)
            var change = LedgerChange()
            change.breakers = [circuit: memory]
            _ = try store.commit(LedgerTransaction(changes: [change]), at: moment(20))
        }()
        #expect(try SampleSite.store(in: directory).site().circuits.last?.memory == memory)
    }
}
