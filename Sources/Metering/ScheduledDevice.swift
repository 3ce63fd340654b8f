/// One device in the poll schedule of its bus.
struct ScheduledDevice: Sendable {
    /// When each class is due.
    struct Deadlines: Sendable {
        var fast: MonotonicTime
        var normal: MonotonicTime
        var slow: MonotonicTime

        subscript(pollClass: PollClass) -> MonotonicTime {
            get {
                switch pollClass {
                case .fast: fast
                case .normal: normal
                case .slow: slow
                }
            }
            set {
                switch pollClass {
                case .fast: fast = newValue
                case .normal: normal = newValue
                case .slow: slow = newValue
                }
            }
        }
    }

    let meter: MeterID
    let requestGap: Duration
    var due: Deadlines
    var isFast = false
    var health = MeterHealth()
    var times: AnswerTimes
    /// The device's own pause is over.
    var freeAt: MonotonicTime
    /// Probes in vain; one that is due to wait longer and did not does not count.
    var probesInVain = 0
    /// The next probe waits longer, where one is due to.
    var isPatient = false
    /// To be asked once outside of the share of the lost: it may well be back.
    var isHoped = false

    init(meter: MeterID, requestGap: Duration, responseTimeout: Duration, now: MonotonicTime) {
        self.meter = meter
        self.requestGap = requestGap
        due = Deadlines(fast: now, normal: now, slow: now)
        times = AnswerTimes(longest: responseTimeout)
        freeAt = now
    }

    /// It failed the last time it was asked.
    var isDoubtful: Bool { health.failures > 0 }

    /// Lost, or never heard of: only a probe is worth its time.
    var isProbed: Bool { health.isLost || isDoubtful && times.worst == nil }

    var askableFrom: MonotonicTime { health.notBefore.map { max($0, freeAt) } ?? freeAt }

    var timeout: Duration {
        guard isProbed else { return times.timeout(failures: health.failures) }
        return isPatient ? patientTimeout ?? times.probeTimeout : times.probeTimeout
    }

    private var patientTimeout: Duration? { times.patientProbeTimeout(probesInVain: probesInVain) }

    /// What a longer wait that is due costs beyond a usual one; nil where none is due.
    var priceOfPatience: Duration? {
        guard isProbed else { return nil }
        return patientTimeout.map { max(.zero, $0 - times.probeTimeout) }
    }

    /// A probe was in vain.
    mutating func probed() {
        if isPatient || patientTimeout == nil { probesInVain += 1 }
        isPatient = false
    }

    mutating func answered() {
        probesInVain = 0
        isPatient = false
    }
}
