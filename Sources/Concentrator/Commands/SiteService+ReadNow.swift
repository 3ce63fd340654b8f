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
    /// It came by the broker, and so goes its answer.
    let isFromBroker: Bool
    let until: MonotonicTime

    /// A meter that is asked at once answers or fails well within this; a lost one does not count longer.
    static let longest: Duration = .seconds(30)
    /// Commands that may wait at a time.
    static let most = 16
}

extension SiteService {
    /// Accepts a command to read meters out of their turn; it is answered when the last is heard.
    func accept(
        readingOf names: [MeterID], command: Command, from origin: CommandOrigin, into work: inout CommandWork,
        now: Timestamp
    ) -> CommandAnswer {
        guard pendingReads.count < PendingRead.most else { return .rejected("too_many_at_once") }
        var pending = PendingRead(
            command: command, waiting: Set(names.filter { meters[$0] != nil }), codes: [:],
            isFromBroker: origin == .platform && command.position == 0,
            until: now.monotonic + PendingRead.longest)
        for name in names where meters[name] == nil { pending.codes[name.rawValue] = "unknown_meter" }
        guard !pending.waiting.isEmpty else { return .each(pending.codes) }
        work.reading = pending
        return CommandAnswer(state: .accepted, outcome: "reading")
    }

    /// Asks the meters: it is kept that they are to be read.
    func begin(_ pending: PendingRead) {
        pendingReads.append(pending)
        for (bus, asked) in Dictionary(grouping: pending.waiting, by: { meters[$0]?.address.bus }) {
            if let bus { mailboxes[bus]?.readNow(Set(asked)) }
        }
    }

    /// A meter was read, or could not be.
    func heard(_ meter: MeterID, code: String, at now: Timestamp) {
        var isNews = false
        for index in pendingReads.indices where pendingReads[index].waiting.remove(meter) != nil {
            pendingReads[index].codes[meter.rawValue] = code
            isNews = true
        }
        if isNews { answerReads(at: now) }
    }

    /// Answers the commands whose meters were all heard, or have been waited for long enough. What cannot be kept now
    /// is answered when the ledger can be written again.
    func answerReads(at now: Timestamp) {
        guard isLedgerUsable, !pendingReads.isEmpty else { return }
        var waiting: [PendingRead] = []
        for pending in pendingReads {
            guard pending.waiting.isEmpty || pending.until <= now.monotonic else {
                waiting.append(pending)
                continue
            }
            var codes = pending.codes
            for meter in pending.waiting { codes[meter.rawValue] = "no_answer" }
            if !finishReading(pending, .each(codes), at: now) { waiting.append(pending) }
        }
        pendingReads = waiting
    }

    /// What was accepted and not answered when the daemon ended: nobody can say what became of it.
    func answerInterrupted(at now: Timestamp) throws {
        for command in try ledger.unfinishedCommands() {
            let record = CommandRecord(
                id: command.record.id, kind: command.record.kind, state: .unknown, outcome: "interrupted")
            let answered = AnsweredCommand(record: record, position: command.position, received: command.received)
            try ledger.commit(LedgerTransaction(changes: [], command: answered), at: now)
            // No queue of the platform's has positions below 1.
            if command.position == 0 { brokerAnswers.add(record.json) }
        }
    }

    /// - Returns: whether nothing more is to be done for it.
    private func finishReading(_ pending: PendingRead, _ answer: CommandAnswer, at now: Timestamp) -> Bool {
        let command = pending.command
        let record = CommandRecord(
            id: command.id, kind: command.kind, state: answer.state, outcome: answer.outcome, detail: answer.detail)
        let answered = AnsweredCommand(record: record, position: command.position, received: command.bytes)
        switch tryCommit(LedgerTransaction(changes: [], command: answered), at: now) {
        case nil:
            if pending.isFromBroker { brokerAnswers.add(record.json) }
            return true
        case .refused(let reason):
            logger.error("an answer cannot be kept", metadata: ["id": "\(command.id)", "reason": "\(reason)"])
            return true
        default: return false
        }
    }
}
