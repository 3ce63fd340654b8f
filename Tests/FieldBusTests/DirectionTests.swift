import Foundation
import MeterProfiles
import Metering
import Testing

@testable import FieldBus

/// What a direction switch did, in order, by a clock that only sleeping moves.
private final class Steps {
    var done: [String] = []
    var now = MonotonicTime(nanoseconds: 0)

    func timed(_ what: String) { done.append("\(now.nanoseconds / 1000) us \(what)") }

    func direction(_ timing: LineDriving.RTSTiming, drainTakes: Duration = .zero, hasRTS: Bool = true)
        -> DirectionSwitch
    {
        DirectionSwitch(
            timing: timing,
            setRTS: {
                self.timed($0 ? "high" : "low")
                return hasRTS
            },
            drain: {
                self.timed("drain")
                self.now = self.now + drainTakes
            },
            now: { self.now }, sleep: { self.now = max(self.now, $0) })
    }
}

@Suite("Who switches the transceiver, and when")
struct DirectionTests {
    @Test("RTS goes up, the frame out, and RTS down again when the last bit is, with its times kept")
    func order() {
        let steps = Steps()
        let timing = LineDriving.RTSTiming(isHighOnSend: true, before: .milliseconds(1), after: .milliseconds(2))
        let sent = steps.direction(timing).around(.microseconds(8333)) {
            steps.timed("send")
            return "on its way"
        }
        #expect(sent == "on its way")
        #expect(steps.done == ["0 us high", "1000 us send", "9333 us drain", "11333 us low"])
    }

    @Test("an adapter that is turned the other way round, and a UART that is slower than its rate")
    func inverted() {
        let steps = Steps()
        let timing = LineDriving.RTSTiming(isHighOnSend: false, before: .zero, after: .zero)
        let direction = steps.direction(timing, drainTakes: .microseconds(500))
        #expect(direction.listen())
        direction.around(.milliseconds(1)) { steps.timed("send") }
        #expect(steps.done == ["0 us high", "0 us low", "0 us send", "1000 us drain", "1500 us high"])
    }

    @Test("a port without RTS, and a driver without an RS485 mode, are named with what to write instead")
    func refused() async throws {
        let device = try ScriptedDevice(answers: [])
        defer { device.end() }
        let timing = LineDriving.RTSTiming(isHighOnSend: true, before: .zero, after: .zero)
        // A pseudo terminal has neither.
        for (driving, expected, remedy) in [
            (LineDriving.kernel(timing), PortError.noKernelRS485(path: device.path), "write 'rs485: program'"),
            (.program(timing), .noRTS(path: device.path), "leave 'rs485' out"),
        ] {
            let port = BusPort(
                bus: try #require(BusID(rawValue: "bus1")), path: device.path,
                serial: SerialFormat(baud: 9600, parity: .none, stopBits: 1),
                allowances: LineAllowances(driving: driving))
            await #expect(throws: expected) { try await port.open() }
            #expect(expected.description.contains(remedy))
            // Nothing of it stays behind: the port can be opened as it should be.
            #expect(await !port.isOpen)
        }
        let port = BusPort(
            bus: try #require(BusID(rawValue: "bus1")), path: device.path,
            serial: SerialFormat(baud: 9600, parity: .none, stopBits: 1))
        try await port.open()
        await port.close()
    }
}
