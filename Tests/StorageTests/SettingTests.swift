import GRDB
import Metering
import Prepaid
import SampleLoad
import Storage
import Testing
import UplinkProtocol

@Suite("What is set on a site")
struct SettingTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func tariff(_ price: String) throws -> Tariff {
        .flat(try #require(Price(decimal: price)))
    }

    @Test("documents are there after a restart, in the values that need them")
    func restart() throws {
        let store = try SampleSite.store(in: directory)
        try store.commit(LedgerTransaction(changes: [], installation: try SampleSite.site()), at: moment(0))
        let night = try TimerTable(
            workday: [TimerSwitch(start: try #require(MinuteOfDay(text: "06:00")), action: .on)],
            holiday: [TimerSwitch(start: .midnight, action: .nightMode(capMilliwatts: 200_000))])
        let switching = try SwitchingRules(minimumDwell: .seconds(5), needsUserToClose: true)
        let calendar = try SiteCalendar(holidays: [try #require(CivilDate(iso: "2026-10-01"))])
        let settings = [
            Setting(.timer, of: "M-1", night.json), Setting(.switching, of: "M-1", switching.json),
            Setting(.calendar, calendar.json), Setting(.accountRules, of: "A-1", AccountRules(isVulnerable: true).json),
            Setting(.timer, of: "M-2", night.json),
        ]
        try store.commit(LedgerTransaction(changes: [], settings: settings), at: moment(1))
        try store.commit(LedgerTransaction(changes: [], settings: [Setting(.timer, of: "M-2", nil)]), at: moment(2))
        try store.close()
        let again = try SampleSite.store(in: directory)
        let kept = try again.site().settings
        let first = try #require(CircuitID(rawValue: "M-1"))
        #expect(kept.circuitRules == [first: CircuitRules(switching: switching, timer: night)])
        #expect(kept.calendar == calendar)
        #expect(kept.accountRules.values.map(\.isVulnerable) == [true])
        #expect(try again.verify().isSound)
    }

    @Test("a tariff, and what was used in its period, are kept with the account")
    func tariffs() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 1)
        var account = try #require(try store.site().accounts.last)
        account.tariff = try TariffSchedule(current: try tariff("0.5"))
            .adding(try tariff("0.7"), from: WallTime(millisecondsSince1970: 1_800_000_000_000))
        let period = PeriodUsage.Period(start: try #require(CivilDate(iso: "2026-11-01")), quantity: 1_234)
        account.usage = PeriodUsage(current: period)
        var change = LedgerChange()
        change.account = account
        change.hasNewTariff = true
        try store.commit(LedgerTransaction(changes: [change]), at: moment(50))
        try store.close()
        let kept = try #require(try SampleSite.store(in: directory).site().accounts.last)
        #expect(kept.tariff == account.tariff)
        #expect(kept.usage == account.usage)
        #expect(kept == account)
    }

    @Test("a document that something else changed is found")
    func tampered() throws {
        let store = try SampleSite.store(in: directory)
        try store.commit(LedgerTransaction(changes: [], installation: try SampleSite.site()), at: moment(0))
        let rules = Setting(.accountRules, of: "A-1", AccountRules(isVulnerable: true).json)
        try store.commit(LedgerTransaction(changes: [], settings: [rules]), at: moment(1))
        try store.close()
        try DatabaseQueue(path: directory.path + "/ledger.db").write { database in
            try database.execute(sql: "UPDATE setting SET document = replace(document, 'true', 'false')")
        }
        #expect(try SampleSite.store(in: directory).stopped != nil)
    }

    @Test("a file of the layout before takes settings")
    func migration() throws {
        let store = try SampleSite.store(in: directory)
        try SampleSite.history(store, bills: 2)
        let head = try store.head()
        try store.close()
        try OlderLayout.takeLedgerBack(directory.path + "/ledger.db", to: 1)
        let again = try SampleSite.store(in: directory)
        #expect(try again.head() == head)
        #expect(try again.verify().isSound)
        try again.commit(
            LedgerTransaction(changes: [], settings: [Setting(.calendar, SiteCalendar.plain.json)]), at: moment(60))
    }
}
