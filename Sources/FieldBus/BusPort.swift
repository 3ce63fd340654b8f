private import CLinux
public import MeterProfiles
public import Metering
private import Threading

/// One RS485 port and its only owner, on a thread of its own. libmodbus opens the line, sets its
/// format and sends; the silence between frames, the answer and its checks are kept here.
public actor BusPort {
    public nonisolated let path: String
    public nonisolated let serial: SerialFormat

    private let executor: ThreadExecutor
    private let allowances: LineAllowances
    private let address: PortAddress?
    /// What the line is set to: `serial`, except while a scan asks in another format.
    private var format: SerialFormat
    private var line: (any BusLine)?
    /// The line has been silent for long enough from here on, as far as is known.
    private var freeAt = MonotonicTime.zero
    private var unsettled: UnsettledAnswers
    private var lastAsked: UInt8?
    private var lineEchoes = false
    /// The most characters that came at once at an answer's start: until then a device seems silent.
    private var largestFirstBurst: Int?
    /// How late this program was of late, when it had to wake at a moment: a busy machine.
    private var lateness = Duration.zero
    private var buffer = [UInt8](repeating: 0, count: 512)
    /// What the line said while nothing was asked: it goes with the next transaction.
    private var notesBefore: [LineNote] = []

    /// A second device of one address answers this soon after the first, where it did not speak into it.
    private static let patienceForSecondAnswer: Duration = .milliseconds(30)
    /// How long a request waits for a line that babbles before it is sent all the same.
    private static let longestWaitForSilence: Duration = .milliseconds(200)
    private static let pauseInNetwork: Duration = .milliseconds(300)
    private static let mostLateness: Duration = .milliseconds(100)

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter path: a serial port, or a network address as `PortAddress` reads it.
    public init(bus: BusID, path: String, serial: SerialFormat, allowances: LineAllowances = LineAllowances()) {
        self.path = path
        self.serial = serial
        self.allowances = allowances
        address = PortAddress(path)
        format = serial
        unsettled = UnsettledAnswers(shortestPatience: allowances.lateAnswerPatience)
        executor = ThreadExecutor(name: "bus-\(bus)")
    }

    private var silence: Duration {
        allowances.extraSilence + (isPaced ? format.interFrameSilence : .zero)
    }

    /// Modbus TCP has no characters that take time, and no silence between frames.
    private var isPaced: Bool { if case .network(_, _, .tcp) = address { false } else { true } }

    /// A network may hand over an answer in pieces, and hold one back until the other is acknowledged.
    private var pauseInAnswer: Duration {
        if case .network = address { return max(allowances.pauseInAnswer, Self.pauseInNetwork) }
        return allowances.pauseInAnswer
    }

    private func duration(ofCharacters count: Int) -> Duration {
        isPaced ? format.duration(ofCharacters: Double(count)) : .zero
    }

    public var isOpen: Bool { line != nil }

    /// Opens the port and keeps other programs away from it.
    public func open() throws(PortError) {
        guard line == nil else { return }
        clinux_sharpen_timers_of_this_thread()
        switch address {
        case .serial(let path): line = try SerialLine(path: path, serial: serial, driving: allowances.driving)
        case .network(let host, let port, let framing):
            line = try NetworkLine(host: host, port: port, framing: framing)
        case nil: throw .malformed(address: path)
        }
        largestFirstBurst = nil
        format = serial
        freeAt = SerialLine.now() + silence
    }

    public func close() {
        line = nil
        unsettled.forget()
    }

    /// Waits until the next request may go out. What is asked then goes at once: to be called before that
    /// is decided.
    /// - Returns: false when the port is lost.
    public func settle() -> Bool {
        guard let line else { return false }
        let isThere = awaitSilence(line, notes: &notesBefore) == nil
        if !isThere { close() }
        return isThere
    }

    /// Reads registers or bits. Where a late answer of this unit could be taken for the answer, a short
    /// read of another length goes first; what it costs is in the transaction.
    /// - Parameter timeout: until the first byte of the answer, counted from the request's last byte.
    public func read(unit: UInt8, _ request: ReadRequest, timeout: Duration) -> BusTransaction {
        let bytes = RTUFrame.request(unit: unit, read: request)
        let settling = unsettled.settlingRead(unit: unit, before: request, request: bytes, at: SerialLine.now())
        guard let settling else { return exchange(bytes, expected: .values(request), timeout: timeout) }
        let first = exchange(
            RTUFrame.request(unit: unit, read: settling), expected: .values(settling), timeout: timeout)
        switch first.result {
        case .success, .failure(.exception):
            var second = exchange(bytes, expected: .values(request), timeout: timeout, began: first.sentAt)
            second.notes = first.notes + second.notes
            return second
        case .failure: return first
        }
    }

    /// Writes; done means that the device repeated the write, not that anything moved.
    public func write(unit: UInt8, _ write: RelayWrite, timeout: Duration) -> BusTransaction {
        exchange(RTUFrame.request(unit: unit, write: write), expected: .echo, timeout: timeout)
    }

    /// Asks as a scan does: in any format, and listening a little longer for a second device of the same
    /// address. The line has its own format again afterwards.
    public func probe(
        unit: UInt8, _ request: ReadRequest, in other: SerialFormat, timeout: Duration
    ) -> BusTransaction {
        let bytes = RTUFrame.request(unit: unit, read: request)
        if other != format, let reason = change(to: other) { return unsent(bytes, reason) }
        var transaction = exchange(bytes, expected: .values(request), timeout: timeout)
        if !transaction.received.isEmpty, let line {
            freeAt = max(freeAt, SerialLine.now() + Self.patienceForSecondAnswer)
            if let reason = awaitSilence(line, notes: &transaction.notes) { return unsent(bytes, reason) }
        }
        if format != serial, line != nil, let reason = change(to: serial) { return unsent(bytes, reason) }
        return transaction
    }

    /// Changes the line's format between two frames.
    /// - Returns: the reason when the port is lost.
    private func change(to other: SerialFormat) -> String? {
        guard let line else { return "not open" }
        // Whatever still comes in the format so far would be noise in the other.
        var notes: [LineNote] = []
        if let reason = awaitSilence(line, notes: &notes) ?? line.set(other) { return reason }
        let before = silence
        format = other
        freeAt = SerialLine.now() + max(before, silence)
        return nil
    }

    private func unsent(_ request: [UInt8], _ reason: String) -> BusTransaction {
        close()
        let now = SerialLine.now()
        return BusTransaction(
            unit: request[0], request: request, received: [], result: .failure(.portLost(reason: reason)), sentAt: now,
            turnaround: nil, endedAt: now, notes: [])
    }

    private func exchange(
        _ request: [UInt8], expected: ExpectedAnswer, timeout: Duration, began: MonotonicTime? = nil
    ) -> BusTransaction {
        var attempt = Attempt(request: request, expected: expected, lineEchoes: lineEchoes, began: began)
        guard let line else { return attempt.lost("not open", at: SerialLine.now()) }
        (attempt.notes, notesBefore) = (notesBefore, [])
        if let reason = awaitSilence(line, notes: &attempt.notes) { return lose(attempt, reason) }
        attempt.sentAt = SerialLine.now()
        if let reason = line.send(request) { return lose(attempt, reason) }
        let requestOut = attempt.sentAt + duration(ofCharacters: request.count + 2)
        // Many adapters hand over nothing of an answer before much of it is there.
        let firstBurst = duration(ofCharacters: min(largestFirstBurst ?? expected.length, expected.length))
        let answerBy = requestOut + max(.zero, timeout) + firstBurst + lateness * 2
        var lastByteAt = requestOut
        var delivery = DeliveryTrack(character: duration(ofCharacters: 1))
        var state = AnswerAssembler.State.waiting
        while state == .waiting {
            let missing = duration(ofCharacters: attempt.assembler.missing ?? 0)
            let deadline = attempt.deadline(
                answerBy: answerBy, pause: lastByteAt + pauseInAnswer + missing)
            switch line.receive(into: &buffer, until: deadline) {
            case .bytes(let count):
                lastByteAt = SerialLine.now()
                delivery.took(count, at: lastByteAt)
                state = attempt.assembler.take(buffer[..<count])
                noteTurnaround(&attempt, requestOut: requestOut, lastByteAt: lastByteAt)
                if state == .waiting, count <= 2 { rest(attempt.assembler.missing, from: lastByteAt) }
            case .silence: state = attempt.assembler.stateAtSilence()
            case .lost(let reason): return lose(attempt, reason)
            }
        }
        let isWhole = if case .done = state { true } else { false }
        freeAt = max(isWhole ? delivery.endedAt ?? lastByteAt : lastByteAt, requestOut) + silence
        return finish(attempt, state, requestOut: requestOut, lastByteAt: lastByteAt)
    }

    /// One attempt while it is under way.
    private struct Attempt {
        let request: [UInt8]
        let expected: ExpectedAnswer
        let began: MonotonicTime?
        var assembler: AnswerAssembler
        var sentAt = MonotonicTime.zero
        var turnaround: Duration?
        var notes: [LineNote] = []

        init(request: [UInt8], expected: ExpectedAnswer, lineEchoes: Bool, began: MonotonicTime?) {
            self.request = request
            self.expected = expected
            self.began = began
            assembler = AnswerAssembler(request: request, expected: expected, lineEchoes: lineEchoes)
        }

        var shape: UnsettledAnswers.Shape { .init(function: request[1], length: expected.length) }

        /// While an answer is coming, a pause ends it; before it, only the time-out does.
        func deadline(answerBy: MonotonicTime, pause: MonotonicTime) -> MonotonicTime {
            if assembler.missing != nil { return pause }
            return assembler.noiseCount > 0 ? max(pause, answerBy) : answerBy
        }

        func transaction(_ result: Result<[UInt16], BusFault>, endedAt: MonotonicTime) -> BusTransaction {
            BusTransaction(
                unit: request[0], request: request, received: assembler.received, result: result,
                sentAt: began ?? sentAt, turnaround: turnaround, endedAt: endedAt, notes: notes)
        }

        mutating func lost(_ reason: String, at now: MonotonicTime) -> BusTransaction {
            if sentAt == .zero { sentAt = now }
            return transaction(.failure(.portLost(reason: reason)), endedAt: now)
        }
    }

    /// The first burst of an answer took its characters' time on the wire before it was handed over.
    private func noteTurnaround(_ attempt: inout Attempt, requestOut: MonotonicTime, lastByteAt: MonotonicTime) {
        let count = attempt.assembler.received.count
        guard attempt.turnaround == nil, count > 0 else { return }
        attempt.turnaround = max(.zero, lastByteAt - requestOut - duration(ofCharacters: count))
        largestFirstBurst = max(largestFirstBurst ?? 0, count)
    }

    /// Keeps the worst, and forgets it within some ten transactions.
    private func noteLateness(_ late: Duration) {
        lateness = max(min(late, Self.mostLateness), lateness - lateness / 8)
    }

    private func finish(
        _ attempt: Attempt, _ state: AnswerAssembler.State, requestOut: MonotonicTime, lastByteAt: MonotonicTime
    ) -> BusTransaction {
        var attempt = attempt
        let endedAt = SerialLine.now()
        let unit = attempt.request[0]
        if case .values = attempt.expected, !attempt.assembler.received.isEmpty {
            lineEchoes = attempt.assembler.sawLocalEcho
        }
        if attempt.assembler.sawLocalEcho { attempt.notes.append(.localEcho) }
        let strangers = attempt.assembler.strangers.map {
            unsettled.arrived($0, at: lastByteAt, lastAsked: unit)
        }
        attempt.notes += strangers
        if attempt.assembler.noiseCount > 0 { attempt.notes.append(.noise(bytes: attempt.assembler.noiseCount)) }
        lastAsked = unit
        var result: Result<[UInt16], BusFault>
        switch state {
        case .done(let words): result = .success(words)
        case .failed(let fault): result = .failure(fault)
        case .waiting: result = .failure(.timeout)
        }
        // A gateway's word that the device behind it did not answer (Modbus application protocol, 7: codes 10, 11).
        if case .network = address, case .failure(.exception(code: 10...11)) = result { result = .failure(.timeout) }
        // What other units said too late is not this unit's doing.
        if result == .failure(.wrongAnswer), !strangers.isEmpty, strangers.allSatisfy(\.isLate) {
            result = .failure(.timeout)
        }
        switch result {
        case .success, .failure(.exception):
            unsettled.answered(
                unit: unit, request: attempt.request, shape: attempt.shape, outAt: requestOut,
                turnaround: attempt.turnaround ?? .zero)
        // At another rate it is another device, of which nothing is asked there again.
        case .failure where format == serial:
            unsettled.missed(unit: unit, request: attempt.request, shape: attempt.shape, outAt: requestOut)
        case .failure: break
        }
        return attempt.transaction(result, endedAt: endedAt)
    }

    /// Waits until the line has been silent for 3.5 characters, and notes what it says meanwhile.
    /// - Returns: the reason when the port is lost.
    private func awaitSilence(_ line: any BusLine, notes: inout [LineNote]) -> String? {
        var strays: [UInt8] = []
        let limit = max(SerialLine.now(), freeAt) + Self.longestWaitForSilence
        let isWaiting = SerialLine.now() < freeAt
        listening: while true {
            switch line.receive(into: &buffer, until: freeAt) {
            case .silence:
                let late = SerialLine.now() - freeAt
                // The silence is kept by the clock alone, whatever the wait took itself to be.
                if late < .zero { continue }
                if isWaiting { noteLateness(late) }
                break listening
            case .lost(let reason): return reason
            case .bytes(let count):
                let now = SerialLine.now()
                if strays.count < buffer.count { strays += buffer[..<count] }
                freeAt = now + silence
                if now >= limit { break listening }
            }
        }
        guard !strays.isEmpty else { return nil }
        var head = 0
        var noiseCount = 0
        while head < strays.count {
            if let length = RTUFrame.wholeFrame(strays[head...]) {
                let frame = Array(strays[head..<(head + length)])
                notes.append(unsettled.arrived(frame, at: SerialLine.now(), lastAsked: lastAsked))
                head += length
            } else {
                noiseCount += 1
                head += 1
            }
        }
        if noiseCount > 0 { notes.append(.noise(bytes: noiseCount)) }
        return nil
    }

    /// Sleeps while the rest of an answer is on the wire, up to its last character, rather than wake for
    /// each.
    private func rest(_ missing: Int?, from lastByteAt: MonotonicTime) {
        guard let missing, missing > 2 else { return }
        SerialLine.sleep(until: lastByteAt + duration(ofCharacters: missing - 2))
    }

    private func lose(_ attempt: Attempt, _ reason: String) -> BusTransaction {
        var attempt = attempt
        close()
        return attempt.lost(reason, at: SerialLine.now())
    }
}

extension LineNote {
    fileprivate var isLate: Bool { if case .lateAnswer = self { true } else { false } }
}
