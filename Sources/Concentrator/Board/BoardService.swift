internal import Board
internal import BoardRules
internal import Logging
internal import Metering
internal import Prepaid
private import Synchronization

/// What a contact of the box asks for.
enum BoardNotice: Hashable, Sendable {
    case door(isOpen: Bool)
    case power(isFailing: Bool)
    case resetHeld
}

/// What the lights are to tell, between those who know and the one who shows it.
final class BoxConditionCell: Sendable {
    private let condition = Mutex(BoxCondition())

    var value: BoxCondition { condition.withLock { $0 } }
    func change(_ body: (inout BoxCondition) -> Void) { condition.withLock { body(&$0) } }
}

/// Moves the relays of the box, watches its contacts and shows its lights.
struct BoardService: Sendable {
    let configuration: BoardConfiguration
    let keeper: LineKeeper
    let mailbox: BusMailbox
    let clock: GatewayClock
    let progress: Progress
    let condition: BoxConditionCell
    let logger: Logger
    /// Takes what happened, in order; returns at once.
    let report: @Sendable (BusReport) -> Void
    /// Takes what a contact asks for, at the moment the contact moved.
    let notice: @Sendable (BoardNotice, Timestamp) async -> Void

    /// Between two looks at the contacts, and at the lights that blink.
    private static let lookPeriod: Duration = .milliseconds(50)
    private static let positionPeriod: Duration = .milliseconds(500)
    private static let retryPeriod: Duration = .seconds(5)

    private struct State {
        var lines: BoardLines
        var faults: [GPIOFault] = []
        var button = ResetButton()
        var lit: [BoardLight: Bool] = [:]
        var nextOpen: MonotonicTime = .zero
        var nextPositions: MonotonicTime = .zero
    }

    /// Runs until the task is cancelled. Relays stay as they are then; lights go out.
    func run() async {
        var state = State(lines: BoardLines(configuration: configuration, keeper: keeper))
        let looksOften = !configuration.inputs.isEmpty || !configuration.lights.isEmpty
        while !Task.isCancelled {
            let now = clock.monotonicNow()
            progress.moved(.poll, "board", at: now)
            openMissing(&state, now: now)
            await carryOutOrders(&state)
            await lookAtContacts(&state)
            showLights(&state, condition.value)
            if now >= state.nextPositions {
                state.nextPositions = now + Self.positionPeriod
                reportPositions(&state)
            }
            await mailbox.wait(longest: looksOften ? Self.lookPeriod : Self.positionPeriod)
        }
        for light in state.lines.lights.values { try? light.set(false) }
        mailbox.close()
    }

    private func openMissing(_ state: inout State, now: MonotonicTime) {
        guard now >= state.nextOpen else { return }
        state.nextOpen = now + Self.retryPeriod
        let faults = state.lines.open()
        guard faults != state.faults else { return }
        for fault in faults where !state.faults.contains(fault) {
            logger.error("a line of the box cannot be used; trying again", metadata: ["reason": "\(fault)"])
        }
        if faults.isEmpty {
            report(.busFound(.board, at: clock.now()))
        } else {
            let reasons = faults.map(\.description).joined(separator: "; ")
            report(.busLost(.board, reason: reasons, at: clock.now()))
        }
        state.faults = faults
    }

    private func carryOutOrders(_ state: inout State) async {
        while let order = mailbox.takeOrder() {
            let point = order.breaker.point
            guard let open = state.lines.relays[point], !order.isOutdated(at: clock.monotonicNow()) else {
                report(.orderEnded(order, readBack: nil, at: clock.now()))
                continue
            }
            if let fault = await move(open, toward: order.position == .closed) {
                logger.warning(
                    "a relay of the box was not moved; its position is read back",
                    metadata: ["circuit": "\(order.circuit)", "fault": "\(fault)"])
                state.lines.drop(point)
            }
            progress.moved(.poll, "board", at: clock.monotonicNow())
            let position = state.lines.isClosed(point).map { $0 ? BreakerPosition.closed : .open }
            report(.orderEnded(order, readBack: position, at: clock.now()))
        }
    }

    /// - Returns: what went wrong; every line that is active only for a moment has been let go of then.
    private func move(_ open: BoardLines.Relay, toward isClosed: Bool) async -> GPIOFault? {
        var fault: GPIOFault?
        for step in open.relay.steps(toward: isClosed) {
            switch step {
            case .wait(let duration):
                // A task of its own, which a stop does not cut short: a pulse has its length.
                if fault == nil { await Task { try? await Task.sleep(for: duration) }.value }
            case .set(let line, let isActive):
                if fault != nil, isActive { continue }
                do throws(GPIOFault) { try open.outputs[line]?.set(isActive) } catch { fault = fault ?? error }
            }
        }
        return fault
    }

    private func reportPositions(_ state: inout State) {
        var positions: [Int: BreakerPosition] = [:]
        for relay in configuration.relays {
            if let isClosed = state.lines.isClosed(relay.point) { positions[relay.point] = isClosed ? .closed : .open }
        }
        if !positions.isEmpty { report(.boardRelays(positions, at: clock.now())) }
    }

    private func lookAtContacts(_ state: inout State) async {
        for contact in BoardContact.allCases {
            guard var watched = state.lines.contacts[contact] else { continue }
            var changes: [Debounce.Change] = []
            do throws(GPIOFault) {
                for edge in try watched.input.edges() {
                    if let change = watched.debounce.edge(to: edge.isActive, at: edge.at) { changes.append(change) }
                }
                let now = clock.monotonicNow()
                if let change = watched.debounce.settle(at: now) { changes.append(change) }
                // Where edges were lost, and at the start, the level itself is the news.
                if watched.debounce.nextLook == nil {
                    let level = try watched.input.level()
                    if level != watched.debounce.isActive { _ = watched.debounce.edge(to: level, at: now) }
                }
                state.lines.contacts[contact] = watched
            } catch {
                state.lines.contacts[contact] = nil
            }
            for change in changes { await take(change, of: contact, state: &state) }
        }
        if state.button.isHeld(at: clock.monotonicNow()) { await notice(.resetHeld, clock.now()) }
    }

    private func take(_ change: Debounce.Change, of contact: BoardContact, state: inout State) async {
        let now = clock.now()
        let moment = Timestamp(
            boot: now.boot, monotonic: change.since, wall: now.wall + (change.since - now.monotonic), trust: now.trust)
        switch contact {
        case .door: await notice(.door(isOpen: change.isActive), moment)
        case .powerFail: await notice(.power(isFailing: change.isActive), moment)
        case .resetButton: state.button.take(isPressed: change.isActive, at: change.since)
        }
    }

    private func showLights(_ state: inout State, _ box: BoxCondition) {
        let now = clock.monotonicNow()
        for (light, output) in state.lines.lights {
            let isLit = box.pattern(of: light).isLit(at: now)
            guard state.lit[light] != isLit else { continue }
            do throws(GPIOFault) {
                try output.set(isLit)
                state.lit[light] = isLit
            } catch {
                state.lines.lights[light] = nil
                state.lit[light] = nil
            }
        }
    }
}
