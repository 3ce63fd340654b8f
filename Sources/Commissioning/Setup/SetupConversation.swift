internal import BusSurvey
public import MeterProfiles
internal import Metering

/// The guided setup: asked what comes next, told what happened. A value, so that going back one question is
/// taking the value from before it.
///
/// Its answers are in `plan`, which the shell keeps after every event: a new conversation with that plan asks only
/// what is still open. Every question has a usual answer; `<` goes back, `q` leaves.
public struct SetupConversation: Sendable {
    /// What the box offers.
    public struct Box: Sendable {
        public let identity: BoxIdentity
        public let timeZone: String
        /// Names of ports with what is known of them, in the order in which they are offered.
        public let ports: [String: String]
        public let knowsTimeZone: @Sendable (String) -> Bool

        public init(
            identity: BoxIdentity, timeZone: String, ports: [String: String],
            knowsTimeZone: @escaping @Sendable (String) -> Bool
        ) {
            self.identity = identity
            self.timeZone = timeZone
            self.ports = ports
            self.knowsTimeZone = knowsTimeZone
        }
    }

    /// How far it is; the names are kept in the progress file.
    public enum Stage: String, Hashable, Sendable, CaseIterable {
        case gateway, timeZone, ports, meters, prices, uplink, write, enrol, selfTest, done
    }

    /// Where it is within its stage.
    enum Place: Hashable, Sendable {
        case start
        /// A port was chosen; its wiring is tested, was tested, its devices are searched, were found.
        case testing(port: String)
        case tested(port: String, WiringDiagnosis)
        case ranging(port: String, WiringDiagnosis)
        case scanning(port: String, WiringDiagnosis?, addresses: String)
        case scanned(port: String, [FoundDevice], addresses: String)
        case naming(Int)
        case breaker(Int)
        case alarm
        case opening
        case enrolling(platform: String, code: String)
        case writing
        case switching
        case testingSite
    }

    public internal(set) var plan: SitePlan
    public internal(set) var stage: Stage
    /// What to show before the next step: outcomes and refusals.
    public private(set) var news: [String] = []
    /// Ports that were offered and left out, and those tried in vain.
    public internal(set) var leftOut: Set<String>
    var place = Place.start
    let box: Box
    let profiles: [MeterProfile]
    private var before: [SetupConversation] = []

    private static let mostSteps = 200
    static let mostBuses = 8

    /// - Parameters:
    ///   - plan: what was answered before; nil at the first call.
    ///   - stage: where that ended.
    public init(
        box: Box, profiles: [MeterProfile], plan: SitePlan? = nil, stage: Stage = .gateway, leftOut: Set<String> = []
    ) {
        self.box = box
        self.profiles = profiles
        self.plan = plan ?? SitePlan(gateway: "")
        self.stage = plan == nil ? .gateway : stage
        self.leftOut = leftOut
        if self.stage == .meters { place = .naming(firstUnnamed) }
    }

    /// What comes next.
    public var step: SetupStep {
        if isLeft { return .end(.interrupted) }
        switch place {
        case .testing(let port): return .work(.testWiring(port: port))
        case .scanning(let port, let wiring, let addresses):
            var formats: [SerialFormat] = []
            if case .answers(let serial, _)? = wiring?.verdict { formats = [serial] }
            return .work(.scan(port: port, formats: formats, addresses: addresses))
        case .writing: return .work(.write(plan))
        case .enrolling(let platform, let code): return .work(.enrol(platform: platform, code: code))
        case .testingSite: return .work(.selfTest(switching: switching))
        default: break
        }
        if stage == .done { return .end(.done) }
        return .ask(question)
    }

    private var isLeft = false
    var switching: CircuitID?

    /// Takes what happened; what does not fit changes nothing but the news.
    public mutating func take(_ event: SetupEvent) {
        news = []
        guard case .answer(let text) = event else {
            takeOutcome(event)
            return
        }
        guard case .ask(let question) = step else { return }
        let answer = text.filter { !$0.isWhitespace || $0 == " " }.trimmed
        switch answer {
        case "q": isLeft = true
        case "<": goBack()
        default:
            let snapshot = self
            let words = answer.isEmpty ? question.usual : answer
            if let refusal = takeAnswer(words, to: question.name) {
                self = snapshot
                news = [refusal]
            } else {
                before.append(snapshot)
                if before.count > Self.mostSteps { before.removeFirst() }
            }
        }
    }

    private mutating func goBack() {
        guard let last = before.popLast() else {
            news = ["This is the first question."]
            return
        }
        let rest = before
        self = last
        before = rest
        news = []
    }

    mutating func tell(_ lines: [String]) { news = lines }

    private mutating func takeOutcome(_ event: SetupEvent) {
        switch (place, event) {
        case (.testing(let port), .wiring(let diagnosis)): place = .tested(port: port, diagnosis)
        case (.testing(let port), .failed(let words)):
            news = [words]
            leftOut.insert(port)
            place = .start
        case (.scanning(let port, _, let addresses), .found(let devices)):
            place = .scanned(port: port, devices.understood, addresses: addresses)
            let broken = Set(devices.map(\.unit)).subtracting(devices.understood.map(\.unit))
            if !broken.isEmpty { news = ["At \(broken.count) addresses only broken answers came: test the wiring."] }
        case (.scanning(let port, _, _), .failed(let words)):
            news = [words]
            leftOut.insert(port)
            place = .start
        case (.writing, .written(let lines)):
            news = lines
            (stage, place) = (plan.uplink != nil ? .enrol : .selfTest, .start)
        case (.enrolling, .enrolled(let lines)):
            news = lines
            (stage, place) = (.selfTest, .start)
        case (.testingSite, .tested(let lines)):
            news = lines
            (stage, place) = (.done, .start)
        case (.writing, .failed(let words)), (.testingSite, .failed(let words)), (.enrolling, .failed(let words)):
            news = [words]
            place = .start
        default: break
        }
    }
}

extension String {
    /// Without blanks at its ends.
    var trimmed: String {
        var part = self[...]
        while part.first == " " { part = part.dropFirst() }
        while part.last == " " { part = part.dropLast() }
        return String(part)
    }
}
