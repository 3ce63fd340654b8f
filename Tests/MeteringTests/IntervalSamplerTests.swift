import Metering
import Testing

@Suite("One reading an interval")
struct IntervalSamplerTests {
    private let meter: MeterID
    private let other: MeterID
    private var sampler = IntervalSampler(interval: .seconds(300))

    init() throws {
        meter = try #require(MeterID(rawValue: "M-1"))
        other = try #require(MeterID(rawValue: "M-2"))
    }

    private func at(_ seconds: Int64, trust: ClockTrust = .trusted) -> Timestamp {
        Timestamp(
            boot: BootID(rawValue: "b"), monotonic: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
            wall: WallTime(millisecondsSince1970: seconds * 1000), trust: trust)
    }

    private func poll(_ seconds: Int64, _ values: [Channel: Int64], trust: ClockTrust = .trusted) -> Reading {
        Reading(meter: meter, at: at(seconds, trust: trust), values: values)
    }

    @Test("the first poll of an interval is kept, with what else was read since the one before")
    mutating func keepsFirst() {
        let power = Channel(.activePower)
        let energy = Channel(.energyImport)
        #expect(sampler.take(poll(10, [power: 1]))?.values == [power: 1])
        #expect(sampler.take(poll(20, [power: 2, energy: 5])) == nil)
        #expect(sampler.take(poll(299, [power: 3])) == nil)
        let kept = sampler.take(poll(300, [power: 4]))
        #expect(kept?.values == [power: 4, energy: 5])
        #expect(kept?.at == at(300))
        #expect(sampler.take(poll(601, [power: 6]))?.values == [power: 6])
    }

    @Test("a wall clock that cannot be believed changes no interval")
    mutating func untrusted() {
        let energy = Channel(.energyImport)
        #expect(sampler.take(poll(10, [energy: 1], trust: .untrusted)) != nil)
        #expect(sampler.take(poll(20, [energy: 2], trust: .untrusted)) == nil)
        #expect(sampler.take(poll(320, [energy: 3], trust: .untrusted)) != nil)
    }

    @Test("what was due and not obtained counts, of a meter that never answered too")
    mutating func collection() {
        sampler.follow([meter, other], at: at(0))
        #expect(sampler.collected(at: at(10)).perMille == nil)
        for second in [Int64](arrayLiteral: 10, 310, 610, 1210) {
            _ = sampler.take(poll(second, [Channel(.energyImport): second]))
        }
        // The intervals from 0, 300, 600, 900, 1200; that from 1500 runs still.
        let collection = sampler.collected(at: at(1510))
        #expect(collection == IntervalSampler.Collection(due: 10, obtained: 4))
        #expect(collection.perMille == 400)
        sampler.restart(at: at(1510))
        #expect(sampler.collected(at: at(1510)).due == 0)
        _ = sampler.take(poll(1520, [Channel(.energyImport): 9]))
        #expect(sampler.collected(at: at(1810)) == IntervalSampler.Collection(due: 2, obtained: 1))
        sampler.follow([meter], at: at(1810))
        #expect(sampler.collected(at: at(2110)) == IntervalSampler.Collection(due: 2, obtained: 1))
    }
}
