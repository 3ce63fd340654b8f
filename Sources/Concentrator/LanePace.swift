/// How fast one kind of messages goes to a broker that may refuse them.
struct LanePace: Hashable, Sendable {
    /// Before the next attempt, where the last one was refused.
    private(set) var pause: Duration = Self.firstPause
    private(set) var isRefused = false

    static let firstPause: Duration = .seconds(1)
    static let longestPause: Duration = .seconds(60)
    private static let mostAtOnce = 100

    /// Messages that go together. After a refusal one tries the way: the others would come again each time.
    var groupSize: Int { isRefused ? 1 : Self.mostAtOnce }

    mutating func taken() { self = LanePace() }

    /// - Returns: how long to wait.
    mutating func refused() -> Duration {
        defer {
            isRefused = true
            pause = min(pause * 2, Self.longestPause)
        }
        return pause
    }
}
