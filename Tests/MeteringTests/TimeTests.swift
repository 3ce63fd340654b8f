import Metering
import Testing

private let thisBoot = BootID(rawValue: "b1")
private let earlierBoot = BootID(rawValue: "b0")

private func stamp(_ boot: BootID, _ monotonicSeconds: Int64, _ wallSeconds: Int64, _ trust: ClockTrust) -> Timestamp {
    Timestamp(
        boot: boot, monotonic: MonotonicTime(nanoseconds: monotonicSeconds * 1_000_000_000),
        wall: WallTime(millisecondsSince1970: wallSeconds * 1000), trust: trust)
}

@Suite("Time that has passed")
struct TimeTests {
    @Test("within one boot the monotonic clock counts, whatever the wall clock does")
    func sameBoot() {
        let before = stamp(thisBoot, 100, 5_000, .trusted)
        let after = stamp(thisBoot, 160, 1_000, .untrusted)
        #expect(after.elapsed(since: before) == .seconds(60))
    }

    @Test("over a reboot the wall clock counts, if both ends trust it")
    func acrossBoots() {
        let before = stamp(earlierBoot, 9_000, 5_000, .trusted)
        #expect(stamp(thisBoot, 10, 5_090, .holdover).elapsed(since: before) == .seconds(90))
        #expect(stamp(thisBoot, 10, 5_090, .untrusted).elapsed(since: before) == nil)
        #expect(stamp(thisBoot, 10, 4_000, .trusted).elapsed(since: before) == nil)
    }

    @Test("identifiers are short and plain")
    func identifiers() {
        #expect(MeterID(rawValue: "room-3.14_B")?.rawValue == "room-3.14_B")
        for bad in ["", "a b", "../x", "é", String(repeating: "a", count: 41)] {
            #expect(MeterID(rawValue: bad) == nil)
        }
    }

    @Test("every channel's name reads back as itself")
    func channelNames() {
        for quantity in Quantity.allCases {
            for phase in Phase.allCases {
                #expect(Channel(name: Channel(quantity, phase).name) == Channel(quantity, phase))
            }
        }
        #expect(Channel(name: "voltage_l4") == nil)
    }
}
