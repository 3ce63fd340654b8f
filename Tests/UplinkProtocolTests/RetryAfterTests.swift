import Metering
import Testing
import UplinkProtocol

@Suite("Retry-After")
struct RetryAfterTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let text: String
        let pause: Duration?
        var testDescription: String { text.isEmpty ? "nothing" : text }
    }

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    private static let moment = WallTime(millisecondsSince1970: 784_111_777_000)

    @Test(
        "in both forms, and what is neither",
        arguments: [
            Sample(text: "0", pause: .zero), Sample(text: "120", pause: .seconds(120)),
            Sample(text: "99999999999", pause: .seconds(1_000_000_000)),
            Sample(text: "Sun, 06 Nov 1994 08:50:07 GMT", pause: .seconds(30)),
            Sample(text: "Mon, 07 Nov 1994 08:49:37 GMT", pause: .seconds(86_400)),
            // Now, and the day before.
            Sample(text: "Sun, 06 Nov 1994 08:49:37 GMT", pause: .zero),
            Sample(text: "Sat, 05 Nov 1994 08:49:37 GMT", pause: .zero),
            Sample(text: "-1", pause: nil), Sample(text: "1.5", pause: nil), Sample(text: "", pause: nil),
            Sample(text: "soon", pause: nil), Sample(text: "Sun, 06 Nov 1994 25:00:00 GMT", pause: nil),
            Sample(text: "Wed, 31 Nov 1994 08:49:37 GMT", pause: nil),
            Sample(text: "Sunday, 06-Nov-94 08:49:37 GMT", pause: nil),
        ])
    func pauses(sample: Sample) {
        #expect(RetryAfter.pause(sample.text, now: Self.moment) == sample.pause)
    }
}
