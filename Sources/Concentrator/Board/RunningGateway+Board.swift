internal import BoardRules
internal import Logging
internal import Metering
internal import Prepaid

extension RunningGateway {
    /// Nil where the box has nothing of its own.
    func boardService() -> BoardService? {
        guard let board = configuration.board, let mailbox = boardMailbox else { return nil }
        return BoardService(
            configuration: board, keeper: lines, mailbox: mailbox, clock: clock, progress: progress,
            condition: boxCondition, logger: logger,
            report: { [self] in take($0) },
            notice: { [self] notice, moment in await follow(notice, at: moment) })
    }

    private func follow(_ notice: BoardNotice, at moment: Timestamp) async {
        switch notice {
        case .door(let isOpen):
            logger.notice("the door is \(isOpen ? "open" : "closed")")
            take(.noted(Event(isOpen ? .doorOpened : .doorClosed, .gateway), at: moment))
        case .power(let isFailing):
            boxCondition.change { $0.isPowerFailing = isFailing }
            guard isFailing else {
                await site.unpark(at: moment)
                return
            }
            await site.park(at: moment)
            await telemetry.commit()
            keepTheTime()
        case .resetHeld:
            take(.noted(Event(.resetHeld, .gateway), at: moment))
            if let problem = site.reload.problem() {
                logger.error("the button asks for a new start; refused", metadata: ["reason": "\(problem)"])
            } else {
                logger.notice("the button asks for a new start")
                failure.set(.reload)
            }
        }
    }

    /// Tells the lights how things are.
    func tellLights(status: SiteStatus, uplink uplinkStatus: UplinkStatus, isTurning: Bool) {
        guard configuration.board?.lights.isEmpty == false else { return }
        let now = clock.monotonicNow()
        let lostBuses = busWatches.count { !$0.snapshot(at: now).isOpen }
        let uplink: BoxCondition.Uplink =
            switch uplinkStatus.condition {
            case "off": .none
            case "up": uplinkStatus.ledgerWithheld ?? 0 > 0 ? .refused : .connected
            case "refused", "answers_wrongly": .refused
            default: .trying
            }
        boxCondition.change { box in
            box.isTurning = isTurning
            box.meters = status.circuits.count
            box.answering = status.circuits.count { $0.noData == nil && $0.reading != nil }
            box.lostBuses = lostBuses
            box.uplink = uplink
            box.isMoneyHeld = !status.isLedgerUsable || status.holdReason != nil
            box.areCutsHeld = status.heldCuts > 0
            box.isClockTrusted = status.now.trust != .untrusted
        }
    }
}
