import Metering
import Prepaid
import Testing

@Suite("Losses on their way into the ledger")
struct LossTallyTests {
    private func at(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test("the first is told at once, what follows within an hour in one sum, and a month of it as 720 events")
    func hourly() {
        var tally = LossTally()
        #expect(tally.due(now: at(0)) == nil)
        var told: [Loss] = []
        for minute in 0..<Int64(30 * 24 * 60) {
            tally.add(Loss(count: 5, first: minute * 5 + 1, last: minute * 5 + 5, reason: "r\(minute)"))
            if let loss = tally.due(now: at(minute * 60)) { told.append(loss) }
        }
        #expect(told.count == 720)
        #expect(told[0] == Loss(count: 5, first: 1, last: 5, reason: "r0"))
        #expect(told[1] == Loss(count: 300, first: 6, last: 305, reason: "r60"))
        if let rest = tally.due(now: at(30 * 86_400 - 1), isEnding: true) { told.append(rest) }
        let total: Int64 = told.reduce(0) { $0 + $1.count }
        #expect(total == 216_000)
        #expect(tally.due(now: at(30 * 86_400), isEnding: true) == nil)
    }

    @Test("what the ledger did not take is told with what came since")
    func notTaken() {
        var tally = LossTally()
        tally.add(Loss(count: 2))
        let loss = tally.due(now: at(0))
        #expect(loss == Loss(count: 2))
        if let loss { tally.add(loss) }
        tally.add(Loss(count: 3))
        #expect(tally.due(now: at(3599)) == nil)
        #expect(tally.due(now: at(3600)) == Loss(count: 5))
    }

    @Test("an event says how many, which, and why, as far as it is known")
    func event() {
        #expect(Loss(count: 3).event(.readingsEvicted) == Event(.readingsEvicted, .gateway, ["count": "3"]))
        #expect(
            Loss(count: 1, first: 7, last: 7, reason: "no such meter").event(.readingsRefused)
                == Event(
                    .readingsRefused, .gateway, ["count": "1", "first": "7", "last": "7", "reason": "no such meter"]))
    }
}
