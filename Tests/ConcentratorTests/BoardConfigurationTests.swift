import BoardRules
import Concentrator
import ConfigurationReader
import Foundation
import Testing

private let head = """
    gateway: SITE-1
    buses:
      - { id: bus1, port: /dev/ttyS1, baud: 9600, format: 8N1 }

    """

private let good = """
    board:
      relays:
        - { point: 1, line: K1, closed_while: inactive, active_low: true, feedback: K1-AUX, travel_ms: 30 }
        - { point: 2, open: K2-OPEN, close: K2-CLOSE, pulse_ms: 80, feedback: K2-AUX, feedback_active_low: true }
      inputs:
        door: { line: "gpiochip1:4", debounce_ms: 200 }
        power_fail: { line: PFO, active_low: true }
      lights:
        run: { line: LED-RUN }
        alarm: { line: LED-ALARM, active_low: true }
    """

@Suite("The section 'board' of gateway.yaml")
struct BoardConfigurationTests {
    @Test("relays, contacts and lights are read")
    func read() throws {
        let board = try #require(try GatewayConfiguration(file: "gateway.yaml", text: head + good).board)
        #expect(
            board.relays == [
                BoardRelay(
                    point: 1, drive: .holding(BoardLine(name: "K1", isActiveLow: true), isClosedWhileActive: false),
                    feedback: BoardLine(name: "K1-AUX"), travelTime: .milliseconds(30)),
                BoardRelay(
                    point: 2,
                    drive: .latching(
                        open: BoardLine(name: "K2-OPEN"), close: BoardLine(name: "K2-CLOSE"),
                        pulse: .milliseconds(80)),
                    feedback: BoardLine(name: "K2-AUX", isActiveLow: true), travelTime: .milliseconds(50)),
            ])
        #expect(board.inputs[.door]?.line.chipAndOffset?.offset == 4)
        #expect(board.inputs[.door]?.debounce == .milliseconds(200))
        #expect(board.inputs[.powerFail]?.line == BoardLine(name: "PFO", isActiveLow: true))
        #expect(board.inputs[.resetButton] == nil)
        #expect(
            board.lights == [
                .run: BoardLine(name: "LED-RUN"), .alarm: BoardLine(name: "LED-ALARM", isActiveLow: true),
            ])
        #expect(
            board.lines == [
                "relay 1: closed while K1 is inactive, feedback K1-AUX",
                "relay 2: latching, opens and closes by K2-OPEN and K2-CLOSE, feedback K2-AUX",
                "door: gpiochip1:4", "power_fail: PFO", "light run: LED-RUN", "light alarm: LED-ALARM",
            ])
    }

    @Test(
        "what is wrong is said with line and remedy",
        arguments: [
            (
                "point: 2,", "point: 1,",
                ":7: the point 1 is there twice; give each relay a point of its own"
            ),
            (
                ", feedback: K2-AUX, feedback_active_low: true", "",
                ":7: nobody can tell where the latching relay 2 is; wire its auxiliary contact to an input and add 'feedback: ...'"
            ),
            (
                "PFO", "K1",
                ":10: the line 'K1' is used by board.relays[1].line already; give each its own line"
            ),
            (
                "open: K2-OPEN", "line: K3, open: K2-OPEN",
                ":7: open belongs to a latching relay; leave it out, or write 'open' and 'close' in place of 'line'"
            ),
            (
                "line: K1, closed_while", "open: A, close: B, closed_while",
                ":6: closed_while belongs to a relay that is held by one line; leave it out, or write 'line'"
            ),
            (
                "feedback: K1-AUX", "feedback_active_low: true",
                ":6: there is no feedback; add 'feedback: ...', or leave it out"
            ),
            (
                "LED-RUN", "gpio-expander-of-the-upper-floor-line-7",
                ":12: 'gpio-expander-of-the-upper-floor-line-7' is no name of a line; write it as gpioinfo shows it, or as gpiochip0:17"
            ),
            (
                "run: {", "runs: {",
                ":12: the key 'board.lights.runs' is unknown; did you mean 'run'?"
            ),
            (
                "pulse_ms: 80", "pulse_ms: 8000",
                ":7: board.relays[2].pulse_ms 8000 is out of range; write a number from 5 to 1000"
            ),
        ])
    func wrong(old: String, new: String, message: String) {
        let text = head + good.replacingOccurrences(of: old, with: new)
        let problems = #expect(throws: ConfigurationProblems.self) {
            try GatewayConfiguration(file: "gateway.yaml", text: text)
        }
        #expect(problems?.problems.first?.description == "gateway.yaml\(message)")
    }

    @Test("no bus may be called board")
    func reserved() {
        let problems = #expect(throws: ConfigurationProblems.self) {
            try GatewayConfiguration(
                file: "gateway.yaml", text: head.replacingOccurrences(of: "id: bus1", with: "id: board"))
        }
        #expect(
            problems?.description
                == "gateway.yaml:3: 'board' stands for the relays of the box itself; give the bus another name")
    }
}
