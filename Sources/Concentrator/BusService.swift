internal import BusSurvey
internal import Failpoints
public import FieldBus
public import Logging
public import MeterProfiles
public import Metering
internal import Prepaid

/// Polls the devices of one bus and moves its breakers: between any two requests orders come first, then
/// what the schedule says.
public struct BusService: Sendable {
    let configuration: BusConfiguration
    let port: BusPort
    let mailbox: BusMailbox
    let profiles: ProfileLibrary
    let periods: PollSchedule.Periods
    let clock: GatewayClock
    let progress: Progress
    let watch: BusWatch
    let logger: Logger
    /// Takes what happened, in order.
    let report: @Sendable (BusReport) -> Void

    /// Until turnaround is measured, a usual one.
    private static let assumedTurnaround: Duration = .milliseconds(10)
    private static let firstReopenPause: Duration = .milliseconds(500)
    private static let longestReopenPause: Duration = .seconds(5)

    /// - Parameter report: takes what happened, in order; must return at once.
    public init(
        configuration: BusConfiguration, port: BusPort, mailbox: BusMailbox, profiles: ProfileLibrary,
        periods: PollSchedule.Periods, clock: GatewayClock, progress: Progress, watch: BusWatch,
        logger: Logger,
        report: @escaping @Sendable (BusReport) -> Void
    ) {
        self.configuration = configuration
        self.port = port
        self.mailbox = mailbox
        self.profiles = profiles
        self.periods = periods
        self.clock = clock
        self.progress = progress
        self.watch = watch
        self.logger = logger
        self.report = report
    }

    /// What the bus knows while it runs.
    private struct State {
        var devices: [MeterID: PolledDevice] = [:]
        var schedule: PollSchedule
        var profiles: ProfileLibrary
        /// Polls of which some requests are still to be sent.
        var underWay: [MeterID: PollUnderWay] = [:]
        var diagnosis = LineDiagnosis()
        var scan: RunningScan?
        var errand: RunningErrand?
    }

    /// By which the watchdog knows it.
    static func loopName(_ bus: BusID) -> String { "bus \(bus)" }

    /// Runs until the task is cancelled: on the port's own thread, for a change of threads costs more
    /// than a request.
    public func run() async { await run(on: port) }

    private func run(on port: isolated BusPort) async {
        var state = State(schedule: PollSchedule(periods: periods), profiles: profiles)
        var reopenPause = Self.firstReopenPause
        var isLost = false
        watch.opened(port.isOpen)
        while !Task.isCancelled {
            progress.moved(.poll, Self.loopName(configuration.id), at: clock.monotonicNow())
            if !port.isOpen {
                do {
                    try port.open()
                    reopenPause = Self.firstReopenPause
                    state.underWay = [:]
                    state.schedule.busReturned()
                    watch.opened(true)
                    if isLost { report(.busFound(configuration.id, at: clock.now())) }
                    isLost = false
                } catch {
                    watch.opened(false)
                    giveUpScan(&state, "\(error)")
                    if !isLost {
                        isLost = true
                        logger.error("the port cannot be opened; trying again", metadata: ["reason": "\(error)"])
                        report(.busLost(configuration.id, reason: "\(error)", at: clock.now()))
                    }
                    giveUpOrders()
                    giveUpErrands(&state)
                    await mailbox.wait(longest: reopenPause)
                    reopenPause = min(reopenPause * 2, Self.longestReopenPause)
                    continue
                }
            }
            if let terms = mailbox.takeTerms() {
                state.profiles = terms.profiles
                state.schedule.set(periods: terms.periods, now: clock.monotonicNow())
            }
            take(mailbox.takeChanges(), into: &state)
            takeScan(into: &state)
            state.schedule.readNow(mailbox.takeAsked(), at: clock.monotonicNow())
            // An order that comes before the line is free need not wait for the next request.
            guard port.settle() else { continue }
            await carryOutOrders(state)
            guard let errandWaits = await errandTurn(&state) else { continue }
            await step(&state, restingAtMost: errandWaits)
        }
        giveUpScan(&state, "the daemon stops")
        giveUpErrands(&state)
        mailbox.close()
        watch.close()
        port.close()
    }

    private func take(_ changes: (devices: [SiteMeter]?, fast: Set<MeterID>?), into state: inout State) {
        if let meters = changes.devices {
            watch.setDevices(meters)
            let wanted = Set(meters.map(\.id))
            for meter in state.schedule.meters where !wanted.contains(meter) { state.schedule.remove(meter) }
            state.devices = [:]
            state.underWay = [:]
            for meter in meters {
                guard let profile = state.profiles[meter.profile] else { continue }
                state.devices[meter.id] = PolledDevice(
                    meter, profile: profile, serial: configuration.serial, turnaround: Self.assumedTurnaround,
                    holes: mailbox.learnedHoles(of: meter))
                state.schedule.add(
                    meter.id, requestGap: profile.limits.requestGap, responseTimeout: profile.limits.responseTimeout,
                    now: clock.monotonicNow())
            }
        }
        if let fast = changes.fast { state.schedule.setFast(fast) }
        if let boundary = mailbox.takeBoundary() { state.schedule.readClose(to: boundary, .normal) }
    }

    /// One request, so that orders and the fast class never wait for the rest of a plan.
    private func step(_ state: inout State, restingAtMost rest: Duration) async {
        let now = clock.monotonicNow()
        let next = state.schedule.next(at: now)
        let scanAgain = await scanTurn(&state, before: next)
        guard let scanAgain else { return }
        let meter: MeterID
        switch next {
        case .idle(let until):
            await mailbox.wait(longest: min(max(until - now, .milliseconds(1)), scanAgain, rest))
            return
        case .poll(let polled, _): meter = polled
        case .probe(let probed): meter = probed
        }
        guard let device = state.devices[meter] else {
            state.schedule.remove(meter)
            return
        }
        var poll = state.underWay.removeValue(forKey: meter) ?? PollUnderWay(next, of: device)
        guard let request = poll.nextRequest() else {
            // Nothing of this class in the model.
            record(poll, of: meter, answered: true, in: &state)
            return
        }
        let transaction = await port.read(
            unit: device.meter.address.unit, request, timeout: state.schedule.timeout(for: next))
        watch.saw(
            transaction, for: poll.purpose, of: device.meter, profile: device.profile, in: configuration.serial)
        heed(transaction, in: &state)
        poll.account(for: transaction, silence: configuration.serial.interFrameSilence)
        switch transaction.result {
        case .success(let words):
            if let turnaround = transaction.turnaround { state.devices[meter]?.took(turnaround) }
            poll.take(words, of: request, profile: device.profile)
            guard poll.isComplete else {
                state.schedule.pause(meter, at: clock.monotonicNow())
                state.underWay[meter] = poll
                return
            }
            report(poll.outcome(of: meter, at: clock.now()))
            record(poll, of: meter, answered: true, in: &state)
        case .failure(let fault):
            report(.failed(meter, fault.noDataReason, at: clock.now()))
            switch fault {
            case .portLost: return
            case .exception(let code):
                if code == 2, state.devices[meter]?.refused(request) == true, let holes = state.devices[meter]?.holes {
                    logger.notice(
                        "a device refuses registers of its model; it is read around them",
                        metadata: ["meter": "\(meter)", "refused": "\(request)"])
                    report(.learned(meter, profile: device.profile.id, holes))
                }
                record(poll, of: meter, answered: true, in: &state)
            case .timeout, .badFrame, .wrongAnswer: record(poll, of: meter, answered: false, in: &state)
            }
        }
    }

    private func record(_ poll: PollUnderWay, of meter: MeterID, answered: Bool, in state: inout State) {
        let change = state.schedule.record(
            poll.step, answered: answered, took: poll.took, turnaround: poll.turnaround, at: clock.monotonicNow())
        switch change {
        case .lost: report(.lost(meter, at: clock.now()))
        case .found: report(.found(meter, at: clock.now()))
        case nil: break
        }
    }

    private func heed(_ transaction: BusTransaction, in state: inout State) {
        for case .lateAnswer(let unit, let after) in transaction.notes {
            guard let late = state.devices.values.first(where: { $0.meter.address.unit == unit }) else { continue }
            state.schedule.heardLate(late.meter.id, after: after)
        }
        state.scan?.heed(transaction.notes)
        let isBroken = if case .failure(.badFrame) = transaction.result { true } else { false }
        let findings = state.diagnosis.take(
            transaction.notes, asked: transaction.unit, isBroken: isBroken, at: transaction.endedAt)
        if isBroken || !transaction.notes.isEmpty { watch.diagnosed(state.diagnosis) }
        for finding in findings {
            logger.warning("something is wrong on the line", metadata: ["finding": "\(finding)"])
            report(.finding(configuration.id, finding, at: clock.now()))
        }
    }

    private func takeScan(into state: inout State) {
        guard let job = mailbox.takeScan() else { return }
        if state.scan == nil {
            state.scan = RunningScan(job, now: clock.monotonicNow())
        } else {
            job.tell(.failed("another scan runs on bus \(configuration.id)"))
        }
    }

    private func giveUpScan(_ state: inout State, _ reason: String) {
        state.scan?.job.tell(.failed(reason))
        state.scan = nil
        mailbox.takeScan()?.tell(.failed(reason))
    }

    /// One probe of a scan, where it may go before what the schedule wants.
    /// - Returns: nil when it took its turn, else how long the bus may rest at most.
    private func scanTurn(_ state: inout State, before next: PollSchedule.Step) async -> Duration? {
        guard state.scan != nil else { return .seconds(1) }
        let isIdle = if case .idle = next { true } else { false }
        switch await state.scan?.turn(on: port, isIdle: isIdle, now: clock.monotonicNow) {
        case .asked(let probe, let serial):
            watch.saw(probe, for: .scan, of: nil, profile: nil, in: serial)
            return nil
        case .notYet(let moment): return max(.milliseconds(1), moment - clock.monotonicNow())
        case .ended, nil:
            state.scan = nil
            return nil
        }
    }

    /// One transaction of an errand, between orders and polls.
    /// - Returns: nil when it took its turn, else how long the bus may rest at most.
    private func errandTurn(_ state: inout State) async -> Duration? {
        if state.errand == nil {
            guard let errand = mailbox.takeErrand() else { return .seconds(1) }
            state.errand = RunningErrand(errand, now: clock.monotonicNow())
        }
        switch await state.errand?.turn(on: port, now: clock.monotonicNow) {
        case .asked(let transaction):
            let device = state.devices.values.first { $0.meter.address.unit == transaction.unit }
            watch.saw(
                transaction, for: .setting, of: device?.meter, profile: state.errand?.errand.profile,
                in: configuration.serial)
            heed(transaction, in: &state)
            if let device { state.schedule.pause(device.meter.id, at: clock.monotonicNow()) }
            return nil
        case .notYet(let moment): return max(.milliseconds(1), moment - clock.monotonicNow())
        case .ended, nil:
            state.errand = nil
            return .milliseconds(1)
        }
    }

    private func giveUpErrands(_ state: inout State) {
        state.errand?.errand.end([.failed(.busDown)])
        state.errand = nil
        while let errand = mailbox.takeErrand() { errand.end([.failed(.busDown)]) }
    }

    /// Without a port no order can be carried out: each ends, and is decided anew when the bus is back.
    private func giveUpOrders() {
        while let order = mailbox.takeOrder() { report(.orderEnded(order, readBack: nil, at: clock.now())) }
    }

    /// Writes all orders that wait, then reads back what came of each; an order that comes meanwhile is
    /// written before the next read-back.
    private func carryOutOrders(_ state: State) async {
        var written: [(order: BreakerOrder, device: PolledDevice, point: RelayPoint)] = []
        while await port.settle() {
            progress.moved(.poll, Self.loopName(configuration.id), at: clock.monotonicNow())
            if let order = mailbox.takeOrder() {
                guard
                    let device = state.devices.values.first(where: { $0.meter.address == order.breaker.device }),
                    let point = device.profile.relay?[order.breaker.point],
                    !order.isOutdated(at: clock.monotonicNow())
                else {
                    report(.orderEnded(order, readBack: nil, at: clock.now()))
                    continue
                }
                Failpoint.breakerBeforeWrite.pass()
                await write(order, point, on: device, timeout: patience(with: device, state))
                Failpoint.breakerAfterWrite.pass()
                written.append((order, device, point))
            } else if !written.isEmpty {
                let (order, device, point) = written.removeFirst()
                let position = await readBack(order, point, on: device, timeout: patience(with: device, state))
                Failpoint.breakerAfterReadBack.pass()
                report(.orderEnded(order, readBack: position, at: clock.now()))
            } else {
                return
            }
        }
        for (order, _, _) in written { report(.orderEnded(order, readBack: nil, at: clock.now())) }
    }

    /// A device that answers may take its time to move a contact; a lost one is not worth the others' time.
    private func patience(with device: PolledDevice, _ state: State) -> Duration {
        state.schedule.health(of: device.meter.id)?.isLost ?? false
            ? state.schedule.timeout(for: .probe(device.meter.id)) : device.profile.limits.responseTimeout
    }

    private func write(
        _ order: BreakerOrder, _ point: RelayPoint, on device: PolledDevice, timeout: Duration
    ) async {
        let write = order.position == .open ? point.open : point.close
        let written = await port.write(unit: order.breaker.device.unit, write, timeout: timeout)
        watch.ordered(after: written.sentAt - order.decidedAt)
        watch.saw(written, for: .order, of: device.meter, profile: device.profile, in: configuration.serial)
        if case .failure(let fault) = written.result {
            logger.warning(
                "a breaker order was not taken; its position is read back",
                metadata: ["circuit": "\(order.circuit)", "fault": "\(fault)"])
        }
    }

    /// What the device says of its position is what counts, not its echo.
    private func readBack(
        _ order: BreakerOrder, _ point: RelayPoint, on device: PolledDevice, timeout: Duration
    ) async -> BreakerPosition? {
        guard let request = point.readback.request else { return nil }
        let read = await port.read(unit: order.breaker.device.unit, request, timeout: timeout)
        watch.saw(read, for: .order, of: device.meter, profile: device.profile, in: configuration.serial)
        guard case .success(let words) = read.result, let word = words.first else { return nil }
        return point.readback.isClosed(word) ? .closed : .open
    }
}
