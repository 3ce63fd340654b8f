internal import Metering

/// When an answer's last character was on the wire, from the moments at which the UART handed it over.
///
/// A UART with a FIFO tells of eight characters at once, and of fewer only when four characters of
/// silence have passed since the last. Those four are silence already: waiting for 3.5 more after them
/// would double it.
struct DeliveryTrack {
    private let character: Duration
    private var received = 0
    private var lastAt: MonotonicTime?
    /// Before the last burst: how many characters had come, and when.
    private var before: (received: Int, at: MonotonicTime)?
    private var lastBurst = 0
    private var burstBefore = 0

    /// What a FIFO waits for before it hands over fewer than it was asked to, in characters, with what the
    /// machine adds. A later burst was not held back, it was sent later.
    private static let heldBack: ClosedRange<Double> = 3.5...6
    /// What the FIFOs of UARTs hand over at once, or several of them when the machine was busy. A device that
    /// pauses within its answer would hardly do so just there.
    private static let triggers = [8, 14]

    init(character: Duration) { self.character = character }

    mutating func took(_ count: Int, at now: MonotonicTime) {
        if let lastAt { before = (received, lastAt) }
        burstBefore = lastBurst
        lastBurst = count
        received += count
        lastAt = now
    }

    /// The end of the last character, at the latest.
    var endedAt: MonotonicTime? {
        guard let lastAt else { return nil }
        guard let before, Self.triggers.contains(where: { burstBefore.isMultiple(of: $0) }),
            burstBefore > 0, lastBurst < burstBefore
        else { return lastAt }
        let unbroken = before.at + character * lastBurst
        let delay = (lastAt - unbroken) / character
        return Self.heldBack.contains(delay) ? unbroken : lastAt
    }
}
