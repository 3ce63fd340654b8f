internal import BusSurvey
internal import FieldBus
internal import Logging
internal import MeterProfiles
internal import Metering

/// Polling: one request at a time, so that orders and the fast class never wait for the rest of a plan.
extension BusService {
    /// Sends the next request of a step. What it is was decided while the line was not free yet, for what a program
    /// does after a wait is slow.
    func poll(_ next: PollSchedule.Step, _ state: inout BusState, on port: isolated BusPort) {
        let meter: MeterID
        switch next {
        case .idle: return
        case .poll(let polled, _): meter = polled
        case .probe(let probed): meter = probed
        }
        guard let device = state.devices[meter] else {
            state.schedule.remove(meter)
            return
        }
        var poll = device.underWay ?? PollUnderWay(next, of: device)
        device.underWay = nil
        guard let read = poll.nextRead else {
            // Nothing of this class in the model.
            record(poll, of: meter, answered: true, in: &state)
            return
        }
        let timeout = state.schedule.timeout(for: next)
        guard mayAsk(on: port) else {
            device.underWay = poll
            return
        }
        let transaction = port.read(unit: device.meter.address.unit, read.request, timeout: timeout)
        watch.saw(transaction, for: poll.purpose, of: device, in: configuration.serial)
        heed(transaction, in: &state)
        poll.account(for: transaction, silence: silence)
        switch transaction.result {
        case .success(let words):
            if let turnaround = transaction.turnaround { device.took(turnaround) }
            poll.take(words, of: read)
            if poll.isComplete {
                report(poll.outcome(of: meter, at: clock.now()))
                record(poll, of: meter, answered: true, in: &state)
            } else {
                state.schedule.pause(meter, at: transaction.endedAt)
                device.underWay = poll
            }
        case .failure(let fault):
            report(.failed(meter, fault.noDataReason, at: clock.now()))
            switch fault {
            case .portLost: return
            case .exception(let code):
                if code == 2 { learn(refusalOf: read.request, by: device) }
                record(poll, of: meter, answered: true, in: &state)
            case .timeout, .badFrame, .wrongAnswer: record(poll, of: meter, answered: false, in: &state)
            }
        }
    }

    private func learn(refusalOf request: ReadRequest, by device: PolledDevice) {
        guard device.refused(request) else { return }
        logger.notice(
            "a device refuses registers of its model; it is read around them",
            metadata: ["meter": "\(device.meter.id)", "refused": "\(request)"])
        report(.learned(device.meter.id, profile: device.profile.id, device.holes))
    }

    private func record(_ poll: PollUnderWay, of meter: MeterID, answered: Bool, in state: inout BusState) {
        let change = state.schedule.record(
            poll.step, answered: answered, took: poll.took, turnaround: poll.turnaround, at: clock.monotonicNow())
        switch change {
        case .lost: report(.lost(meter, at: clock.now()))
        case .found: report(.found(meter, at: clock.now()))
        case nil: break
        }
    }

    /// What the line showed beside an answer.
    func heed(_ transaction: BusTransaction, in state: inout BusState) {
        var isBroken = false
        if case .failure(.badFrame) = transaction.result { isBroken = true }
        guard isBroken || !transaction.notes.isEmpty else { return }
        for case .lateAnswer(let unit, let after) in transaction.notes {
            guard let late = state.device(unit: unit) else { continue }
            state.schedule.heardLate(late.meter.id, after: after)
        }
        state.scan?.heed(transaction.notes)
        let findings = state.diagnosis.take(
            transaction.notes, asked: transaction.unit, isBroken: isBroken, at: transaction.endedAt)
        watch.diagnosed(state.diagnosis)
        for finding in findings {
            logger.warning("something is wrong on the line", metadata: ["finding": "\(finding)"])
            report(.finding(configuration.id, finding, at: clock.now()))
        }
    }
}
