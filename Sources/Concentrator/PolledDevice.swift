internal import MeterProfiles
internal import Metering

/// One request of a plan, with what stands in its answer.
struct PlannedRead {
    let request: ReadRequest
    let registers: [RegisterDefinition]
    let points: [RelayPoint]

    init(_ request: ReadRequest, of profile: MeterProfile) {
        self.request = request
        registers = profile.registers.filter { $0.isFetched(by: request) }
        points = profile.relay?.points.filter { $0.readback.isFetched(by: request) } ?? []
    }
}

/// A device with the requests that fetch it. A reference: between two requests nothing of it is copied.
final class PolledDevice {
    let meter: SiteMeter
    let profile: MeterProfile
    private(set) var plans: [PollClass: ReadPlan] = [:]
    /// What fetches each class, the cheapest request first: should the device be gone, it costs the others least.
    private(set) var reads: [PollClass: [PlannedRead]] = [:]
    /// As little as it takes to know that the device is there.
    private(set) var probe: PlannedRead?
    private(set) var holes: LearnedHoles
    /// The poll of which some requests are still to be sent.
    var underWay: PollUnderWay?
    private let serial: SerialFormat
    /// What the plans are made for, and the mean of late.
    private var plannedTurnaround: Duration
    private var turnaround: Duration?
    /// Refusals in a row of the same read.
    private var refusals: (request: ReadRequest, count: Int)?

    /// One refusal may be a moment's weakness.
    private static let refusalsToLearn = 3
    private static let leastDifference: Duration = .milliseconds(1)
    private static let mostTurnaround: Duration = .seconds(1)

    init(
        _ meter: SiteMeter, profile: MeterProfile, serial: SerialFormat, turnaround: Duration,
        holes: LearnedHoles = LearnedHoles()
    ) {
        self.meter = meter
        self.profile = profile
        self.serial = serial
        self.holes = holes
        plannedTurnaround = turnaround
        plan()
    }

    /// Takes how long the device took. The best split of its registers hangs on it: what is planned anew
    /// is what differs by a quarter, and by more than a millisecond.
    func took(_ time: Duration) {
        let mean = turnaround.map { $0 + (min(time, Self.mostTurnaround) - $0) / 8 } ?? time
        turnaround = mean
        let difference = mean > plannedTurnaround ? mean - plannedTurnaround : plannedTurnaround - mean
        guard difference > max(plannedTurnaround / 4, Self.leastDifference) else { return }
        plannedTurnaround = mean
        plan()
    }

    /// Takes a refusal of a read (exception 2).
    /// - Returns: whether something was learned of it.
    func refused(_ request: ReadRequest) -> Bool {
        let count = refusals.map { $0.request == request ? $0.count + 1 : 1 } ?? 1
        refusals = (request, count)
        guard count >= Self.refusalsToLearn else { return false }
        refusals = nil
        let billed = profile.billing?.channel
        guard holes.learn(refusalOf: request, wanted: profile.registers, needed: billed.map { [$0] } ?? []) else {
            return false
        }
        plan()
        return true
    }

    private func plan() {
        let readbacks = profile.relay?.points.map(\.readback) ?? []
        for pollClass in PollClass.allCases {
            let plan = ReadPlan(
                wanted: profile.registers(upTo: pollClass), readbacks: readbacks, limits: profile.limits,
                serial: serial,
                turnaround: plannedTurnaround, holes: holes)
            plans[pollClass] = plan
            reads[pollClass] = plan.requests.sorted { $0.characters.response < $1.characters.response }
                .map { PlannedRead($0, of: profile) }
        }
        probe = plans.values.flatMap(\.requests).min {
            let (left, right) = ($0.characters.response, $1.characters.response)
            return (left, $0.table.rawValue, $0.address) < (right, $1.table.rawValue, $1.address)
        }
        .map { PlannedRead($0, of: profile) }
    }

    /// What its polls cost the bus.
    func cost(serial: SerialFormat, turnaround: Duration) -> PollCost {
        func duration(_ pollClass: PollClass) -> Duration { plans[pollClass]?.duration ?? .zero }
        let requests = plans.values.flatMap(\.requests).map { $0.duration(serial: serial, turnaround: turnaround) }
        let most = plans.values.map(\.requests.count).max() ?? 0
        return PollCost(
            fast: duration(.fast), normal: duration(.normal), slow: duration(.slow),
            longestRequest: requests.max() ?? .zero, pauses: profile.limits.requestGap * max(0, most - 1))
    }
}
