import BusSurvey
import Metering
import Testing

private func moment(_ milliseconds: Int64) -> MonotonicTime { .zero + .milliseconds(milliseconds) }

private func use(
    _ purpose: BusPurpose, unit: UInt8 = 1, from: Int64, to: Int64, turnaround: Int64? = 10,
    failure: NoDataReason? = nil
) -> BusUse {
    BusUse(
        purpose: purpose, unit: unit, failure: failure, sentAt: moment(from), endedAt: moment(to),
        turnaround: turnaround.map { .milliseconds($0) }, sending: .milliseconds(8), silence: .milliseconds(4))
}

@Suite("What a bus did")
struct BusTallyTests {
    @Test("every moment of a transaction goes to one phase")
    func phases() {
        var tally = BusTally(now: .zero)
        tally.take(use(.normal, from: 0, to: 60))
        #expect(tally.busyByPhase[.sending] == .milliseconds(8))
        #expect(tally.busyByPhase[.turnaround] == .milliseconds(10))
        #expect(tally.busyByPhase[.receiving] == .milliseconds(42))
        #expect(tally.busyByPhase[.silence] == .milliseconds(4))
        tally.take(use(.probe, from: 100, to: 180, turnaround: nil, failure: .timeout))
        #expect(tally.busyByPhase[.vain] == .milliseconds(72))
        #expect(tally.busyByPhase.total == tally.busyByPurpose.all.map(\.value).reduce(Duration.zero, +))
    }

    @Test("the load is that of the time asked for, by purpose, and never more than all")
    func load() {
        var tally = BusTally(now: .zero)
        for second in 0..<20 as Range<Int64> {
            tally.take(use(.normal, from: second * 1000 + 100, to: second * 1000 + 346))
            if second >= 10 { tally.take(use(.fast, from: second * 1000 + 400, to: second * 1000 + 646)) }
        }
        let short = tally.load(over: .seconds(10), at: moment(20_000))
        #expect((220...250).contains(short[.normal] ?? 0), "\(short)")
        #expect((220...250).contains(short[.fast] ?? 0), "\(short)")
        let long = tally.load(over: .seconds(60), at: moment(20_000))
        #expect(long == [.normal: 250, .fast: 125])
        #expect(tally.rateTenths(over: .seconds(60), at: moment(20_000)) == 15)
        var full = BusTally(now: .zero)
        full.take(use(.scan, from: 0, to: 5000))
        #expect(full.load(over: .seconds(10), at: moment(5000)) == [.scan: 1000])
    }

    @Test("what is older than a minute is forgotten by the load, not by the sums")
    func forgets() {
        var tally = BusTally(now: .zero)
        for second in 0..<10_000 as Range<Int64> {
            tally.take(use(.normal, from: second * 1000, to: second * 1000 + 96))
        }
        #expect(tally.load(over: .seconds(60), at: moment(10_100_000)) == [:])
        #expect(tally.transactions[.normal] == 10_000)
    }

    @Test("response times and failures are kept by unit, a scan's addresses are not")
    func units() throws {
        var tally = BusTally(now: .zero)
        for number in 0..<100 as Range<Int64> {
            tally.take(
                use(.normal, unit: 5, from: number * 100, to: number * 100 + 60, turnaround: number < 90 ? 7 : 40))
        }
        tally.take(use(.normal, unit: 5, from: 20_000, to: 20_060, turnaround: nil, failure: .timeout))
        tally.take(use(.scan, unit: 77, from: 20_100, to: 20_160, turnaround: nil, failure: .timeout))
        let unit = try #require(tally.units[5])
        #expect(tally.units[77] == nil)
        #expect(unit.transactions == 101)
        #expect(unit.failures == [.timeout: 1])
        #expect(unit.lastAnswerAt == moment(9960))
        let median = try #require(unit.responseTimes.quantile(perMille: 500))
        #expect(median >= .milliseconds(7) && median <= .milliseconds(9))
        #expect(unit.responseTimes.quantile(perMille: 990) == .milliseconds(40))
        #expect(unit.responseTimes.longest == .milliseconds(40))
        #expect(ResponseTimes().quantile(perMille: 500) == nil)
        tally.keep([6])
        #expect(tally.units.isEmpty)
    }
}
