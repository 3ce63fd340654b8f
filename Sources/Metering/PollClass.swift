/// How often a value is wanted.
public enum PollClass: String, Hashable, Sendable, CaseIterable, Comparable {
    case fast, normal, slow

    private var rank: Int {
        switch self {
        case .fast: 0
        case .normal: 1
        case .slow: 2
        }
    }

    /// Fast comes first.
    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}
