import Metering
import Testing

@Suite("Dates and times of day")
struct CivilDateTests {
    @Test(
        "known days",
        arguments: [
            ("1970-01-01", 0, .thursday), ("1969-12-31", -1, .wednesday), ("2000-02-29", 11_016, .tuesday),
            ("2026-02-28", 20_512, .saturday), ("2100-03-01", 47_541, .monday), ("0001-01-01", -719_162, .monday),
            ("9999-12-31", 2_932_896, .friday),
        ] as [(String, Int, Weekday)])
    func knownDays(iso: String, days: Int, weekday: Weekday) {
        let date = CivilDate(iso: iso)
        #expect(date?.daysSince1970 == days)
        #expect(date?.weekday == weekday)
        #expect(date?.description == iso)
    }

    @Test("every day of 1600 years follows the one before it")
    func successive() throws {
        var date = try #require(CivilDate(year: 1201, month: 1, day: 1))
        var (year, month, day) = (1201, 1, 1)
        for _ in 0..<584_388 {
            guard date.components == (year, month, day), CivilDate(year: year, month: month, day: day) == date else {
                Issue.record("\(date) is not \(year)-\(month)-\(day)")
                return
            }
            date = date.next
            day += 1
            if day > CivilDate.daysInMonth(month, year: year) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(date == CivilDate(year: 2801, month: 1, day: 1))
    }

    @Test(
        "dates that do not exist are refused",
        arguments: [
            "2025-02-29", "1900-02-29", "2026-04-31", "2026-00-10", "2026-13-01", "2026-01-00", "0000-01-01",
            "2026-1-01", "26-01-01", "2026-01-01 ", "+026-01-01", "2026-01", "2026-01-01-01", "",
        ])
    func impossible(iso: String) { #expect(CivilDate(iso: iso) == nil) }

    @Test("days beyond the calendar stay at its ends")
    func clamped() {
        #expect(CivilDate(daysSince1970: .max) == .latest)
        #expect(CivilDate(daysSince1970: .min) == .earliest)
        #expect(CivilDate.latest.next == .latest)
        #expect(CivilDate.latest.adding(days: .max) == .latest)
        #expect(CivilDate.earliest.adding(days: .min) == .earliest)
    }

    @Test(
        "times of day",
        arguments: [
            ("00:00", 0), ("07:30", 450), ("23:59", 1439), ("24:00", nil), ("7:30", nil), ("07:60", nil),
            ("0730", nil), ("07:3", nil), ("+7:30", nil), ("07:30:00", nil), ("-1:30", nil),
        ] as [(String, Int?)])
    func timesOfDay(text: String, minutes: Int?) {
        #expect(MinuteOfDay(text: text)?.minutes == minutes)
        if minutes != nil { #expect(MinuteOfDay(text: text)?.description == text) }
    }
}
