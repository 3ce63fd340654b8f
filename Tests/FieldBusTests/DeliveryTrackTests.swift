import Metering
import Testing

@testable import FieldBus

@Suite("When an answer's last character was on the wire")
struct DeliveryTrackTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    /// Bursts as (characters, milliseconds after the start), at 1 ms a character.
    @Test(
        "what a FIFO held back is known, what a device sent later is not mistaken for it",
        arguments: [
            ([(9, 9)], 9),
            // Eight at once, the ninth four characters after it was on the wire.
            ([(8, 8), (1, 13)], 9),
            ([(8, 8), (8, 16), (8, 24), (8, 32), (1, 37)], 33),
            // Two interrupts taken together.
            ([(16, 16), (3, 23)], 19),
            // A whole last burst is not held back.
            ([(8, 8), (8, 16)], 16),
            // The device paused, or the machine was busy.
            ([(8, 8), (1, 10)], 10),
            ([(8, 8), (1, 30)], 30),
            // No FIFO delivers like this.
            ([(5, 5), (2, 11)], 11),
        ] as [([(Int, Int64)], Int64)])
    func end(bursts: [(Int, Int64)], expected: Int64) {
        var track = DeliveryTrack(character: .milliseconds(1))
        #expect(track.endedAt == nil)
        for (count, at) in bursts { track.took(count, at: Self.start + .milliseconds(at)) }
        #expect(track.endedAt == Self.start + .milliseconds(expected))
    }
}
