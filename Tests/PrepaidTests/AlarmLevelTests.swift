import Metering
import Prepaid
import Testing

@Suite("Alarm levels")
struct AlarmLevelTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let before: AlarmLevel
        let balance: String
        var mayCut = false
        let after: AlarmLevel
        var testDescription: String { "\(before.name) at \(balance)\(mayCut ? ", confirmed" : "") is \(after.name)" }
    }

    /// Alarm 1 at 10, alarm 2 at 5, hysteresis 2, overdraft 20, at least 3 above the cut-off to close again.
    static let table: [Row] = [
        Row(before: .none, balance: "10.000001", after: .none),
        Row(before: .none, balance: "10", after: .first),
        Row(before: .none, balance: "5.000001", after: .first),
        Row(before: .none, balance: "5", after: .second),
        Row(before: .none, balance: "0", after: .second),
        Row(before: .none, balance: "-0.000001", after: .arrears),
        Row(before: .none, balance: "-20", mayCut: true, after: .arrears),
        Row(before: .none, balance: "-20.000001", mayCut: true, after: .cut),
        Row(before: .arrears, balance: "-20.000001", after: .arrears),
        Row(before: .arrears, balance: "-20.000001", mayCut: true, after: .cut),
        // A level is left at its threshold + hysteresis, not before, and not later.
        Row(before: .first, balance: "11.999999", after: .first),
        Row(before: .first, balance: "12", after: .none),
        Row(before: .second, balance: "6.999999", after: .second),
        Row(before: .second, balance: "7", after: .first),
        Row(before: .second, balance: "11.999999", after: .first),
        Row(before: .second, balance: "12", after: .none),
        Row(before: .arrears, balance: "1.999999", after: .arrears),
        Row(before: .arrears, balance: "2", after: .second),
        Row(before: .arrears, balance: "7", after: .first),
        Row(before: .arrears, balance: "500", after: .none),
        // Cut is left at the cut-off + minimum to re-close, whether or not readings agree.
        Row(before: .cut, balance: "-17.000001", after: .cut),
        Row(before: .cut, balance: "-17", after: .arrears),
        Row(before: .cut, balance: "1.999999", after: .arrears),
        Row(before: .cut, balance: "2", after: .second),
        Row(before: .cut, balance: "500", after: .none),
        Row(before: .cut, balance: "-1000", after: .cut),
    ]

    @Test("follow the balance", arguments: table)
    func levels(row: Row) throws {
        let settings = try AccountFixture.settings(hysteresis: "2", overdraft: "20", minimumToReclose: "3")
        let balance = try AccountFixture.money(row.balance)
        #expect(settings.alarmLevel(balance: balance, current: row.before, mayCut: row.mayCut) == row.after)
    }

    @Test("clear one micro-unit above by default; a recharge of one micro-unit closes again")
    func defaults() throws {
        let settings = try AccountFixture.settings()
        #expect(
            settings.alarmLevel(balance: try AccountFixture.money("10.000001"), current: .first, mayCut: false) == .none
        )
        #expect(settings.alarmLevel(balance: .zero, current: .cut, mayCut: true) == .cut)
        #expect(settings.alarmLevel(balance: .oneMicrounit, current: .cut, mayCut: true) == .second)
        let none = try AccountFixture.settings(hysteresis: "0")
        #expect(none.alarmLevel(balance: try AccountFixture.money("10"), current: .first, mayCut: false) == .first)
    }

    @Test("extreme balances are clamped, never trapped", arguments: [Int64.min, .min + 1, -1, 0, 1, .max])
    func extremes(microunits: Int64) throws {
        let settings = try AccountSettings(
            price: .free, alarm1: .zero, alarm2: .zero, hysteresis: AccountSettings.largestAmount,
            overdraftLimit: AccountSettings.largestAmount, minimumToReclose: AccountSettings.largestAmount,
            hoardingCap: AccountSettings.largestAmount)
        for level in AlarmLevel.allCases {
            _ = settings.alarmLevel(balance: Money(microunits: microunits), current: level, mayCut: true)
        }
    }

    @Test("settings are refused with every field that is wrong")
    func refused() throws {
        let error = #expect(throws: SettingProblems.self) {
            try AccountFixture.settings(
                alarm1: "5", alarm2: "5.000001", hysteresis: "-1", overdraft: "-1", minimumToReclose: "0", cap: "5")
        }
        #expect(
            error?.problems.map(\.field)
                == ["alarm_2", "hysteresis", "overdraft_limit", "minimum_to_reclose", "hoarding_cap"])
        let large = #expect(throws: SettingProblems.self) { try AccountFixture.settings(cap: "1000000000000.000001") }
        #expect(large?.problems.map(\.field) == ["hoarding_cap"])
    }
}
