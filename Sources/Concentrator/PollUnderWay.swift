internal import BusSurvey
internal import FieldBus
internal import MeterProfiles
internal import Metering
internal import Prepaid

/// A device with the requests that fetch it.
struct PolledDevice {
    let meter: SiteMeter
    let profile: MeterProfile
    private(set) var plans: [PollClass: ReadPlan] = [:]
    private(set) var holes: LearnedHoles
    private let serial: SerialFormat
    /// What the plans are made for, and the mean of late.
    private var plannedTurnaround: Duration
    private var turnaround: Duration?
    /// Refusals in a row of the same read.
    private var refusals: (request: ReadRequest, count: Int)?

    /// One refusal may be a moment's weakness.
    private static let refusalsToLearn = 3

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
    mutating func took(_ time: Duration) {
        let mean = turnaround.map { $0 + (min(time, .seconds(1)) - $0) / 8 } ?? time
        turnaround = mean
        let difference = mean > plannedTurnaround ? mean - plannedTurnaround : plannedTurnaround - mean
        guard difference > max(plannedTurnaround / 4, .milliseconds(1)) else { return }
        plannedTurnaround = mean
        plan()
    }

    /// Takes a refusal of a read (exception 2).
    /// - Returns: whether something was learned of it.
    mutating func refused(_ request: ReadRequest) -> Bool {
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

    private mutating func plan() {
        let readbacks = profile.relay?.points.map(\.readback) ?? []
        var plans: [PollClass: ReadPlan] = [:]
        for pollClass in PollClass.allCases {
            // What is billed is read with every class: a balance near its limit hangs on it.
            let wanted = profile.registers.filter {
                $0.pollClass <= pollClass || $0.channel == profile.billing?.channel
            }
            plans[pollClass] = ReadPlan(
                wanted: wanted, readbacks: readbacks, limits: profile.limits, serial: serial,
                turnaround: plannedTurnaround, holes: holes)
        }
        self.plans = plans
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

    /// As little as it takes to know that the device is there.
    var probe: ReadRequest? {
        plans.values.flatMap(\.requests).min {
            let (left, right) = ($0.characters.response, $1.characters.response)
            return (left, $0.table.rawValue, $0.address) < (right, $1.table.rawValue, $1.address)
        }
    }
}

/// One poll of a device, request by request.
struct PollUnderWay {
    let step: PollSchedule.Step
    /// What it cost the bus so far.
    private(set) var took: Duration = .zero
    /// The slowest answer so far.
    private(set) var turnaround: Duration?
    private var requests: ArraySlice<ReadRequest>
    private var values: [Channel: Int64] = [:]
    private var positions: [Int: BreakerPosition] = [:]
    private var hasWords = false
    private var areAllZeros = true
    private var areAllOnes = true

    init(_ step: PollSchedule.Step, of device: PolledDevice) {
        self.step = step
        switch step {
        case .poll(_, let pollClass):
            // The cheapest first: should the device be gone, it costs the others least.
            let planned = device.plans[pollClass]?.requests ?? []
            requests = planned.sorted { $0.characters.response < $1.characters.response }[...]
        case .probe: requests = device.probe.map { [$0] } ?? []
        case .idle: requests = []
        }
    }

    var isComplete: Bool { requests.isEmpty }

    var purpose: BusPurpose {
        switch step {
        case .poll(_, .fast): .fast
        case .poll(_, .slow): .slow
        case .probe: .probe
        case .poll, .idle: .normal
        }
    }

    mutating func nextRequest() -> ReadRequest? { requests.popFirst() }

    /// - Parameter silence: what the line is not free for after it.
    mutating func account(for transaction: BusTransaction, silence: Duration) {
        took += transaction.duration + silence
        if let answered = transaction.turnaround { turnaround = max(turnaround ?? .zero, answered) }
    }

    mutating func take(_ words: [UInt16], of request: ReadRequest, profile: MeterProfile) {
        if request.table == .holding || request.table == .input {
            hasWords = true
            areAllZeros = areAllZeros && words.allSatisfy { $0 == 0 }
            areAllOnes = areAllOnes && words.allSatisfy { $0 == 0xFFFF }
        }
        for (register, value) in profile.decode(request, words) { values[register.channel] = value }
        for (point, isClosed) in profile.relay?.positions(request, words) ?? [] {
            positions[point] = isClosed ? .closed : .open
        }
    }

    /// A meter that has just powered up answers with zeros, a broken one with ones: no reading, and no
    /// positions that hang on the same registers.
    func outcome(of meter: MeterID, at now: Timestamp) -> BusReport {
        if hasWords, areAllZeros || areAllOnes { return .failed(meter, .notAReading, at: now) }
        return .answered(meter, values: values.isEmpty ? nil : values, positions: positions, at: now)
    }
}
