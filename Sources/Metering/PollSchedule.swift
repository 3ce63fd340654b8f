/// Which device of one bus is asked next. A value: the time is an argument, nothing is waited for here.
///
/// The order: fast class, then what the share of the doubtful allows, then all else by its deadline.
/// Whatever is late by more than its period gets every second turn from the fast class.
public struct PollSchedule: Sendable {
    /// What to do now.
    public enum Step: Hashable, Sendable {
        /// Read everything of this class and of the faster ones.
        case poll(MeterID, PollClass)
        /// Ask a lost device for as little as it takes to know that it is back.
        case probe(MeterID)
        /// Nothing is due before this.
        case idle(until: MonotonicTime)
    }

    /// How often each class is wanted.
    public struct Periods: Hashable, Sendable {
        public let fast: Duration
        public let normal: Duration
        public let slow: Duration

        public init(fast: Duration, normal: Duration, slow: Duration) {
            self.fast = fast
            self.normal = normal
            self.slow = slow
        }

        subscript(pollClass: PollClass) -> Duration {
            switch pollClass {
            case .fast: fast
            case .normal: normal
            case .slow: slow
            }
        }
    }

    public enum HealthChange: Hashable, Sendable { case lost, found }

    /// The share of bus time that lost devices may take, in percent, however many they are.
    public static let lostSharePercent = 4
    /// What of that share may be saved up: the longest stall that the lost make for the others, where
    /// one probe is not longer.
    public static let largestLostAllowance: Duration = .milliseconds(150)
    /// What of that share may go to probes that wait longer than usual, in thousandths of all time: what the
    /// usual probes of so many lost devices leave of it, for these must not wait for one that waits longer.
    public static func patienceSharePerMille(lost: Int) -> Int { max(4, lostSharePercent * 10 - 5 * lost) }
    /// How long before a boundary every device is read once more.
    public static let boundaryLead: Duration = .seconds(60)

    private var periods: Periods
    private var entries: [ScheduledDevice] = []
    private var indices: [MeterID: Int] = [:]
    private var lostAllowance: Duration = Self.largestLostAllowance
    private var allowanceSince: MonotonicTime?
    /// The last longer wait is paid for until this, with so much of all time; no other probe waits longer before.
    private var patience: (paidAt: MonotonicTime, perMille: Int) = (.zero, 0)
    private var boundary: (at: MonotonicTime, pollClass: PollClass)?
    /// What the last step was: two of the fast class, or two probes, do not follow each other while
    /// others wait too long.
    private var lastWasFast = false
    private var lastWasDoubtful = false

    public init(periods: Periods) { self.periods = periods }

    public var meters: [MeterID] { entries.map(\.meter) }

    /// Other periods from now on; what is due later than they allow is due sooner.
    public mutating func set(periods new: Periods, now: MonotonicTime) {
        periods = new
        for index in entries.indices {
            for pollClass in PollClass.allCases {
                entries[index].due[pollClass] = min(entries[index].due[pollClass], now + new[pollClass])
            }
        }
    }

    /// Adds a device; it is due at once.
    /// - Parameters:
    ///   - requestGap: the pause that the model needs between two requests.
    ///   - responseTimeout: how long the model may take to start its answer.
    public mutating func add(
        _ meter: MeterID, requestGap: Duration, responseTimeout: Duration = .seconds(1), now: MonotonicTime
    ) {
        guard indices[meter] == nil else { return }
        indices[meter] = entries.count
        entries.append(
            ScheduledDevice(meter: meter, requestGap: requestGap, responseTimeout: responseTimeout, now: now))
    }

    public mutating func remove(_ meter: MeterID) {
        guard indices[meter] != nil else { return }
        entries.removeAll { $0.meter == meter }
        indices = Dictionary(uniqueKeysWithValues: entries.indices.map { (entries[$0].meter, $0) })
    }

    /// The devices whose fast class is wanted now: those with fast rules, or near their credit limit.
    public mutating func setFast(_ meters: Set<MeterID>) {
        for index in entries.indices { entries[index].isFast = meters.contains(entries[index].meter) }
    }

    /// Has everything of a class read within the minute before a moment, and again right after it: a
    /// tariff or freeze boundary is split between two readings that are close to it.
    public mutating func readClose(to moment: MonotonicTime, _ pollClass: PollClass) {
        if let boundary, boundary == (moment, pollClass) { return }
        boundary = (moment, pollClass)
        let before = moment + (.zero - Self.boundaryLead)
        for index in entries.indices {
            entries[index].due[pollClass] = min(entries[index].due[pollClass], before)
        }
    }

    /// Has everything of some devices read as soon as the fast class allows.
    public mutating func readNow(_ meters: Set<MeterID>, at now: MonotonicTime) {
        for index in meters.compactMap({ indices[$0] }) {
            for pollClass in PollClass.allCases {
                entries[index].due[pollClass] = min(entries[index].due[pollClass], now)
            }
        }
    }

    public func health(of meter: MeterID) -> MeterHealth? { indices[meter].map { entries[$0].health } }

    /// How long the answers to this step's requests are waited for.
    public func timeout(for step: Step) -> Duration {
        switch step {
        case .poll(let meter, _), .probe(let meter): indices[meter].map { entries[$0].timeout } ?? AnswerTimes.first
        case .idle: .zero
        }
    }

    /// The step for this moment.
    public mutating func next(at now: MonotonicTime) -> Step {
        saveAllowance(until: now)
        if let boundary, now >= boundary.at { self.boundary = nil }
        let view = survey(at: now)
        let isStarving = view.regular.map { now - $0.due > periods.normal } ?? false
        if let fast = view.fast, !(lastWasFast && isStarving) {
            lastWasFast = true
            return .poll(entries[fast.index].meter, .fast)
        }
        lastWasFast = false
        if let doubtful = doubtfulTurn(view) {
            lastWasDoubtful = true
            grantPatience(to: doubtful.index, at: now)
            return step(for: doubtful.index, at: now)
        }
        lastWasDoubtful = false
        if let regular = view.regular { return step(for: regular.index, at: now) }
        guard let lost = view.lost else { return .idle(until: view.wake ?? now + periods.fast) }
        let lack = price(of: lost.index) - lostAllowance
        let affordable = now + max(lack, .milliseconds(1)) * (100 / Self.lostSharePercent)
        return .idle(until: view.wake.map { min($0, affordable) } ?? affordable)
    }

    /// Notes that one request of a poll was answered and others of it follow: the model's pause is kept
    /// between them, and the poll stays due.
    public mutating func pause(_ meter: MeterID, at now: MonotonicTime) {
        guard let index = indices[meter] else { return }
        entries[index].freeAt = now + entries[index].requestGap
    }

    /// Notes what came of a step. Not to be called for what a lost port did: see `busReturned`.
    /// - Parameters:
    ///   - took: the bus time it cost, from the first byte of the first request on.
    ///   - turnaround: the slowest of its answers, from the request's end to the answer's start.
    /// - Returns: whether the device was lost or found with it.
    public mutating func record(
        _ step: Step, answered: Bool, took: Duration, turnaround: Duration? = nil, at now: MonotonicTime
    ) -> HealthChange? {
        let meter: MeterID
        var pollClass: PollClass?
        switch step {
        case .poll(let polled, let which): (meter, pollClass) = (polled, which)
        case .probe(let probed): meter = probed
        case .idle: return nil
        }
        guard let index = indices[meter] else { return nil }
        entries[index].freeAt = now + entries[index].requestGap
        guard answered else {
            if entries[index].isDoubtful, !entries[index].isHoped, hasLiving {
                let patience = entries[index].isPatient ? entries[index].priceOfPatience ?? .zero : .zero
                lostAllowance -= max(.zero, took - patience)
            }
            entries[index].isHoped = false
            if pollClass == nil { entries[index].probed() }
            return entries[index].health.failed(at: now) ? .lost : nil
        }
        let wasSilent = !hasLiving
        let isFound = entries[index].health.succeeded()
        entries[index].answered()
        entries[index].isHoped = false
        if let turnaround {
            entries[index].times.answered(after: turnaround)
        } else if took > .zero {
            entries[index].times.answered(after: min(took, entries[index].timeout))
        }
        if let pollClass {
            for which in PollClass.allCases where which <= pollClass {
                entries[index].due[which] = nextDue(which, after: now)
            }
        } else {
            // It is back: before all that merely wait.
            for which in PollClass.allCases { entries[index].due[which] = .zero }
        }
        if wasSilent { hopeForOthers(than: index) }
        return isFound ? .found : nil
    }

    /// A device was heard after it was given up: it is slower than was thought, not gone.
    public mutating func heardLate(_ meter: MeterID, after turnaround: Duration) {
        guard let index = indices[meter] else { return }
        entries[index].times.answered(after: turnaround)
        guard entries[index].isDoubtful else { return }
        entries[index].isHoped = true
        entries[index].health.hoped()
    }

    /// The port was opened again: every device is asked at once.
    public mutating func busReturned() { hopeForOthers(than: nil) }
}

// MARK: - The choice

extension PollSchedule {
    private struct Candidate {
        let index: Int
        let due: MonotonicTime
    }

    private struct View {
        var fast: Candidate?
        var regular: Candidate?
        /// There is reason to believe that it is back.
        var hoped: Candidate?
        /// It failed once or twice.
        var failing: Candidate?
        var lost: Candidate?
        var wake: MonotonicTime?
    }

    /// The earliest deadline of each kind that may be met now, and the next moment at which one may.
    private func survey(at now: MonotonicTime) -> View {
        var view = View()
        for index in entries.indices {
            let floor = entries[index].askableFrom
            if entries[index].isDoubtful {
                if entries[index].isHoped {
                    Self.consider(index, due: floor, floor: floor, now: now, best: &view.hoped, wake: &view.wake)
                } else if entries[index].isProbed {
                    Self.consider(index, due: floor, floor: floor, now: now, best: &view.lost, wake: &view.wake)
                } else {
                    Self.consider(index, due: floor, floor: floor, now: now, best: &view.failing, wake: &view.wake)
                }
                continue
            }
            let due = entries[index].due
            if entries[index].isFast {
                Self.consider(index, due: due.fast, floor: floor, now: now, best: &view.fast, wake: &view.wake)
            }
            Self.consider(
                index, due: min(due.normal, due.slow), floor: floor, now: now, best: &view.regular, wake: &view.wake)
        }
        return view
    }

    private static func consider(
        _ index: Int, due: MonotonicTime, floor: MonotonicTime, now: MonotonicTime, best: inout Candidate?,
        wake: inout MonotonicTime?
    ) {
        let at = max(due, floor)
        if at > now {
            if wake.map({ at < $0 }) ?? true { wake = at }
        } else if best.map({ due < $0.due }) ?? true {
            best = Candidate(index: index, due: due)
        }
    }

    private func step(for index: Int, at now: MonotonicTime) -> Step {
        if entries[index].isProbed { return .probe(entries[index].meter) }
        return .poll(entries[index].meter, entries[index].due.slow <= now ? .slow : .normal)
    }

    /// The lost are asked within their share. What failed just now is retried within it too, or when
    /// nobody else waits. Where nobody answers at all, there is nobody to spare.
    private func doubtfulTurn(_ view: View) -> Candidate? {
        if lastWasDoubtful, view.regular != nil { return nil }
        guard hasLiving else { return view.regular == nil ? view.hoped ?? view.failing ?? view.lost : nil }
        if let hoped = view.hoped { return hoped }
        if let failing = view.failing, view.regular == nil || isAffordable(failing) { return failing }
        return view.lost.flatMap { isAffordable($0) ? $0 : nil }
    }

    private mutating func grantPatience(to index: Int, at now: MonotonicTime) {
        guard let price = entries[index].priceOfPatience, now >= patience.paidAt || !hasLiving else { return }
        entries[index].isPatient = true
        let perMille = Self.patienceSharePerMille(lost: entries.count(where: \.isProbed))
        patience = (now + price * (1000 / perMille), perMille)
    }

    private func isAffordable(_ candidate: Candidate) -> Bool { lostAllowance >= price(of: candidate.index) }

    private func price(of index: Int) -> Duration { min(entries[index].timeout, Self.largestLostAllowance) }

    private var hasLiving: Bool { entries.contains { !$0.isDoubtful && $0.times.worst != nil } }

    private func nextDue(_ pollClass: PollClass, after now: MonotonicTime) -> MonotonicTime {
        let due = now + periods[pollClass]
        guard let boundary, boundary.pollClass == pollClass, now < boundary.at else { return due }
        let before = boundary.at + (.zero - Self.boundaryLead)
        return min(due, now < before ? before : boundary.at)
    }

    private mutating func hopeForOthers(than found: Int?) {
        for index in entries.indices where index != found && entries[index].isDoubtful {
            entries[index].isHoped = true
            entries[index].health.hoped()
        }
    }

    private mutating func saveAllowance(until now: MonotonicTime) {
        if let allowanceSince, now > allowanceSince {
            let paid = allowanceSince < patience.paidAt ? patience.perMille : 0
            let earned = (now - allowanceSince) * (Self.lostSharePercent * 10 - paid) / 1000
            lostAllowance = min(lostAllowance + earned, Self.largestLostAllowance)
        }
        allowanceSince = now
    }
}
