internal import BusSurvey
internal import FieldBus
internal import MeterProfiles
internal import Metering
internal import Prepaid

/// One poll of a device, request by request.
struct PollUnderWay {
    let step: PollSchedule.Step
    /// What it cost the bus so far.
    private(set) var took: Duration = .zero
    /// The slowest answer so far.
    private(set) var turnaround: Duration?
    private let reads: [PlannedRead]
    private var answered = 0
    private var values: [(channel: Channel, value: Int64)] = []
    private var positions: [Int: BreakerPosition] = [:]
    private var hasWords = false
    private var areAllZeros = true
    private var areAllOnes = true

    init(_ step: PollSchedule.Step, of device: PolledDevice) {
        self.step = step
        switch step {
        case .poll(_, let pollClass): reads = device.reads[pollClass] ?? []
        case .probe: reads = device.probe.map { [$0] } ?? []
        case .idle: reads = []
        }
    }

    var isComplete: Bool { answered >= reads.count }

    /// What is asked next; nil when it is complete.
    var nextRead: PlannedRead? { isComplete ? nil : reads[answered] }

    var purpose: BusPurpose {
        switch step {
        case .poll(_, .fast): .fast
        case .poll(_, .slow): .slow
        case .probe: .probe
        case .poll, .idle: .normal
        }
    }

    /// - Parameter silence: what the line is not free for after it.
    mutating func account(for transaction: BusTransaction, silence: Duration) {
        took += transaction.duration + silence
        if let answered = transaction.turnaround { turnaround = max(turnaround ?? .zero, answered) }
    }

    /// Takes the answer to `nextRead`.
    mutating func take(_ words: [UInt16], of read: PlannedRead) {
        answered += 1
        if read.request.table == .holding || read.request.table == .input {
            hasWords = true
            areAllZeros = areAllZeros && words.allSatisfy { $0 == 0 }
            areAllOnes = areAllOnes && words.allSatisfy { $0 == 0xFFFF }
        }
        for register in read.registers {
            if let value = register.value(of: read.request, words) { values.append((register.channel, value)) }
        }
        for point in read.points {
            if let isClosed = point.readback.isClosed(in: read.request, words) {
                positions[point.point] = isClosed ? .closed : .open
            }
        }
    }

    /// A meter that has just powered up answers with zeros, a broken one with ones: no reading, and no
    /// positions that hang on the same registers.
    func outcome(of meter: MeterID, at now: Timestamp) -> BusReport {
        if hasWords, areAllZeros || areAllOnes { return .failed(meter, .notAReading, at: now) }
        let values = Dictionary(values.map { ($0.channel, $0.value) }) { _, last in last }
        return .answered(meter, values: values.isEmpty ? nil : values, positions: positions, at: now)
    }
}
