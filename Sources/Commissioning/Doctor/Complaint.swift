/// Something that is wrong: where, what, and what to do about it.
public struct Complaint: Hashable, Sendable {
    /// How sure it is that this is the cause and no consequence of another. In the order in which complaints
    /// are shown.
    public enum Likelihood: Int, Hashable, Sendable, CaseIterable, Comparable {
        /// It was seen itself, and nothing works before it is mended.
        case certain
        /// What was seen has hardly another cause.
        case likely
        /// One of several causes.
        case possible
        /// Nothing is broken; somebody should know or decide.
        case notice

        public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

        public var word: String {
            switch self {
            case .certain: "certain"
            case .likely: "likely"
            case .possible: "possible"
            case .notice: "notice"
            }
        }
    }

    public let likelihood: Likelihood
    /// A file, a port, a bus, a meter.
    public let place: String
    public let what: String
    /// What to do, the most promising first.
    public let remedies: [String]

    public init(_ likelihood: Likelihood, _ place: String, _ what: String, _ remedies: [String]) {
        self.likelihood = likelihood
        self.place = place
        self.what = what
        self.remedies = remedies
    }
}

/// What is wrong with a box, in order of likelihood.
public struct Diagnosis: Hashable, Sendable {
    public let complaints: [Complaint]

    /// More than this from one bus or of one kind help nobody.
    static let mostOfAKind = 8

    /// The rules, causes before their consequences; within one likelihood this is the order.
    private static let rules: [@Sendable (Findings) -> [Complaint]] = [
        configurationComplaints, dataComplaints, clockComplaints, portComplaints, daemonComplaints, moneyComplaints,
        telemetryComplaints, certificateComplaints, uplinkComplaints, brokerComplaints, busComplaints,
        circuitComplaints, keepsakeComplaints,
    ]

    public init(_ findings: Findings) {
        let found = Self.rules.flatMap { $0(findings) }
        complaints = Complaint.Likelihood.allCases.flatMap { likelihood in
            found.filter { $0.likelihood == likelihood }
        }
    }

    /// Nothing is broken.
    public var isSound: Bool { complaints.allSatisfy { $0.likelihood == .notice } }
}
