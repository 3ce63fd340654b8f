internal import MeterProfiles

/// Requests and answers of Modbus RTU as bytes, without their line.
enum RTUFrame {
    /// The request without its CRC, which the transport adds.
    static func request(unit: UInt8, read: ReadRequest) -> [UInt8] {
        [unit, read.table.rawValue] + bytes(read.address) + bytes(UInt16(truncatingIfNeeded: read.count))
    }

    static func request(unit: UInt8, write: RelayWrite) -> [UInt8] {
        switch write {
        case .coil(let address, let value): [unit, 0x05] + bytes(address) + [value ? 0xFF : 0x00, 0x00]
        case .register(let address, let value): [unit, 0x06] + bytes(address) + bytes(value)
        case .registers(let address, let values):
            [unit, 0x10] + bytes(address) + bytes(UInt16(truncatingIfNeeded: values.count))
                + [UInt8(truncatingIfNeeded: values.count * 2)] + values.flatMap(bytes)
        }
    }

    /// CRC-16, polynomial 0xA001, low byte first (Modbus serial line specification, 6.2.2).
    static func crc(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var crc: UInt16 = 0xFFFF
        for byte in bytes {
            crc ^= UInt16(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xA001 : crc >> 1 }
        }
        return [UInt8(crc & 0xFF), UInt8(crc >> 8)]
    }

    private static func bytes(_ word: UInt16) -> [UInt8] { [UInt8(word >> 8), UInt8(word & 0xFF)] }
}

/// What is expected back.
enum ExpectedAnswer: Hashable {
    /// Registers, or bits as 0 and 1.
    case values(ReadRequest)
    /// The first six bytes of the request again: unit, function, address, value or count.
    case echo
}

/// Takes the bytes that come in after a request until they are its answer, or cannot become it.
struct AnswerAssembler {
    enum State: Hashable {
        case waiting
        case done([UInt16])
        case failed(BusFault)
    }

    private let request: [UInt8]
    private let expected: ExpectedAnswer
    private var received: [UInt8] = []
    /// Set when an RS485 adapter hands back what was sent.
    private(set) var sawLocalEcho = false
    private(set) var sawForeignFrame = false

    /// More than a frame and its echo can never be right.
    private static let mostBytes = 1024

    /// - Parameter request: without its CRC.
    init(request: [UInt8], expected: ExpectedAnswer) {
        self.request = request
        self.expected = expected
    }

    var hasReceivedAny: Bool { !received.isEmpty }

    mutating func take(_ bytes: some Sequence<UInt8>) -> State {
        received += bytes
        guard received.count <= Self.mostBytes else { return .failed(.badFrame) }
        if !sawLocalEcho, case let echo = request + RTUFrame.crc(request), received.starts(with: echo) {
            // A write is echoed by the device too: only a second copy is its answer.
            if expected != .echo || received.count > echo.count {
                sawLocalEcho = true
                received.removeFirst(echo.count)
            }
        }
        return state
    }

    /// What the silence after the last byte makes of what came.
    var stateAtSilence: State {
        if case .waiting = state { return received.isEmpty ? .failed(.timeout) : .failed(.badFrame) }
        return state
    }

    private var state: State {
        guard received.count >= 2 else { return .waiting }
        let isException = received[1] == request[1] | 0x80
        let length = isException ? 5 : expectedLength
        guard received.count >= length else { return .waiting }
        let frame = Array(received.prefix(length))
        guard RTUFrame.crc(frame.dropLast(2)) == Array(frame.suffix(2)) else { return .failed(.badFrame) }
        guard frame[0] == request[0] else { return .failed(.wrongAnswer) }
        if isException { return .failed(.exception(code: frame[2])) }
        guard frame[1] == request[1] else { return .failed(.wrongAnswer) }
        // More bytes than the answer has: two devices talked, or an old answer came before this one.
        guard received.count == length else { return .failed(.wrongAnswer) }
        return check(frame)
    }

    private var expectedLength: Int {
        switch expected {
        case .echo: 8
        case .values(let read): read.characters.response
        }
    }

    private func check(_ frame: [UInt8]) -> State {
        switch expected {
        case .echo:
            return Array(frame.prefix(6)) == Array(request.prefix(6)) ? .done([]) : .failed(.wrongAnswer)
        case .values(let read):
            let data = Array(frame[3..<(frame.count - 2)])
            guard Int(frame[2]) == data.count else { return .failed(.wrongAnswer) }
            switch read.table {
            case .coil, .discreteInput:
                return .done((0..<read.count).map { UInt16(data[$0 / 8] >> UInt8($0 % 8) & 1) })
            case .holding, .input:
                return .done(
                    (0..<read.count).map { UInt16(data[2 * $0]) << 8 | UInt16(data[2 * $0 + 1]) })
            }
        }
    }
}
