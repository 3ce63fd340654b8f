internal import MeterProfiles
internal import Metering

/// One request and what comes back, while it is under way.
struct Attempt {
    let request: [UInt8]
    let expected: ExpectedAnswer
    /// The first byte's way out: that of the request before it, where one settled the unit.
    let began: MonotonicTime
    /// The request's last character.
    let requestOut: MonotonicTime
    var assembler: AnswerAssembler
    var lastByteAt: MonotonicTime
    /// From the request's last character to the first byte of what came back.
    private(set) var turnaround: Duration?
    var notes: [LineNote] = []

    init(
        request: [UInt8], expected: ExpectedAnswer, lineEchoes: Bool, began: MonotonicTime, requestOut: MonotonicTime
    ) {
        self.request = request
        self.expected = expected
        self.began = began
        self.requestOut = requestOut
        lastByteAt = requestOut
        assembler = AnswerAssembler(request: request, expected: expected, lineEchoes: lineEchoes)
    }

    var shape: UnsettledAnswers.Shape { .init(function: request[1], length: expected.length) }

    /// While an answer is coming, a pause ends it; before it, only the time-out does.
    func deadline(answerBy: MonotonicTime, timing: LineTiming) -> MonotonicTime {
        if let missing = assembler.missing { return lastByteAt + timing.pauseInAnswer + timing.character * missing }
        return assembler.noiseCount > 0 ? max(lastByteAt + timing.pauseInAnswer, answerBy) : answerBy
    }

    /// Takes what came. Its characters took their time on the wire before the first burst was handed over.
    mutating func take(_ bytes: ArraySlice<UInt8>, at now: MonotonicTime, timing: LineTiming) -> AnswerAssembler.State {
        lastByteAt = now
        let state = assembler.take(bytes)
        if turnaround == nil, !assembler.received.isEmpty {
            turnaround = max(.zero, now - requestOut - timing.character * assembler.received.count)
        }
        return state
    }

    func transaction(_ result: Result<[UInt16], BusFault>, endedAt: MonotonicTime) -> BusTransaction {
        BusTransaction(
            unit: request[0], request: request, received: assembler.received, result: result, sentAt: began,
            turnaround: turnaround, endedAt: endedAt, notes: notes)
    }
}
