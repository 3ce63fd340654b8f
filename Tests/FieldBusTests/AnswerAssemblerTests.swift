import MeterProfiles
import Testing

@testable import FieldBus

/// Frames as hexadecimal text.
private func bytes(_ text: String) -> [UInt8] { text.split(separator: " ").compactMap { UInt8($0, radix: 16) } }
private func sealed(_ text: String) -> [UInt8] { bytes(text) + RTUFrame.crc(bytes(text)) }

@Suite("What came back, and whether it is the answer")
struct AnswerAssemblerTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let arrivals: [[UInt8]]
        let state: AnswerAssembler.State
        var testDescription: String { name }
    }

    /// Unit 1, two input registers from 12.
    private static let request = bytes("01 04 00 0C 00 02")
    private static let good = sealed("01 04 04 42 BF 00 00")

    static let table: [Row] = [
        Row(name: "a whole answer", arrivals: [good], state: .done([0x42BF, 0])),
        Row(
            name: "an answer in three bursts", arrivals: [Array(good[..<2]), Array(good[2..<8]), [good[8]]],
            state: .done([0x42BF, 0])),
        Row(name: "silence", arrivals: [], state: .failed(.timeout)),
        Row(name: "cut short", arrivals: [Array(good.dropLast())], state: .failed(.badFrame)),
        Row(name: "a bit wrong", arrivals: [bytes("01 04 04 42 BE 00 00") + good.suffix(2)], state: .failed(.badFrame)),
        Row(name: "an exception", arrivals: [sealed("01 84 02")], state: .failed(.exception(code: 2))),
        Row(name: "another unit's answer", arrivals: [sealed("02 04 04 42 BF 00 00")], state: .failed(.wrongAnswer)),
        Row(name: "another function", arrivals: [sealed("01 03 04 42 BF 00 00")], state: .failed(.wrongAnswer)),
        Row(
            name: "a late answer of another length",
            arrivals: [sealed("01 04 08 00 01 00 02 00 03 00 04")], state: .failed(.wrongAnswer)),
        Row(
            name: "a late answer of another length, then the answer",
            arrivals: [sealed("01 04 08 00 01 00 02 00 03 00 04"), good], state: .done([0x42BF, 0])),
        Row(
            name: "another unit's late answer, then the answer",
            arrivals: [sealed("02 04 04 11 11 22 22") + good], state: .done([0x42BF, 0])),
        Row(
            name: "another master's request, then the answer",
            arrivals: [sealed("07 03 00 00 00 02"), good], state: .done([0x42BF, 0])),
        Row(name: "noise before the answer", arrivals: [bytes("00 FE 01") + good], state: .done([0x42BF, 0])),
        Row(
            name: "noise before the answer that looks like its start",
            arrivals: [bytes("01 01") + good], state: .done([0x42BF, 0])),
        Row(name: "noise after the answer", arrivals: [good + bytes("00")], state: .failed(.wrongAnswer)),
        Row(
            name: "one byte at a time", arrivals: (sealed("01 04 00 0C 00 02") + good).map { [$0] },
            state: .done([0x42BF, 0])),
        Row(name: "two answers on end", arrivals: [good + good], state: .failed(.wrongAnswer)),
        Row(
            name: "the adapter's own echo before the answer", arrivals: [sealed("01 04 00 0C 00 02") + good],
            state: .done([0x42BF, 0])),
        Row(
            name: "the echo alone", arrivals: [sealed("01 04 00 0C 00 02")], state: .failed(.timeout)),
        Row(name: "noise", arrivals: [bytes("FF 00 7F 13 88 FE 21 00 00")], state: .failed(.badFrame)),
    ]

    @Test("reading two registers", arguments: table)
    func registers(row: Row) throws {
        let read = try #require(ReadRequest(table: .input, address: 12, count: 2))
        #expect(RTUFrame.request(unit: 1, read: read) == Self.request)
        var assembler = AnswerAssembler(request: Self.request, expected: .values(read))
        var state = AnswerAssembler.State.waiting
        for arrival in row.arrivals where state == .waiting { state = assembler.take(arrival) }
        if state == .waiting { state = assembler.stateAtSilence() }
        #expect(state == row.state)
    }

    @Test("bits come as 0 and 1")
    func bits() throws {
        let read = try #require(ReadRequest(table: .coil, address: 0, count: 10))
        var assembler = AnswerAssembler(request: RTUFrame.request(unit: 100, read: read), expected: .values(read))
        #expect(assembler.take(sealed("64 01 02 05 02")) == .done([1, 0, 1, 0, 0, 0, 0, 0, 0, 1]))
    }

    @Test("a write is done when the device repeats it, and only then")
    func write() {
        let request = RTUFrame.request(unit: 100, write: .coil(address: 3, value: true))
        #expect(request == bytes("64 05 00 03 FF 00"))
        let echo = request + RTUFrame.crc(request)
        var plain = AnswerAssembler(request: request, expected: .echo)
        #expect(plain.take(echo) == .done([]))
        var other = AnswerAssembler(request: request, expected: .echo)
        #expect(other.take(sealed("64 05 00 03 00 00")) == .waiting)
        #expect(other.stateAtSilence() == .failed(.wrongAnswer))
        var echoing = AnswerAssembler(request: request, expected: .echo, lineEchoes: true)
        #expect(echoing.take(echo) == .waiting)
        #expect(echoing.stateAtSilence() == .failed(.timeout))
        var answered = AnswerAssembler(request: request, expected: .echo, lineEchoes: true)
        #expect(answered.take(echo + echo) == .done([]))
        var registers = AnswerAssembler(
            request: RTUFrame.request(unit: 9, write: .registers(address: 0x57, values: [1, 0])), expected: .echo)
        #expect(registers.take(sealed("09 10 00 57 00 02")) == .done([]))
    }

    @Test("babble is looked at once, however small the pieces are in which it comes")
    func babble() throws {
        let read = try #require(ReadRequest(table: .input, address: 12, count: 2))
        // Each three bytes promise a long frame of another unit, which never is whole.
        for babble in [bytes("07 03 FB"), bytes("00"), bytes("07 04 10 00 00"), bytes("01 04 80 00")] {
            var assembler = AnswerAssembler(request: Self.request, expected: .values(read))
            for number in 0..<1000 {
                let state = assembler.take([babble[number % babble.count]])
                guard case .waiting = state else { break }
                #expect(assembler.unsettledCount <= 5 + 255)
            }
            #expect(assembler.received.count >= 260)
        }
    }

    @Test("what others say is the same in any pieces")
    func pieces() throws {
        let read = try #require(ReadRequest(table: .input, address: 12, count: 2))
        let line =
            bytes("00 FE 07") + sealed("07 03 04 11 11 22 22") + bytes("55 03") + sealed("09 04 02 00 01")
            + sealed("07 03 00 00 00 02") + Self.good
        for size in 1...line.count {
            var assembler = AnswerAssembler(request: Self.request, expected: .values(read))
            var state = AnswerAssembler.State.waiting
            for start in stride(from: 0, to: line.count, by: size) {
                state = assembler.take(line[start..<min(start + size, line.count)])
            }
            #expect(state == .done([0x42BF, 0]))
            #expect(assembler.strangers.map(\.count) == [9, 7, 8])
            #expect(assembler.noiseCount == 5)
        }
    }

    @Test("the CRC is that of the specification's example")
    func crc() {
        #expect(RTUFrame.crc(bytes("02 07")) == [0x41, 0x12])
    }
}
