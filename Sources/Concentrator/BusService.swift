internal import FieldBus
internal import Logging
internal import MeterProfiles
internal import Metering
internal import Prepaid

/// Polls the devices of one bus and moves its breakers: orders first, then what the schedule says.
struct BusService {
    let configuration: BusConfiguration
    let port: BusPort
    let mailbox: BusMailbox
    let profiles: ProfileLibrary
    let periods: PollSchedule.Periods
    let clock: GatewayClock
    let progress: Progress
    let logger: Logger
    /// Takes what happened, in order.
    let report: @Sendable (BusReport) -> Void

    /// A device with the requests that fetch it.
    private struct Device {
        let meter: SiteMeter
        let profile: MeterProfile
        let plans: [PollClass: ReadPlan]
        let probe: ReadRequest?
    }

    /// Until turnaround is measured, a usual one.
    private static let assumedTurnaround: Duration = .milliseconds(10)
    private static let firstReopenPause: Duration = .milliseconds(500)
    private static let longestReopenPause: Duration = .seconds(5)

    /// Runs until the task is cancelled.
    func run() async {
        var devices: [MeterID: Device] = [:]
        var schedule = PollSchedule(periods: periods)
        var reopenPause = Self.firstReopenPause
        var isLost = false
        while !Task.isCancelled {
            progress.moved(.poll, at: clock.monotonicNow())
            if await !port.isOpen {
                do {
                    try await port.open()
                    reopenPause = Self.firstReopenPause
                    if isLost { report(.busFound(configuration.id, at: clock.now())) }
                    isLost = false
                } catch {
                    if !isLost {
                        isLost = true
                        logger.error("the port cannot be opened; trying again", metadata: ["reason": "\(error)"])
                        report(.busLost(configuration.id, reason: "\(error)", at: clock.now()))
                    }
                    await mailbox.wait(longest: reopenPause)
                    reopenPause = min(reopenPause * 2, Self.longestReopenPause)
                    continue
                }
            }
            if let order = mailbox.takeOrder() {
                await perform(order, devices: devices)
                continue
            }
            take(mailbox.takeChanges(), into: &devices, schedule: &schedule)
            await step(devices: devices, schedule: &schedule)
        }
        await port.close()
    }

    private func take(
        _ changes: (devices: [SiteMeter]?, fast: Set<MeterID>?), into devices: inout [MeterID: Device],
        schedule: inout PollSchedule
    ) {
        if let meters = changes.devices {
            for meter in schedule.meters where !meters.contains(where: { $0.id == meter }) { schedule.remove(meter) }
            devices = [:]
            for meter in meters {
                guard let profile = profiles[meter.profile] else { continue }
                devices[meter.id] = device(meter, profile: profile)
                schedule.add(meter.id, requestGap: profile.limits.requestGap, now: clock.monotonicNow())
            }
        }
        if let fast = changes.fast { schedule.setFast(fast) }
    }

    private func device(_ meter: SiteMeter, profile: MeterProfile) -> Device {
        let readbacks = profile.relay?.points.map(\.readback) ?? []
        var plans: [PollClass: ReadPlan] = [:]
        for pollClass in PollClass.allCases {
            plans[pollClass] = ReadPlan(
                wanted: registers(of: profile, upTo: pollClass), readbacks: readbacks, limits: profile.limits,
                serial: configuration.serial, turnaround: Self.assumedTurnaround)
        }
        return Device(
            meter: meter, profile: profile, plans: plans,
            probe: plans[.fast]?.requests.first ?? plans[.normal]?.requests.first)
    }

    /// What is billed is read with every class: a balance near its limit hangs on it.
    private func registers(of profile: MeterProfile, upTo pollClass: PollClass) -> [RegisterDefinition] {
        profile.registers.filter { $0.pollClass <= pollClass || $0.channel == profile.billing?.channel }
    }

    private func step(devices: [MeterID: Device], schedule: inout PollSchedule) async {
        let now = clock.monotonicNow()
        let next = schedule.next(at: now)
        switch next {
        case .idle(let until):
            await mailbox.wait(longest: min(max(until - now, .milliseconds(1)), .seconds(1)))
        case .poll(let meter, let pollClass):
            guard let device = devices[meter] else { return }
            let isAnswered = await poll(device, requests: device.plans[pollClass]?.requests ?? [])
            record(next, of: meter, answered: isAnswered, since: now, in: &schedule)
        case .probe(let meter):
            guard let device = devices[meter] else { return }
            let isAnswered = await poll(device, requests: device.probe.map { [$0] } ?? [])
            record(next, of: meter, answered: isAnswered, since: now, in: &schedule)
        }
    }

    private func record(
        _ step: PollSchedule.Step, of meter: MeterID, answered: Bool, since start: MonotonicTime,
        in schedule: inout PollSchedule
    ) {
        let now = clock.monotonicNow()
        switch schedule.record(step, answered: answered, took: now - start, at: now) {
        case .lost: report(.lost(meter, at: clock.now()))
        case .found: report(.found(meter, at: clock.now()))
        case nil: break
        }
    }

    /// Reads a device once. Orders do not wait for the rest of a plan.
    /// - Returns: whether it answered, refusals included.
    private func poll(_ device: Device, requests: [ReadRequest]) async -> Bool {
        var values: [Channel: Int64] = [:]
        var positions: [Int: BreakerPosition] = [:]
        var words: [UInt16] = []
        for request in requests {
            let transaction = await port.read(
                unit: device.meter.address.unit, request, timeout: device.profile.limits.responseTimeout)
            switch transaction.result {
            case .success(let answer):
                if request.table == .holding || request.table == .input { words += answer }
                for (register, value) in device.profile.decode(request, answer) { values[register.channel] = value }
                for (point, isClosed) in device.profile.relay?.positions(request, answer) ?? [] {
                    positions[point] = isClosed ? .closed : .open
                }
            case .failure(let fault):
                report(.failed(device.meter.id, fault.noDataReason, at: clock.now()))
                if case .exception = fault { return true }
                return false
            }
        }
        // A meter that has just powered up answers with zeros, a broken one with ones: no reading, and
        // no positions that hang on the same registers.
        let isEmpty = !words.isEmpty && (words.allSatisfy { $0 == 0 } || words.allSatisfy { $0 == 0xFFFF })
        if isEmpty {
            report(.failed(device.meter.id, .notAReading, at: clock.now()))
        } else {
            let reading = values.isEmpty ? nil : values
            report(.answered(device.meter.id, values: reading, positions: positions, at: clock.now()))
        }
        return true
    }

    /// Writes and reads back. What the device says of its position is what counts, not its echo.
    private func perform(_ order: BreakerOrder, devices: [MeterID: Device]) async {
        let unit = order.breaker.device.unit
        guard let device = devices.values.first(where: { $0.meter.address == order.breaker.device }),
            let point = device.profile.relay?[order.breaker.point], let readback = point.readback.request
        else {
            report(.orderEnded(order, readBack: nil, at: clock.now()))
            return
        }
        let timeout = device.profile.limits.responseTimeout
        let write = order.position == .open ? point.open : point.close
        let written = await port.write(unit: unit, write, timeout: timeout)
        if case .failure(let fault) = written.result {
            logger.warning(
                "a breaker order was not taken; its position is read back",
                metadata: ["circuit": "\(order.circuit)", "fault": "\(fault)"])
        }
        let read = await port.read(unit: unit, readback, timeout: timeout)
        var position: BreakerPosition?
        if case .success(let words) = read.result, let word = words.first {
            position = point.readback.isClosed(word) ? .closed : .open
        }
        report(.orderEnded(order, readBack: position, at: clock.now()))
    }
}
