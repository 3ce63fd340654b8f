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
    /// What an adapter that hears itself hands back first.
    private let localEcho: [UInt8]
    private let isEchoCertain: Bool
    private(set) var received: [UInt8] = []
    private(set) var sawLocalEcho = false
    /// Whole frames that are not the answer, CRC included.
    private(set) var strangers: [[UInt8]] = []
    /// Bytes that belong to no frame.
    private(set) var noiseCount = 0
    /// Once the answer has begun: the characters that are still to come, at least.
    private(set) var missing: Int?

    /// More than a few frames can never be right.
    private static let mostBytes = 1024

    /// - Parameters:
    ///   - request: without its CRC.
    ///   - lineEchoes: the line is known to hand back what was sent, so that the first copy of a write is
    ///     not the device's.
    package init(request: [UInt8], expected: ExpectedAnswer, lineEchoes: Bool = false) {
        self.request = request
        self.expected = expected
        localEcho = request + RTUFrame.crc(request)
        isEchoCertain = lineEchoes
    }

    package mutating func take(_ bytes: some Sequence<UInt8>) -> State {
        received += bytes
        guard received.count <= Self.mostBytes else { return .failed(.badFrame) }
        if !sawLocalEcho {
            if received.starts(with: localEcho) {
                // A write is echoed by the device too: only a second copy is surely its answer.
                if expected != .echo || isEchoCertain || received.count > localEcho.count {
                    sawLocalEcho = true
                    received.removeFirst(localEcho.count)
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
        guard case .waiting = scan() else { return scan() }
        if missing != nil || noiseCount > 0 { return .failed(.badFrame) }
        return .failed(strangers.isEmpty ? .timeout : .wrongAnswer)
    }

    private enum Sight {
        case answer(length: Int)
        case unfinished(missing: Int)
        case broken
        case stranger(length: Int)
        case noise
    }

    private mutating func scan() -> State {
        var head = 0
        var isBroken = false
        strangers = []
        noiseCount = 0
        missing = nil
        while head < received.count {
            switch sight(received[head...]) {
            case .answer(let length):
                // More than the answer: two devices talked, or an old answer came before this one.
                guard head + length == received.count else { return .failed(.wrongAnswer) }
                return verdict(received[head...])
            case .unfinished(let characters):
                missing = characters
                return isBroken ? .failed(.badFrame) : .waiting
            case .stranger(let length):
                strangers.append(Array(received[head..<(head + length)]))
                head += length
            case .broken:
                isBroken = true
                noiseCount += 1
                head += 1
            case .noise:
                noiseCount += 1
                head += 1
            }
        }
        return isBroken ? .failed(.badFrame) : .waiting
    }

    /// What stands at the beginning of `rest`, which has at least one byte.
    private func sight(_ rest: ArraySlice<UInt8>) -> Sight {
        let bytes = Array(rest.prefix(3))
        if bytes[0] == request[0] {
            guard bytes.count >= 2 else { return .unfinished(missing: 4) }
            if bytes[1] == request[1] | 0x80 { return whole(rest, length: 5) }
            if bytes[1] == request[1] {
                guard bytes.count == 3 else { return .unfinished(missing: expected.length - 2) }
                if hasExpectedShape(bytes[2]) {
                    let sight = whole(rest, length: expected.length)
                    if case .answer(let length) = sight, expected == .echo, !rest.starts(with: request.prefix(6)) {
                        return .stranger(length: length)
                    }
                    return sight
                }
                if let length = RTUFrame.answerLength(rest), length > rest.count {
                    return .unfinished(missing: length - rest.count)
                }
            }
        }
        return RTUFrame.wholeFrame(rest).map { .stranger(length: $0) } ?? .noise
    }

    private func whole(_ rest: ArraySlice<UInt8>, length: Int) -> Sight {
        if rest.count < length { return .unfinished(missing: length - rest.count) }
        return RTUFrame.isSealed(rest.prefix(length)) ? .answer(length: length) : .broken
    }

    private func hasExpectedShape(_ third: UInt8) -> Bool {
        switch expected {
        case .echo: true
        case .values(let read): Int(third) == read.characters.response - 5
        }
    }

    private func verdict(_ frame: ArraySlice<UInt8>) -> State {
        let frame = Array(frame)
        if frame[1] != request[1] { return .failed(.exception(code: frame[2])) }
        guard case .values(let read) = expected else { return .done([]) }
        let data = frame[3..<(frame.count - 2)]
        switch read.table {
        case .coil, .discreteInput:
            return .done((0..<read.count).map { UInt16(data[3 + $0 / 8] >> UInt8($0 % 8) & 1) })
        case .holding, .input:
            return .done((0..<read.count).map { UInt16(data[3 + 2 * $0]) << 8 | UInt16(data[4 + 2 * $0]) })
        }
    }
}
