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
        let pollsBefore = times.worst == nil ? 1 : MeterHealth.failuresToLose
        return times.probeTimeout(probesInVain: health.failures - pollsBefore)
    }
}
