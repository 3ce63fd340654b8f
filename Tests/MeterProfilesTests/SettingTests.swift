import ConfigurationReader
import MeterProfiles
import Metering
import Testing

@Suite("What meters keep for themselves")
struct SettingTests {
    private func local(_ text: String, _ hour: Int, _ minute: Int, _ second: Int) throws -> LocalTime {
        LocalTime(
            date: try #require(CivilDate(iso: text)),
            millisecondOfDay: Int64((hour * 60 + minute) * 60 + second) * 1000)
    }

    private func clock(_ layout: ClockLayout) -> SettingDefinition {
        SettingDefinition(
            name: .clock, table: .holding, address: 0x3C, form: .clock(layout), unit: "", write: .multiple,
            range: .min ... .max, factory: nil)
    }

    private func limit(_ encoding: RegisterEncoding = .u16, write: SettingDefinition.Write? = .single)
        -> SettingDefinition
    {
        SettingDefinition(
            name: .overloadLimit, table: .holding, address: 0x1102,
            form: .number(encoding, .abcd, ScaleFactor(numerator: 10, denominator: 1)), unit: "kW", write: write,
            range: 0...20_000, factory: nil)
    }

    @Test(
        "clocks in their layouts",
        arguments: [
            (ClockLayout.bcdBytes, [0x2603, 0x0112, 0x3005]), (.bytes, [0x1A03, 0x010C, 0x1E05]),
            (.words, [2026, 3, 1, 12, 30, 5]),
        ] as [(ClockLayout, [UInt16])])
    func clockLayouts(layout: ClockLayout, words: [UInt16]) throws {
        let time = try local("2026-03-01", 12, 30, 5)
        #expect(clock(layout).decode(words) == .clock(time))
        #expect(clock(layout).encode(.clock(time)) == words)
        #expect(SettingValue.clock(time).description == "2026-03-01 12:30:05")
    }

    @Test(
        "what is no moment is no value", arguments: [[0x2613, 0x0112, 0x3005], [0x2602, 0x2912, 0], [0xFFFF, 0, 0]])
    func noMoment(words: [UInt16]) {
        #expect(clock(.bcdBytes).decode(words) == nil)
        #expect(clock(.bcdBytes).decode([0x2603]) == nil)
    }

    @Test("a number is compared as near as its register can hold it")
    func comparison() {
        let limit = limit()
        let found = limit.decode([880])
        #expect(found == .number(8_800))
        #expect(SettingComparison(limit, found: found, expected: .number(8_800)).verdict == .agrees)
        #expect(SettingComparison(limit, found: found, expected: .number(8_803)).verdict == .agrees)
        let differs = SettingComparison(limit, found: found, expected: .number(9_000))
        #expect(differs.verdict == .differs)
        #expect(differs.definition.writing(.number(9_000)) == .register(address: 0x1102, value: 900))
        #expect(SettingComparison(limit, found: found, expected: nil).verdict == .free)
        #expect(SettingComparison(limit, found: nil, expected: .number(1)).verdict == .unreadable)
    }

    @Test("only what the profile says is written, and only what the model takes")
    func writes() {
        #expect(limit(write: nil).writing(.number(9_000)) == nil)
        #expect(limit().writing(.number(20_010)) == nil)
        #expect(limit(.u32, write: .multiple).writing(.number(9_000)) == .registers(address: 0x1102, values: [0, 900]))
        #expect(limit().writing(.clock(LocalTime(date: .earliest, millisecondOfDay: 0))) == nil)
    }

    @Test("a clock is set only where that hurts nothing")
    func clockRules() throws {
        typealias Decision = MeterClockRules.Decision
        let day = "2026-03-01"
        let noon = try local(day, 12, 30, 0)
        let rows: [(LocalTime, LocalTime, ClockTrust, Decision)] = [
            (try local(day, 12, 30, 10), noon, .trusted, .inStep),
            (try local(day, 12, 29, 50), noon, .trusted, .inStep),
            (try local(day, 12, 30, 11), noon, .trusted, .adjust(seconds: -11)),
            (try local(day, 12, 20, 0), noon, .trusted, .adjust(seconds: 600)),
            (try local("2026-02-28", 12, 30, 0), noon, .trusted, .adjust(seconds: 86_400)),
            (try local(day, 12, 20, 0), noon, .untrusted, .timeUnknown),
            // The gateway's clock or the meter's stands near an hour, or near midnight.
            (try local(day, 12, 30, 0), try local(day, 13, 1, 59), .trusted, .tooNear),
            (try local(day, 12, 58, 1), noon, .trusted, .tooNear),
            (try local(day, 0, 9, 0), noon, .trusted, .tooNear),
            (try local(day, 23, 51, 0), noon, .trusted, .tooNear),
            (try local(day, 0, 12, 0), try local(day, 0, 13, 0), .trusted, .adjust(seconds: 60)),
        ]
        for (shown, now, trust, decision) in rows {
            #expect(MeterClockRules.decide(shown: shown, now: now, trust: trust) == decision, "\(shown) \(now)")
        }
    }

    @Test("numbers as a person writes them")
    func numbers() {
        for (text, thousandths) in [
            ("8.8", 8_800), ("-1", -1_000), ("0", 0), ("0.125", 125), ("0x1", nil), ("1.2345", nil), ("", nil),
            ("99999999999999999999", nil),
        ]
            as [(String, Int64?)]
        {
            #expect(SettingValue(text: text) == thousandths.map { .number($0) }, "\(text)")
        }
        #expect(SettingValue.number(-8_050).description == "-8.05")
    }
}
