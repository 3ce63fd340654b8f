internal import BusSurvey
internal import FieldBus
internal import Metering

/// What shares the line with polling for a while: scans, and errands to single devices.
extension BusService {
    func takeScan(into state: inout BusState) {
        guard let job = mailbox.takeScan() else { return }
        if state.scan == nil {
            state.scan = RunningScan(job, now: clock.monotonicNow())
        } else {
            job.tell(.failed("another scan runs on bus \(configuration.id)"))
        }
    }

    func giveUpScan(_ state: inout BusState, _ reason: String) {
        state.scan?.job.tell(.failed(reason))
        state.scan = nil
        mailbox.takeScan()?.tell(.failed(reason))
    }

    /// One probe of a scan, where it may go before what the schedule wants.
    /// - Returns: nil when it took its turn, else how long the bus may rest at most.
    func scanTurn(_ state: inout BusState, on port: isolated BusPort, before next: PollSchedule.Step) -> Duration? {
        guard state.scan != nil else { return .seconds(1) }
        guard mayAsk(on: port) else { return nil }
        let isIdle = if case .idle = next { true } else { false }
        switch state.scan?.turn(on: port, isIdle: isIdle, now: clock.monotonicNow) {
        case .asked(let probe, let serial):
            watch.saw(probe, for: .scan, of: nil, in: serial)
            return nil
        case .notYet(let moment): return max(.milliseconds(1), moment - clock.monotonicNow())
        case .ended, nil:
            state.scan = nil
            return nil
        }
    }

    /// One transaction of an errand, between orders and polls.
    /// - Returns: nil when it took its turn, else how long the bus may rest at most.
    func errandTurn(_ state: inout BusState, on port: isolated BusPort) -> Duration? {
        if state.errand == nil {
            guard let errand = mailbox.takeErrand() else { return .seconds(1) }
            state.errand = RunningErrand(errand, now: clock.monotonicNow())
        }
        guard mayAsk(on: port) else { return nil }
        switch state.errand?.turn(on: port, now: clock.monotonicNow) {
        case .asked(let transaction):
            let device = state.device(unit: transaction.unit)
            watch.saw(
                transaction, for: .setting, of: device, profile: state.errand?.errand.profile,
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

    func giveUpErrands(_ state: inout BusState) {
        state.errand?.errand.end([.failed(.busDown)])
        state.errand = nil
        while let errand = mailbox.takeErrand() { errand.end([.failed(.busDown)]) }
    }
}
