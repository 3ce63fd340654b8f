internal import Logging
internal import Metering
internal import Storage
internal import UplinkProtocol

/// A command that waits for meters to be read.
struct PendingRead {
    let command: Command
    /// Meters that have not been heard since.
    var waiting: Set<MeterID>
    /// The code of each meter.
    var codes: [String: String]
    let until: MonotonicTime

    /// A meter that is asked at once answers or fails well within this; a lost one does not count longer.
    static let longest: Duration = .seconds(30)
    /// Commands that may wait at a time.
    static let most = 16
}

extension SiteService {
    /// Asks for meters out of their turn. The command is accepted now, and answered when the last is heard.
    func beginReading(_ names: [MeterID], command: Command, now: Timestamp) -> CommandAnswer {
        guard pendingReads.count < PendingRead.most else { return .rejected("too_many_at_once") }
        var pending = PendingRead(
            command: command, waiting: Set(names.filter { meters[$0] != nil }), codes: [:],
            until: now.monotonic + PendingRead.longest)
        for name in names where meters[name] == nil { pending.codes[name.rawValue] = "unknown_meter" }
        guard !pending.waiting.isEmpty else { return .each(pending.codes) }
        pendingReads.append(pending)
        for (bus, asked) in Dictionary(grouping: pending.waiting, by: { meters[$0]?.address.bus }) {
            if let bus { mailboxes[bus]?.readNow(Set(asked)) }
        }
        return CommandAnswer(state: .accepted, outcome: "reading")
    }

    /// A meter was read, or could not be.
    func heard(_ meter: MeterID, code: String, at now: Timestamp) {
        guard !pendingReads.isEmpty else { return }
        for index in pendingReads.indices where pendingReads[index].waiting.remove(meter) != nil {
            pendingReads[index].codes[meter.rawValue] = code
        }
        answerReads(at: now)
    }

    /// Answers the commands whose meters were all heard, or have been waited for long enough.
    func answerReads(at now: Timestamp) {
        for pending in pendingReads where pending.waiting.isEmpty || pending.until <= now.monotonic {
            var codes = pending.codes
            for meter in pending.waiting { codes[meter.rawValue] = "no_answer" }
            finishReading(pending.command, .each(codes), at: now)
        }
        pendingReads.removeAll { $0.waiting.isEmpty || $0.until <= now.monotonic }
    }

    /// What was accepted and not answered when the daemon ended: nobody can say what became of it.
    func answerInterrupted(at now: Timestamp) throws {
        for command in try ledger.unfinishedCommands() {
            let record = CommandRecord(
                id: command.record.id, kind: command.record.kind, state: .unknown, outcome: "interrupted")
            let answered = AnsweredCommand(record: record, position: command.position, received: command.received)
            try ledger.commit(LedgerTransaction(changes: [], command: answered), at: now)
        }
    }

    private func finishReading(_ command: Command, _ answer: CommandAnswer, at now: Timestamp) {
        let record = CommandRecord(
            id: command.id, kind: command.kind, state: answer.state, outcome: answer.outcome, detail: answer.detail)
        let answered = AnsweredCommand(record: record, position: command.position, received: command.bytes)
        if let error = tryCommit(LedgerTransaction(changes: [], command: answered), at: now) {
            logger.error("an answer cannot be kept", metadata: ["id": "\(command.id)", "reason": "\(error)"])
        }
    }
}
