internal import Metering

/// The silence between two frames, kept by the clock.
struct LineSilence {
    /// The line has been silent for long enough from here on, as far as is known.
    private(set) var endsAt = MonotonicTime.zero
    /// How late this program was of late, when it had to wake at a moment: a busy machine.
    private(set) var lateness = Duration.zero
    /// It always wakes this late at least, and so asks to be woken this much earlier.
    private var leastLateness = Duration.zero
    private var foundAt: MonotonicTime?

    /// How long a request waits for a line that babbles before it is sent all the same.
    private static let longestWait: Duration = .milliseconds(200)
    private static let mostLateness: Duration = .milliseconds(100)
    /// What is given to the clock alone at most, for that takes processor time.
    private static let mostLeastLateness: Duration = .microseconds(150)
    /// A look at the line is good for so long: a small part of the silence at any rate.
    private static let freshness: Duration = .microseconds(200)

    /// What came in while it was waited for.
    struct Heard {
        var strays: [UInt8] = []
        /// Why the port is lost, when it is.
        var lost: String?
    }

    /// Something is on the line, or will be until this and the silence after it.
    mutating func begin(at end: MonotonicTime) {
        endsAt = end
        foundAt = nil
    }

    /// Waits until the line has been silent for 3.5 characters.
    mutating func wait(on line: any BusLine, silence: Duration, into buffer: inout [UInt8]) -> Heard {
        var heard = Heard()
        let start = SerialLine.now()
        if let foundAt, start - foundAt <= Self.freshness { return heard }
        let limit = max(start, endsAt) + Self.longestWait
        var isWaiting = start < endsAt
        while true {
            let wake = endsAt - leastLateness
            switch line.receive(into: &buffer, until: wake) {
            case .silence:
                var now = SerialLine.now()
                // The silence is kept by the clock alone, whatever the wait took itself to be.
                if now < wake { continue }
                if isWaiting { woke(now - wake) }
                while now < endsAt { now = SerialLine.now() }
                foundAt = now
                return heard
            case .lost(let reason):
                heard.lost = reason
                return heard
            case .bytes(let count):
                let now = SerialLine.now()
                if heard.strays.count < buffer.count { heard.strays += buffer[..<count] }
                endsAt = now + silence
                isWaiting = true
                if now >= limit { return heard }
            }
        }
    }

    /// Keeps the worst, and forgets it within some ten transactions; keeps the least, and forgets it slowly.
    private mutating func woke(_ late: Duration) {
        lateness = max(min(late, Self.mostLateness), lateness - lateness / 8)
        if late < leastLateness {
            leastLateness = late
        } else {
            leastLateness = min(leastLateness + (late - leastLateness) / 32, Self.mostLeastLateness)
        }
    }
}
