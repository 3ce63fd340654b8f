import Metering
import Prepaid
import Testing

@Suite("Events that repeat")
struct EventCoalescerTests {
    private final class Box {
        var coalescer = EventCoalescer()
        func take(_ event: Event, now: MonotonicTime) -> Bool { coalescer.take(event, now: now) }
        func due(now: MonotonicTime) -> [Event] { coalescer.due(now: now) }
    }

    private func seconds(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test("are told once and counted, each code and subject for itself")
    func counted() throws {
        let coalescer = Box()
        let one = try #require(MeterID(rawValue: "M-1"))
        let other = try #require(MeterID(rawValue: "M-2"))
        #expect(coalescer.take(Event(.meterLost, .meter(one), ["reason": "timeout"]), now: seconds(0)))
        #expect(coalescer.take(Event(.meterFound, .meter(one)), now: seconds(1)))
        #expect(coalescer.take(Event(.meterLost, .meter(other)), now: seconds(1)))
        for second in 2..<300 as Range<Int64> {
            #expect(!coalescer.take(Event(.meterLost, .meter(one), ["reason": "bad_frame"]), now: seconds(second)))
        }
        #expect(coalescer.due(now: seconds(599)).isEmpty)
        #expect(
            coalescer.due(now: seconds(601)) == [
                Event(.meterLost, .meter(one), ["reason": "bad_frame", "repeated": "298"])
            ])
        #expect(coalescer.due(now: seconds(602)).isEmpty)
        #expect(coalescer.take(Event(.meterLost, .meter(one)), now: seconds(603)), "a new run is told at once")
    }

    @Test("are bounded: what finds no room is told as it comes")
    func bounded() throws {
        let coalescer = Box()
        for number in 0..<EventCoalescer.mostRuns {
            let meter = try #require(MeterID(rawValue: "M-\(number)"))
            _ = coalescer.take(Event(.meterLost, .meter(meter)), now: seconds(0))
        }
        for _ in 0..<3 { #expect(coalescer.take(Event(.busLost, .gateway), now: seconds(1))) }
    }
}
