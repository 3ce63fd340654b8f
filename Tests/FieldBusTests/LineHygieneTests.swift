import MeterProfiles
import Metering
import Testing

@testable import FieldBus

/// A frame from hexadecimal text, sealed with its CRC.
private func frame(_ text: String) -> [UInt8] {
    let bytes = text.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    return bytes + RTUFrame.crc(bytes)
}

/// A port with a scripted device at its other end.
private struct Bench {
    let device: ScriptedDevice
    let port: BusPort
    let voltage: ReadRequest
    let power: ReadRequest

    init(_ answers: [[UInt8]]) async throws {
        device = try ScriptedDevice(answers: answers)
        port = BusPort(
            bus: try #require(BusID(rawValue: "bus1")), path: device.path,
            serial: SerialFormat(baud: 19_200, parity: .none, stopBits: 1),
            // A busy machine must not make the late answers too late to be known.
            allowances: LineAllowances(lateAnswerPatience: .seconds(3600)))
        voltage = try #require(ReadRequest(table: .input, address: 0, count: 2))
        power = try #require(ReadRequest(table: .input, address: 12, count: 2))
        try await port.open()
    }

    func read(_ unit: UInt8, _ request: ReadRequest) async -> BusTransaction {
        await port.read(unit: unit, request, timeout: .seconds(2))
    }

    /// A read that is given up before its answer.
    func abandon(_ unit: UInt8, _ request: ReadRequest) async {
        #expect(await port.read(unit: unit, request, timeout: .milliseconds(5)).result == .failure(.timeout))
    }

    /// Whether a note names this unit's late answer.
    func isLate(_ note: LineNote, _ unit: UInt8) -> Bool {
        if case .lateAnswer(unit, _) = note { true } else { false }
    }
}

@Suite("What else is on the line")
struct LineHygieneTests {
    @Test("a late answer is never taken for the next of the same length (Tasmota 17659, libmodbus 732)")
    func lookAlike() async throws {
        let bench = try await Bench([
            [],
            frame("01 04 04 11 11 11 11") + frame("01 04 02 00 00"),
            frame("01 04 04 22 22 22 22"),
        ])
        defer { bench.device.end() }
        await bench.abandon(1, bench.voltage)
        let power = await bench.read(1, bench.power)
        #expect(power.result == .success([0x2222, 0x2222]))
        #expect(power.notes.contains { bench.isLate($0, 1) })
        #expect(bench.device.requests.map { $0[5] } == [2, 1, 2])
    }

    @Test("where the device stays silent, the look-alike is not even asked")
    func stillSilent() async throws {
        let bench = try await Bench([])
        defer { bench.device.end() }
        await bench.abandon(1, bench.voltage)
        await bench.abandon(1, bench.power)
        #expect(await bench.device.requests(2).map { $0[5] } == [2, 1])
    }

    @Test("an answer of another length settles a unit, and nothing more is spent on it")
    func settled() async throws {
        let bench = try await Bench([
            [], frame("01 04 02 00 07"), frame("01 04 04 22 22 22 22"),
        ])
        defer { bench.device.end() }
        await bench.abandon(1, bench.voltage)
        let other = try #require(ReadRequest(table: .input, address: 6, count: 1))
        #expect(await bench.read(1, other).result == .success([7]))
        #expect(await bench.read(1, bench.power).result == .success([0x2222, 0x2222]))
        #expect(bench.device.requests.count == 3)
    }

    @Test("a unit's late answer costs the one that is asked meanwhile nothing (telegraf 11782)")
    func lateDuringAnother() async throws {
        let bench = try await Bench([
            [], frame("01 04 04 11 11 11 11") + frame("02 04 04 22 22 22 22"),
        ])
        defer { bench.device.end() }
        await bench.abandon(1, bench.voltage)
        let other = await bench.read(2, bench.voltage)
        #expect(other.result == .success([0x2222, 0x2222]))
        #expect(other.notes.contains { bench.isLate($0, 1) })
    }

    @Test("a unit that nobody asked is named, and the answer is still taken")
    func foreign() async throws {
        let bench = try await Bench([frame("09 04 04 11 11 11 11") + frame("02 04 04 22 22 22 22")])
        defer { bench.device.end() }
        let other = await bench.read(2, bench.voltage)
        #expect(other.result == .success([0x2222, 0x2222]))
        #expect(other.notes == [.foreignFrame(unit: 9)])
    }

    @Test("two devices with one address are named by their second answer")
    func sharedAddress() async throws {
        let bench = try await Bench([frame("01 04 04 11 11 11 11"), frame("02 04 04 22 22 22 22")])
        defer { bench.device.end() }
        #expect(await bench.read(1, bench.voltage).result == .success([0x1111, 0x1111]))
        bench.device.say(frame("01 04 04 33 33 33 33"))
        let next = await bench.read(2, bench.voltage)
        #expect(next.result == .success([0x2222, 0x2222]))
        #expect(next.notes == [.secondAnswer(unit: 1)])
    }

    @Test("stray bytes between two answers are counted, and silence is waited for anew")
    func stray() async throws {
        let bench = try await Bench([frame("01 04 04 11 11 11 11")])
        defer { bench.device.end() }
        bench.device.say([0x00, 0xFF, 0x00])
        let first = await bench.read(1, bench.voltage)
        #expect(first.result == .success([0x1111, 0x1111]))
        #expect(first.notes == [.noise(bytes: 3)])
    }

    @Test("noise before an answer does not cost the answer")
    func noise() async throws {
        let bench = try await Bench([[0xFE, 0x00] + frame("01 04 04 11 11 11 11")])
        defer { bench.device.end() }
        let first = await bench.read(1, bench.voltage)
        #expect(first.result == .success([0x1111, 0x1111]))
        #expect(first.notes == [.noise(bytes: 2)])
    }

    @Test("on a line that hears itself, its own echo is not the relay's word (libmodbus 380, 818)")
    func echoedWrite() async throws {
        let write = RelayWrite.coil(address: 3, value: false)
        let echo = frame("01 05 00 03 00 00")
        let bench = try await Bench([
            frame("01 04 00 00 00 02") + frame("01 04 04 11 11 11 11"), echo, echo + echo,
        ])
        defer { bench.device.end() }
        #expect(await bench.read(1, bench.voltage).notes == [.localEcho])
        #expect(
            await bench.port.write(unit: 1, write, timeout: .milliseconds(20)).result == .failure(.timeout))
        #expect(await bench.port.write(unit: 1, write, timeout: .seconds(2)).result == .success([]))
    }

    @Test("a write that is echoed with another value is not done")
    func wrongEcho() async throws {
        let bench = try await Bench([frame("01 05 00 03 FF 00")])
        defer { bench.device.end() }
        let write = RelayWrite.coil(address: 3, value: false)
        #expect(
            await bench.port.write(unit: 1, write, timeout: .milliseconds(200)).result == .failure(.wrongAnswer))
    }
}

@Suite("Which late answers are still to be feared")
struct UnsettledAnswersTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func read(_ address: UInt16, _ count: Int) throws -> (read: ReadRequest, request: [UInt8]) {
        let read = try #require(ReadRequest(table: .input, address: address, count: count))
        return (read, RTUFrame.request(unit: 1, read: read))
    }

    @Test("no longer than a second, or twice the slowest answer ever seen")
    func patience() throws {
        for (slowest, patience) in [(10, 1000), (600, 1200), (9000, 10_000)] {
            var unsettled = UnsettledAnswers(shortestPatience: .seconds(1))
            let (asked, request) = try read(0, 2)
            let (next, nextRequest) = try read(12, 2)
            unsettled.answered(
                unit: 1, request: request, shape: .init(asked), outAt: start, turnaround: .milliseconds(slowest))
            unsettled.missed(unit: 1, request: request, shape: .init(asked), outAt: start)
            let before = start + .milliseconds(patience - 1)
            #expect(unsettled.settlingRead(unit: 1, before: next, request: nextRequest, at: before)?.count == 1)
            let after = start + .milliseconds(patience)
            #expect(unsettled.settlingRead(unit: 1, before: next, request: nextRequest, at: after) == nil)
        }
    }

    @Test("the same question again is no danger, but its answer settles nothing")
    func again() throws {
        var unsettled = UnsettledAnswers(shortestPatience: .seconds(1))
        let (asked, request) = try read(0, 2)
        let (next, nextRequest) = try read(12, 2)
        unsettled.missed(unit: 1, request: request, shape: .init(asked), outAt: start)
        let soon = start + .milliseconds(500)
        #expect(unsettled.settlingRead(unit: 1, before: asked, request: request, at: soon) == nil)
        unsettled.answered(
            unit: 1, request: request, shape: .init(asked), outAt: soon, turnaround: .milliseconds(1))
        #expect(
            unsettled.settlingRead(unit: 1, before: next, request: nextRequest, at: soon + .milliseconds(900)) != nil)
    }

    @Test("what settles differs from everything that may still come")
    func distinct() throws {
        var unsettled = UnsettledAnswers(shortestPatience: .seconds(1))
        for count in 1...4 {
            let (asked, request) = try read(0, count)
            unsettled.missed(unit: 1, request: request, shape: .init(asked), outAt: start)
        }
        let (next, nextRequest) = try read(12, 2)
        #expect(unsettled.settlingRead(unit: 1, before: next, request: nextRequest, at: start)?.count == 5)
        #expect(unsettled.settlingRead(unit: 2, before: next, request: nextRequest, at: start) == nil)
    }
}
