internal import MeterProfiles
internal import Metering

/// Everything that is asked of one address in one format: first whether anybody is there, then which
/// model it is, then often enough to see whether it is only one.
struct AddressInquiry: Sendable {
    enum Purpose: Hashable, Sendable {
        case presence
        case identification
        /// A read whose answer shows whether a profile can be meant.
        case plausibility(profile: String)
        case repetition
    }

    struct Question: Hashable, Sendable {
        let purpose: Purpose
        let request: ReadRequest
    }

    private(set) var evidence = AddressEvidence()
    private var presence: ArraySlice<ReadRequest>
    private var identifying: ArraySlice<ReadRequest> = []
    private var plausible: ArraySlice<PlausibilitySign> = []
    private let unit: UInt8
    private let profiles: [MeterProfile]
    private var candidates: Set<String>
    private var plausibleProfiles: [String] = []
    private var repetition: ReadRequest?
    /// What a question of identification was answered with the first time.
    private var constant: [UInt16]?
    private var retriesLeft = 2
    private(set) var isThere = false

    init(unit: UInt8, presence: [ReadRequest], profiles: [MeterProfile]) {
        self.unit = unit
        self.presence = presence[...]
        self.profiles = profiles
        candidates = Set(profiles.filter { !$0.identification.isEmpty }.map(\.id))
        identifying = Self.identificationReads(profiles)[...]
        plausible = profiles.flatMap(PlausibilitySign.signs)[...]
    }

    var model: ModelGuess {
        if evidence.answered == 0 { return .unknown }
        if candidates.count == 1, let only = candidates.first { return .identified(only) }
        if !candidates.isEmpty { return .ambiguous(candidates.sorted()) }
        return plausibleProfiles.isEmpty ? .unknown : .plausible(plausibleProfiles)
    }

    /// What is asked next; nil when all is known.
    var question: Question? {
        if !isThere { return presence.first.map { Question(purpose: .presence, request: $0) } }
        let hasSpoken = evidence.answered > 0
        if hasSpoken, let read = identifying.first { return Question(purpose: .identification, request: read) }
        if hasSpoken, candidates.isEmpty, let next = plausible.first {
            return Question(purpose: .plausibility(profile: next.profile), request: next.read)
        }
        guard evidence.asked < AddressEvidence.repetitions, let repetition else { return nil }
        return Question(purpose: .repetition, request: repetition)
    }

    mutating func take(_ outcome: ProbeOutcome, answeredTwice: Bool) {
        guard let question else { return }
        if question.purpose == .presence, outcome == .silence {
            presence.removeFirst()
            return
        }
        isThere = true
        evidence.take(outcome, answeredTwice: answeredTwice)
        if repetition == nil { repetition = question.request }
        switch question.purpose {
        case .presence: break
        case .identification: identify(question.request, outcome)
        case .plausibility(let profile): weigh(profile, outcome)
        case .repetition:
            guard let constant, case .values(let words) = outcome else { return }
            if words != constant { evidence.sawChange() }
        }
    }

    private mutating func identify(_ read: ReadRequest, _ outcome: ProbeOutcome) {
        // What got lost or broken is asked once more before it counts as "no".
        if outcome == .silence || outcome == .broken || outcome == .strange, retriesLeft > 0 {
            retriesLeft -= 1
            return
        }
        identifying.removeFirst()
        for profile in profiles where candidates.contains(profile.id) {
            for rule in profile.identification where rule.read == read {
                guard case .values(rule.equals) = outcome else {
                    candidates.remove(profile.id)
                    break
                }
            }
        }
        if case .values(let words) = outcome, constant == nil {
            (constant, repetition) = (words, read)
        }
        // Questions that can decide nothing any more are not asked.
        identifying =
            identifying.filter { read in
                profiles.contains { candidates.contains($0.id) && $0.identification.contains { $0.read == read } }
            }[...]
    }

    private mutating func weigh(_ profile: String, _ outcome: ProbeOutcome) {
        guard let next = plausible.popFirst(), case .values(let words) = outcome,
            next.isShown(by: words, of: unit)
        else {
            plausible = plausible.filter { $0.profile != profile }[...]
            return
        }
        if !plausible.contains(where: { $0.profile == profile }) { plausibleProfiles.append(profile) }
    }

    private static func identificationReads(_ profiles: [MeterProfile]) -> [ReadRequest] {
        var reads: [ReadRequest] = []
        for read in profiles.flatMap(\.identification).compactMap(\.read) where !reads.contains(read) {
            reads.append(read)
        }
        return reads
    }
}

extension IdentificationRule {
    var read: ReadRequest? { ReadRequest(table: table, address: address, count: equals.count) }
}
