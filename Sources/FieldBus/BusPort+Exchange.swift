internal import MeterProfiles
internal import Metering

/// One request, and what is made of what comes back.
extension BusPort {
    func exchange(
        _ request: [UInt8], expected: ExpectedAnswer, timeout: Duration, began: MonotonicTime? = nil
    ) -> BusTransaction {
        guard let line else { return unsent(request, "not open") }
        if let reason = awaitSilence(line) { return unsent(request, reason) }
        let sentAt = SerialLine.now()
        if let reason = line.send(request) { return unsent(request, reason) }
        // What can wait is made while the request is on the wire.
        let requestOut = sentAt + timing.character * (request.count + 2)
        var attempt = Attempt(
            request: request, expected: expected, lineEchoes: lineEchoes, began: began ?? sentAt,
            requestOut: requestOut)
        swap(&attempt.notes, &notesBefore)
        // Many adapters hand over nothing of an answer before much of it is there.
        let firstBurst = timing.character * min(largestFirstBurst ?? expected.length, expected.length)
        let answerBy = requestOut + max(.zero, timeout) + firstBurst + silence.lateness * 2
        var delivery = DeliveryTrack(character: timing.character)
        var state = AnswerAssembler.State.waiting
        receiving: while true {
            switch line.receive(into: &buffer, until: attempt.deadline(answerBy: answerBy, timing: timing)) {
            case .bytes(let count):
                let now = SerialLine.now()
                delivery.took(count, at: now)
                let isFirst = attempt.turnaround == nil
                state = attempt.take(buffer[..<count], at: now, timing: timing)
                if isFirst { largestFirstBurst = max(largestFirstBurst ?? 0, attempt.assembler.received.count) }
                guard case .waiting = state else { break receiving }
                if count <= 2 { rest(attempt.assembler.missing, from: now) }
            case .silence:
                state = attempt.assembler.stateAtSilence()
                break receiving
            case .lost(let reason):
                close()
                return attempt.transaction(.failure(.portLost(reason: reason)), endedAt: SerialLine.now())
            }
        }
        var lastCharacter = attempt.lastByteAt
        if case .done = state, let endedAt = delivery.endedAt { lastCharacter = endedAt }
        silence.begin(at: max(lastCharacter, requestOut) + timing.silence)
        return finish(attempt, state)
    }

    func unsent(_ request: [UInt8], _ reason: String) -> BusTransaction {
        close()
        let now = SerialLine.now()
        return BusTransaction(
            unit: request[0], request: request, received: [], result: .failure(.portLost(reason: reason)), sentAt: now,
            turnaround: nil, endedAt: now, notes: [])
    }

    private func finish(_ attempt: consuming Attempt, _ state: AnswerAssembler.State) -> BusTransaction {
        let endedAt = SerialLine.now()
        let unit = attempt.request[0]
        if !attempt.expected.isEcho, !attempt.assembler.received.isEmpty {
            lineEchoes = attempt.assembler.sawLocalEcho
        }
        if attempt.assembler.sawLocalEcho { attempt.notes.append(.localEcho) }
        var areAllLate = !attempt.assembler.strangers.isEmpty
        for stranger in attempt.assembler.strangers {
            let note = unsettled.arrived(stranger, at: attempt.lastByteAt, lastAsked: unit)
            if case .lateAnswer = note {} else { areAllLate = false }
            attempt.notes.append(note)
        }
        if attempt.assembler.noiseCount > 0 { attempt.notes.append(.noise(bytes: attempt.assembler.noiseCount)) }
        lastAsked = unit
        let result = result(of: state, areAllLate: areAllLate)
        switch result {
        case .success, .failure(.exception):
            unsettled.answered(
                unit: unit, request: attempt.request, shape: attempt.shape, outAt: attempt.requestOut,
                turnaround: attempt.turnaround ?? .zero)
        // At another rate it is another device, of which nothing is asked there again.
        case .failure where format == serial:
            unsettled.missed(unit: unit, request: attempt.request, shape: attempt.shape, outAt: attempt.requestOut)
        case .failure: break
        }
        return attempt.transaction(result, endedAt: endedAt)
    }

    /// - Parameter areAllLate: all frames that were not the answer came from units that had been given up.
    private func result(of state: AnswerAssembler.State, areAllLate: Bool) -> Result<[UInt16], BusFault> {
        switch state {
        case .done(let words): return .success(words)
        // What other units said too late is not this unit's doing.
        case .failed(.wrongAnswer) where areAllLate: return .failure(.timeout)
        // A gateway's word that the device behind it did not answer (Modbus application protocol, 7: codes 10, 11).
        case .failed(.exception(code: 10...11)) where isNetwork: return .failure(.timeout)
        case .failed(let fault): return .failure(fault)
        case .waiting: return .failure(.timeout)
        }
    }

    /// Waits until the line has been silent for 3.5 characters, and notes what it says meanwhile.
    /// - Returns: the reason when the port is lost.
    func awaitSilence(_ line: any BusLine) -> String? {
        let heard = silence.wait(on: line, silence: timing.silence, into: &buffer)
        guard heard.lost == nil, !heard.strays.isEmpty, notesBefore.count < Self.mostNotesBefore else {
            return heard.lost
        }
        let strays = heard.strays
        var head = 0
        var noiseCount = 0
        while head < strays.count {
            if let length = RTUFrame.wholeFrame(strays[head...]) {
                let frame = Array(strays[head..<(head + length)])
                notesBefore.append(unsettled.arrived(frame, at: SerialLine.now(), lastAsked: lastAsked))
                head += length
            } else {
                noiseCount += 1
                head += 1
            }
        }
        if noiseCount > 0 { notesBefore.append(.noise(bytes: noiseCount)) }
        return nil
    }

    /// Sleeps while the rest of an answer is on the wire, up to its last character, rather than wake for
    /// each.
    private func rest(_ missing: Int?, from lastByteAt: MonotonicTime) {
        guard let missing, missing > 2 else { return }
        SerialLine.sleep(until: lastByteAt + timing.character * (missing - 2))
    }
}
