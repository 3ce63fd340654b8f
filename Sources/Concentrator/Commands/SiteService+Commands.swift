internal import Failpoints
internal import Logging
internal import Metering
internal import Prepaid
public import Storage
public import UplinkProtocol

extension SiteService {
    /// Executes a command and keeps its answer, all in one transaction. A known id gets its first answer,
    /// before anything else is looked at.
    /// - Returns: nil where nothing could be kept: the command is to come again.
    @discardableResult
    public func execute(_ command: Command, from origin: CommandOrigin = .platform) -> CommandRecord? {
        Failpoint.commandBeforeExecution.pass()
        defer {
            Failpoint.commandAfterExecution.pass()
            direct()
        }
        let now = clock.now()
        do {
            if let known = try ledger.command(id: command.id) { return known }
            var work = CommandWork()
            var answer =
                try refusal(of: command, from: origin, now: now)
                ?? carryOut(command, from: origin, into: &work, now: now)
            if origin == .platform, let excess = takeCredits(of: &work, now: now) { answer = excess }
            return finish(command, answer, work, from: origin, now: now)
        } catch {
            logger.error("a command cannot be looked up", metadata: ["id": "\(command.id)", "reason": "\(error)"])
            return nil
        }
    }

    /// What became of a command; nil where none has that id.
    public func command(_ id: String) throws(StorageError) -> CommandRecord? { try ledger.command(id: id) }

    func commandPosition() throws(StorageError) -> Int64 { try ledger.commandPosition() }

    /// What came in the place of a command and has no id to be answered under.
    func note(unreadable: UnreadableCommand) {
        logger.error(
            "a command cannot be read; it is passed over",
            metadata: ["position": "\(unreadable.position ?? 0)", "problem": "\(unreadable.problem)"])
        var detail = ["field": unreadable.problem.field, "reason": unreadable.problem.reason]
        if let position = unreadable.position { detail["position"] = String(position) }
        note(Event(.commandUnreadable, .gateway, detail), at: clock.now())
    }

    /// What is wrong with a command whatever the site is like.
    private func refusal(of command: Command, from origin: CommandOrigin, now: Timestamp) -> CommandAnswer? {
        if origin == .platform, let key = commandPolicy.key, !key.signed(command, for: ledger.gateway) {
            return .rejected("bad_signature")
        }
        if origin == .onSite, command.movesMoney { return .rejected("not_on_site") }
        if origin == .platform, let problem = commandPolicy.limits.problem(in: command) {
            return .rejected("over_limit", problem)
        }
        // What moves money has its own place for this among what is checked.
        if !command.movesMoney, let expiry = command.expiresAt, now.trust == .trusted, now.wall > expiry {
            return .expired()
        }
        return nil
    }

    /// Looks at what a command credits beside what was credited in the last 24 hours.
    /// - Returns: the refusal, with nothing left of the work; nil where it may be given.
    private func takeCredits(of work: inout CommandWork, now: Timestamp) -> CommandAnswer? {
        work.credits = work.changes.flatMap(\.postings).compactMap(GivenCredit.init)
        let limits = commandPolicy.limits.dailyCredit
        guard let excess = creditWindow.excess(of: work.credits, limits: limits, now: now) else { return nil }
        work = CommandWork()
        var detail = [
            "limit_microunits": String(excess.limit.microunits), "given_microunits": String(excess.given.microunits),
        ]
        detail["account"] = excess.account?.rawValue
        return .rejected("over_daily_limit", detail)
    }

    private func carryOut(
        _ command: Command, from origin: CommandOrigin, into work: inout CommandWork, now: Timestamp
    ) throws(StorageError) -> CommandAnswer {
        switch command.body {
        case .recharge(let recharge): return try sell(recharge, command: command.id, into: &work, now: now)
        case .order(let order): return try carryOut(order, command: command.id, into: &work, now: now)
        case .transfer(let transfer): return carryOut(transfer, command: command.id, into: &work, now: now)
        case .openAccount(let opening, let circuits):
            return open(opening, circuits: circuits, command: command.id, into: &work, now: now)
        case .decideDispute(let record, let decision):
            return try decide(record, decision, command: command.id, into: &work, now: now)
        case .accounts(let accounts, let change):
            return .each(each(accounts) { self.apply(change, to: $0, command: command, into: &work, now: now) })
        case .circuits(let circuits, let change):
            return apply(change, to: circuits, command: command, from: origin, into: &work, now: now)
        case .site(let change): return apply(change, command: command, into: &work, now: now)
        case .meter(let change): return apply(change, command: command, from: origin, into: &work, now: now)
        case .readNow(let meters):
            return accept(readingOf: meters, command: command, from: origin, into: &work, now: now)
        case .time(let wall): return take(time: wall, now: now)
        case .unsupported: return .rejected("unsupported", ["kind": command.kind])
        case .invalid(let problem): return .rejected("invalid", problem)
        }
    }

    func each<Subject>(_ subjects: [Identifier<Subject>], _ apply: (Identifier<Subject>) -> String) -> [String: String]
    {
        Dictionary(subjects.map { ($0.rawValue, apply($0)) }) { first, _ in first }
    }

    /// Commits the answer with all that it stands for; what the ledger refuses is answered with the refusal,
    /// so that it is not asked for for ever.
    private func finish(
        _ command: Command, _ answer: CommandAnswer, _ work: CommandWork, from origin: CommandOrigin, now: Timestamp
    ) -> CommandRecord? {
        let record = CommandRecord(
            id: command.id, kind: command.kind.isEmpty ? "unknown" : command.kind, state: answer.state,
            outcome: answer.outcome, detail: answer.detail)
        var transaction = LedgerTransaction(
            changes: work.changes, installation: work.installation, settings: work.settings,
            command: AnsweredCommand(record: record, position: command.position, received: command.bytes),
            actor: origin.actor)
        transaction.moves = work.moves
        switch tryCommit(transaction, at: now) {
        case nil:
            creditWindow.note(work.credits, at: now)
            adopt(work, now: now)
            return record
        case .refused(let reason):
            return keepRefusal(of: command, reason: reason, from: origin, now: now)
        default:
            let sent = work.orders.filter(\.actsWithoutLedger)
            for (key, group) in work.groups { groups[key]?.keepOrders(sent, ended: nil, of: group) }
            dispatch(sent)
            return nil
        }
    }

    /// - Returns: nil where not even the answer could be kept: the command is to come again.
    private func keepRefusal(
        of command: Command, reason: String, from origin: CommandOrigin, now: Timestamp
    ) -> CommandRecord? {
        let record = CommandRecord(
            id: command.id, kind: command.kind.isEmpty ? "unknown" : command.kind, state: .rejected,
            outcome: "refused_by_ledger", detail: ["reason": String(reason.prefix(200))])
        let answered = AnsweredCommand(record: record, position: command.position, received: command.bytes)
        let refusal = tryCommit(LedgerTransaction(changes: [], command: answered, actor: origin.actor), at: now)
        logger.error(
            "the ledger refuses a command",
            metadata: ["id": "\(command.id)", "reason": "\(reason)", "answer_kept": "\(refusal == nil)"])
        return refusal == nil ? record : nil
    }

    /// The work is committed: it counts from here on.
    private func adopt(_ work: CommandWork, now: Timestamp) {
        if let calendar = work.calendar { self.calendar = calendar }
        if let defaults = work.accountDefaults { accountDefaults = defaults }
        if let expected = work.expected { adopt(expected) }
        if let guarding = work.forcedOffs { forcedOffs = guarding }
        if work.confirmsCuts { director.cuts.confirm() }
        for (key, group) in work.groups { adopt(group, key: key, orders: [], now: now) }
        if work.rebuildsSite {
            followsOthers = true
            do { load(try ledger.site(), lastAccepted: [:]) } catch {
                logger.critical("the site cannot be read back", metadata: ["reason": "\(error)"])
                onLedgerLost(error)
            }
            // A circuit that became another one begins anew and decides for itself; one that stayed waits for the
            // end of its order.
            dispatch(work.orders.filter { isWaiting(for: $0) })
        } else {
            dispatch(work.orders)
        }
        if work.reloads { reload.apply() }
        if let reading = work.reading { begin(reading) }
    }

    private func isWaiting(for order: BreakerOrder) -> Bool {
        let group = groupOfCircuit[order.circuit].flatMap { groups[$0] }
        let state = group?.circuits.first { $0.circuit.id == order.circuit }
        return state.map { $0.reconciler.isWriting && $0.circuit.breaker == order.breaker } ?? false
    }
}
