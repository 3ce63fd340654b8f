package import MeterProfiles

/// What is expected back.
package enum ExpectedAnswer: Hashable {
    /// Registers, or bits as 0 and 1.
    case values(ReadRequest)
    /// The first six bytes of the request again: unit, function, address, value or count.
    case echo

    /// Characters of the answer, CRC included.
    var length: Int {
        switch self {
        case .echo: 8
        case .values(let read): read.characters.response
        }
    }

    var isEcho: Bool { if case .echo = self { true } else { false } }
}

/// Takes the bytes that come in after a request until they are its answer, or cannot become it. Noise
/// and whole frames that answer something else are stepped over: the answer may follow them.
package struct AnswerAssembler {
    package enum State: Hashable {
        case waiting
        case done([UInt16])
        case failed(BusFault)
    }

    private let request: [UInt8]
    private let expected: ExpectedAnswer
    private let isEchoCertain: Bool
    private(set) var received: [UInt8] = []
    private(set) var sawLocalEcho = false
    /// Whole frames that are not the answer, CRC included.
    private(set) var strangers: [[UInt8]] = []
    /// Once the answer has begun: the characters that are still to come, at least.
    private(set) var missing: Int?
    /// What stands before this is known to be noise, or whole frames of others.
    private var settled = 0
    private var settledNoise = 0
    /// Behind it, what begins nothing so far: a frame of others may yet be whole there.
    private var openNoise = 0
    private var isBroken = false
    /// Behind `settled`, by position: how many bytes there were when no whole frame was found to begin there. What
    /// was whole by then is not checked again, so that the time for all pieces together grows as their length.
    private var checked: [Int] = []

    /// More than a few frames can never be right.
    private static let mostBytes = 1024

    /// - Parameters:
    ///   - request: without its CRC.
    ///   - lineEchoes: the line is known to hand back what was sent, so that the first copy of a write is
    ///     not the device's.
    package init(request: [UInt8], expected: ExpectedAnswer, lineEchoes: Bool = false) {
        self.request = request
        self.expected = expected
        isEchoCertain = lineEchoes
    }

    /// Bytes that belong to no frame.
    var noiseCount: Int { settledNoise + openNoise }

    /// Bytes that are looked at again with the next: never more than the longest frame has.
    var unsettledCount: Int { received.count - settled }

    package mutating func take(_ bytes: some Sequence<UInt8>) -> State {
        received += bytes
        guard received.count <= Self.mostBytes else { return .failed(.badFrame) }
        if !sawLocalEcho, settled == 0, received.starts(with: request.prefix(received.count)) {
            // What an adapter that hears itself hands back first.
            let localEcho = request + RTUFrame.crc(request)
            if received.starts(with: localEcho) {
                // A write is echoed by the device too: only a second copy is surely its answer.
                if !expected.isEcho || isEchoCertain || received.count > localEcho.count {
                    sawLocalEcho = true
                    received.removeFirst(localEcho.count)
                    checked = []
                }
            } else if received.count < localEcho.count, localEcho.starts(with: received) {
                missing = min(localEcho.count, expected.length) - received.count
                if missing ?? 0 > 0 { return .waiting }
            }
        }
        return scan()
    }

    /// What the silence after the last byte makes of what came.
    package mutating func stateAtSilence() -> State {
        let state = scan()
        guard case .waiting = state else { return state }
        if missing != nil || noiseCount > 0 { return .failed(.badFrame) }
        return .failed(strangers.isEmpty ? .timeout : .wrongAnswer)
    }

    private enum Sight {
        case answer(length: Int)
        case unfinished(missing: Int)
        case broken
        case stranger(length: Int)
        /// No frame begins here, and none can.
        case noise
        /// No frame begins here, unless more comes.
        case open
    }

    private mutating func scan() -> State {
        var head = settled
        openNoise = 0
        missing = nil
        while head < received.count {
            let sight = sight(head)
            switch sight {
            case .answer(let length):
                // More than the answer: two devices talked, or an old answer came before this one.
                guard head + length == received.count else { return .failed(.wrongAnswer) }
                return verdict(received[head...])
            case .unfinished(let characters):
                missing = characters
                return isBroken ? .failed(.badFrame) : .waiting
            case .stranger(let length):
                strangers.append(Array(received[head..<(head + length)]))
                settle(until: head + length, noise: head - settled)
                head = settled
            case .broken, .noise, .open:
                if case .broken = sight { isBroken = true }
                if case .open = sight { openNoise += 1 } else { pass(head) }
                head += 1
            }
        }
        return isBroken ? .failed(.badFrame) : .waiting
    }

    /// Counts one byte of noise: for good where nothing before it is open.
    private mutating func pass(_ head: Int) {
        if head == settled { settle(until: head + 1, noise: 1) } else { openNoise += 1 }
    }

    private mutating func settle(until end: Int, noise: Int) {
        checked.removeFirst(min(checked.count, end - settled))
        settled = end
        settledNoise += noise
        openNoise = 0
    }

    /// What stands at a position that has at least one byte.
    private mutating func sight(_ head: Int) -> Sight {
        let rest = received[head...]
        if rest[head] == request[0] {
            guard rest.count >= 2 else { return .unfinished(missing: 4) }
            if rest[head + 1] == request[1] | 0x80 { return whole(rest, length: 5) }
            if rest[head + 1] == request[1] {
                guard rest.count >= 3 else { return .unfinished(missing: expected.length - 2) }
                if hasExpectedShape(rest[head + 2]) {
                    let sight = whole(rest, length: expected.length)
                    if case .answer(let length) = sight, expected.isEcho, !rest.starts(with: request.prefix(6)) {
                        return .stranger(length: length)
                    }
                    return sight
                }
                if let length = RTUFrame.answerLength(rest), length > rest.count {
                    return .unfinished(missing: length - rest.count)
                }
            }
        }
        return others(rest)
    }

    private func whole(_ rest: ArraySlice<UInt8>, length: Int) -> Sight {
        if rest.count < length { return .unfinished(missing: length - rest.count) }
        return RTUFrame.isSealed(rest.prefix(length)) ? .answer(length: length) : .broken
    }

    /// What of others stands at the beginning of `rest`: a whole frame, one that may yet be whole, or none.
    private mutating func others(_ rest: ArraySlice<UInt8>) -> Sight {
        let answer = RTUFrame.answerLength(rest)
        let place = rest.startIndex - settled
        if checked.count <= place { checked += repeatElement(0, count: place + 1 - checked.count) }
        for length in [answer ?? 0, RTUFrame.requestLength] where length > checked[place] && length <= rest.count {
            if RTUFrame.isSealed(rest.prefix(length)) { return .stranger(length: length) }
        }
        checked[place] = rest.count
        return rest.count < max(answer ?? 0, RTUFrame.requestLength) ? .open : .noise
    }

    private func hasExpectedShape(_ third: UInt8) -> Bool {
        switch expected {
        case .echo: true
        case .values(let read): Int(third) == read.characters.response - 5
        }
    }

    private func verdict(_ frame: ArraySlice<UInt8>) -> State {
        let start = frame.startIndex
        if frame[start + 1] != request[1] { return .failed(.exception(code: frame[start + 2])) }
        guard case .values(let read) = expected else { return .done([]) }
        let data = start + 3
        switch read.table {
        case .coil, .discreteInput:
            return .done((0..<read.count).map { UInt16(frame[data + $0 / 8] >> UInt8($0 % 8) & 1) })
        case .holding, .input:
            return .done((0..<read.count).map { UInt16(frame[data + 2 * $0]) << 8 | UInt16(frame[data + 1 + 2 * $0]) })
        }
    }
}
