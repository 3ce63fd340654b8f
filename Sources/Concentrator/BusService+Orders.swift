internal import BusSurvey
internal import Failpoints
internal import FieldBus
internal import Logging
internal import MeterProfiles
internal import Metering
internal import Prepaid

/// Moving breakers, before everything else on the line.
extension BusService {
    /// Writes all orders that wait, then reads back what came of each; an order that comes meanwhile is
    /// written before the next read-back.
    func carryOutOrders(_ state: BusState, on port: isolated BusPort) {
        guard mailbox.hasOrders else { return }
        var written: [(order: BreakerOrder, device: PolledDevice, point: RelayPoint)] = []
        while port.settle() {
            sign(at: clock.monotonicNow())
            if let order = mailbox.takeOrder() {
                guard
                    let device = state.device(unit: order.breaker.device.unit),
                    device.meter.address == order.breaker.device,
                    let point = device.profile.relay?[order.breaker.point],
                    !order.isOutdated(at: clock.monotonicNow())
                else {
                    report(.orderEnded(order, readBack: nil, at: clock.now()))
                    continue
                }
                Failpoint.breakerBeforeWrite.pass()
                write(order, point, on: device, timeout: patience(with: device, state), port)
                Failpoint.breakerAfterWrite.pass()
                written.append((order, device, point))
            } else if !written.isEmpty {
                let (order, device, point) = written.removeFirst()
                let position = readBack(order, point, on: device, timeout: patience(with: device, state), port)
                Failpoint.breakerAfterReadBack.pass()
                report(.orderEnded(order, readBack: position, at: clock.now()))
            } else {
                return
            }
        }
        for (order, _, _) in written { report(.orderEnded(order, readBack: nil, at: clock.now())) }
    }

    /// Without a port no order can be carried out: each ends, and is decided anew when the bus is back.
    func giveUpOrders() {
        while let order = mailbox.takeOrder() { report(.orderEnded(order, readBack: nil, at: clock.now())) }
    }

    /// A device that answers may take its time to move a contact; a lost one is not worth the others' time.
    private func patience(with device: PolledDevice, _ state: BusState) -> Duration {
        state.schedule.health(of: device.meter.id)?.isLost ?? false
            ? state.schedule.timeout(for: .probe(device.meter.id)) : device.profile.limits.responseTimeout
    }

    private func write(
        _ order: BreakerOrder, _ point: RelayPoint, on device: PolledDevice, timeout: Duration,
        _ port: isolated BusPort
    ) {
        let write = order.position == .open ? point.open : point.close
        let written = port.write(unit: order.breaker.device.unit, write, timeout: timeout)
        watch.ordered(after: written.sentAt - order.decidedAt)
        watch.saw(written, for: .order, of: device, in: configuration.serial)
        if case .failure(let fault) = written.result {
            logger.warning(
                "a breaker order was not taken; its position is read back",
                metadata: ["circuit": "\(order.circuit)", "fault": "\(fault)"])
        }
    }

    /// What the device says of its position is what counts, not its echo.
    private func readBack(
        _ order: BreakerOrder, _ point: RelayPoint, on device: PolledDevice, timeout: Duration,
        _ port: isolated BusPort
    ) -> BreakerPosition? {
        guard let request = point.readback.request else { return nil }
        let read = port.read(unit: order.breaker.device.unit, request, timeout: timeout)
        watch.saw(read, for: .order, of: device, in: configuration.serial)
        guard case .success(let words) = read.result, let word = words.first else { return nil }
        return point.readback.isClosed(word) ? .closed : .open
    }
}
