public import MeterProfiles

/// What a line gave of itself before anything was known about it.
public struct WiringEvidence: Hashable, Sendable {
    /// What came of the questions in one rate and format.
    public struct Trial: Hashable, Sendable {
        public let serial: SerialFormat
        /// Questions sent.
        public var asked = 0
        /// The question came back before anything else: the adapter hands back what it sends.
        public var echoed = 0
        /// Valid frames of the units that were asked, refusals too.
        public var answered = 0
        /// Valid frames that nobody had asked for.
        public var foreign = 0
        /// Bytes of zeros: what a UART makes of a line that lies on the wrong level (a break).
        public var breakBytes = 0
        /// Other bytes that belong to no valid frame.
        public var garbageBytes = 0
        /// Who answered.
        public var units: Set<UInt8> = []

        public init(serial: SerialFormat) { self.serial = serial }
    }

    /// Came in while nobody had asked anything: zeros, and all others.
    public var idleBreakBytes = 0
    public var idleGarbageBytes = 0
    /// Valid frames among them: somebody else asks on this line.
    public var idleFrames = 0
    /// How long nobody asked anything.
    public var listened: Duration = .zero
    public var trials: [Trial] = []

    public init() {}
}

/// What the wiring of a line is like.
public enum WiringVerdict: Hashable, Sendable {
    /// Devices answer, in this format first.
    case answers(SerialFormat, units: Set<UInt8>)
    /// A valid frame came that nobody here asked for.
    case anotherMaster
    /// Only breaks, at every rate: the line rests on the wrong level.
    case probablySwapped
    /// The idle line chatters.
    case noisy
    /// Something answers, but no rate makes sense of it.
    case garbled
    /// Nothing at all came, at any rate.
    case silent

    /// Good enough to look for devices.
    public var isUsable: Bool { if case .answers = self { true } else { false } }
}

/// A verdict, with what it rests on.
public struct WiringDiagnosis: Hashable, Sendable {
    public let verdict: WiringVerdict
    /// The adapter hands back what it sends. Meterkeep copes with it.
    public let echoes: Bool
    private let evidence: WiringEvidence

    /// Bytes on an idle line that a plug in the socket or a lamp makes once.
    private static let strayBytes = 2

    /// Judged in this order; the first that fits counts.
    ///
    /// | evidence | verdict |
    /// | --- | --- |
    /// | valid frames on the idle line, or of units not asked | another master |
    /// | an asked unit answered with a valid frame | answers |
    /// | zeros, and nothing else, whether idle or after questions | probably swapped |
    /// | other bytes on the idle line | noisy |
    /// | bytes only after questions, none valid | garbled |
    /// | nothing | silent |
    ///
    /// A swapped pair turns every bit: devices understand nothing and stay silent, and the line's rest is read as
    /// one long break. A wrong rate brings silence or garbage at that rate, and answers at the right one.
    public init(_ evidence: WiringEvidence) {
        self.evidence = evidence
        let asked = evidence.trials.reduce(0) { $0 + $1.asked }
        let echoed = evidence.trials.reduce(0) { $0 + $1.echoed }
        echoes = asked > 0 && echoed * 2 > asked
        let best = evidence.trials.max { $0.answered < $1.answered }
        let breaks = evidence.idleBreakBytes + evidence.trials.reduce(0) { $0 + $1.breakBytes }
        let garbage = evidence.trials.reduce(0) { $0 + $1.garbageBytes }
        if evidence.idleFrames > 0 || evidence.trials.contains(where: { $0.foreign > 0 }) {
            verdict = .anotherMaster
        } else if let best, best.answered > 0 {
            verdict = .answers(best.serial, units: best.units)
        } else if breaks > Self.strayBytes, breaks > (garbage + evidence.idleGarbageBytes) * 4 {
            verdict = .probablySwapped
        } else if evidence.idleGarbageBytes > Self.strayBytes {
            verdict = .noisy
        } else if garbage + breaks > Self.strayBytes {
            verdict = .garbled
        } else {
            verdict = .silent
        }
    }

    /// One line.
    public var words: String {
        let echo = echoes ? " The adapter echoes; that is taken care of." : ""
        return switch verdict {
        case .answers(let serial, let units):
            "Good: \(units.count == 1 ? "unit" : "units") \(units.sorted().map(String.init).joined(separator: ", ")) "
                + "\(units.count == 1 ? "answers" : "answer") at \(serial.baud) \(serial.formatText)." + echo
        case .anotherMaster: "Somebody else asks on this line." + echo
        case .probablySwapped: "A and B are probably swapped: the line rests on the wrong level." + echo
        case .noisy: "The idle line chatters: \(evidence.idleGarbageBytes) bytes came unasked." + echo
        case .garbled: "Something answers, but at no rate does it make sense." + echo
        case .silent: "Nothing answers." + echo
        }
    }

    /// What to do, the most promising first.
    public var remedies: [String] {
        switch verdict {
        case .answers: []
        case .anotherMaster: ["Disconnect the other master, or its box; one line has one.", "Then test again."]
        case .probablySwapped: ["Swap A and B at this box.", "Then test again."]
        case .noisy:
            [
                "Put 120 ohm across A and B at both ends of the line, nowhere else.",
                "Connect the third wire (ground), the screen at one end.",
                "Keep away from motor cables.",
            ]
        case .garbled:
            [
                "Leave one meter on the line, test again.",
                "Check 120 ohm at both ends.",
                "Check its rate on its display; it may be an unusual one.",
            ]
        case .silent:
            [
                "Are the meters powered, is the plug in?",
                "Swap A and B at this box.",
                "Measure: A to B rests at +0.2 to +2 V.",
                "Addresses may be above those tried: scan.",
            ]
        }
    }
}
