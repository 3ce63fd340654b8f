import Board
import BoardRules
import Foundation
import Glibc
import Testing

@Suite("Lines that are not there; scripts/test-gpio has a chip")
struct GPIOTests {
    @Test("a line that no chip has is said to be unknown, one by its place to be absent")
    func missing() {
        let named = #expect(throws: GPIOFault.self) {
            try GPIOOutput(BoardLine(name: "NO-SUCH-LINE-HERE"), consumer: "test")
        }
        #expect(named == .unknown(line: "NO-SUCH-LINE-HERE"))
        let placed = #expect(throws: GPIOFault.self) {
            try GPIOInput(BoardLine(name: "gpiochip4711:3"), consumer: "test")
        }
        #expect(placed == .absent(line: "gpiochip4711:3"))
    }

    @Test("a descriptor from the store that is no line any more is given back")
    func stale() throws {
        let socket = try NotifySocket()
        // In the place of the line's descriptor, and closed by the keeper.
        let file = open("/dev/null", O_RDWR)
        let keeper = LineKeeper(
            environment: ["METERKEEP_LINES": "line NO-SUCH-LINE-HERE high=\(file),line K9 low=\(file + 500)"],
            notifier: ServiceNotifier(environment: ["NOTIFY_SOCKET": socket.path]))
        #expect(throws: GPIOFault.self) {
            try keeper.output(BoardLine(name: "NO-SUCH-LINE-HERE"), consumer: "test")
        }
        #expect(socket.receive() == "FDSTOREREMOVE=1\nFDNAME=line NO-SUCH-LINE-HERE high")
        #expect(fcntl(file, F_GETFD) < 0)
    }

    @Test("a line that the configuration does not name any more is let go of")
    func rest() throws {
        let socket = try NotifySocket()
        let file = open("/dev/null", O_RDWR)
        let keeper = LineKeeper(
            environment: ["METERKEEP_LINES": "line K7 high=\(file)"],
            notifier: ServiceNotifier(environment: ["NOTIFY_SOCKET": socket.path]))
        #expect(fcntl(file, F_GETFD) == FD_CLOEXEC)
        keeper.giveUpRest()
        #expect(socket.receive() == "FDSTOREREMOVE=1\nFDNAME=line K7 high")
        #expect(fcntl(file, F_GETFD) < 0)
    }
}
