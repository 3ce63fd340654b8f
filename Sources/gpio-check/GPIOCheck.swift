import Board
import BoardRules
import Foundation
import Metering

/// Looks at the lines of a simulated chip (gpio-sim) from both sides: through `Board`, and through what the
/// chip says of itself in sysfs. `scripts/test-gpio` runs it in a virtual machine.
@main
struct GPIOCheck {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        switch arguments.first {
        case "lines": try SimulatedChip(folder: arguments.dropFirst().first ?? "").check()
        case "hold": try hold(BoardLine(name: arguments.dropFirst().first ?? ""))
        default:
            say("usage: gpio-check lines FOLDER | hold LINE")
            exit(64)
        }
    }

    /// Holds a line through the descriptor store until it is killed; the first run closes the relay.
    private static func hold(_ line: BoardLine) throws {
        let environment = ProcessInfo.processInfo.environment
        let isFirst = environment["LISTEN_FDS"] == nil
        let keeper = LineKeeper(environment: environment, notifier: ServiceNotifier(environment: environment))
        let output = try keeper.output(line, consumer: "gpio-check hold")
        if isFirst { try output.set(true) }
        say(
            "hold: \(isFirst ? "first run" : "taken over"), the line is \(try output.level() ? "active" : "inactive")")
        while true { sleep(60) }
    }
}

/// At once, not when a buffer is full.
private func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

/// The chip as the script has made it: line numbers stand for what the sysfs folder calls them.
private struct SimulatedChip {
    /// `/sys/devices/platform/gpio-sim.0/gpiochip0`
    let folder: String

    private struct Failed: Error {}

    func check() throws {
        try outputs()
        try secondHolder()
        try edges()
        try burst()
        try names()
        say("gpio-check: all is well")
    }

    private func expect(_ isTrue: Bool, _ what: String) throws {
        say("\(isTrue ? "ok     " : "FAILED ") \(what)")
        if !isTrue { throw Failed() }
    }

    /// The voltage at a line, as the chip sees it.
    private func voltage(_ offset: Int) throws -> String {
        try String(contentsOfFile: "\(folder)/sim_gpio\(offset)/value", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func pull(_ offset: Int, up: Bool) throws {
        try (up ? "pull-up" : "pull-down").write(
            toFile: "\(folder)/sim_gpio\(offset)/pull", atomically: false, encoding: .utf8)
    }

    private func outputs() throws {
        try pull(0, up: true)
        var line: GPIOOutput? = try GPIOOutput(BoardLine(name: "K1"), consumer: "check")
        try expect(try voltage(0) == "1" && line?.level() == true, "a line is taken as it is: pulled up, stays up")
        try line?.set(false)
        try expect(try voltage(0) == "0" && line?.level() == false, "it is driven low")
        try line?.set(true)
        try expect(try voltage(0) == "1" && line?.level() == true, "it is driven high")
        try line?.set(false)
        line = nil
        say(
            "seen    let go of while driven low, the line is at \(try voltage(0)) again: this driver lets it fall back")
        try pull(0, up: false)
        let low = try GPIOOutput(BoardLine(name: "gpiochip0:1", isActiveLow: true), consumer: "check")
        try low.set(true)
        try expect(try voltage(1) == "0" && low.level(), "an active-low line, by its place, is active at 0")
        try low.set(false)
        try expect(try voltage(1) == "1" && !low.level(), "and inactive at 1")
    }

    private func secondHolder() throws {
        let first = try GPIOOutput(BoardLine(name: "K1"), consumer: "the first holder")
        do {
            _ = try GPIOOutput(BoardLine(name: "K1"), consumer: "second")
            try expect(false, "a second holder is refused")
        } catch let fault as GPIOFault {
            try expect(fault == .held(line: "K1", by: "the first holder"), "a second holder is refused: \(fault)")
        }
        try first.set(false)
    }

    private func edges() throws {
        let clock = try SystemClock()
        try pull(5, up: false)
        let door = try GPIOInput(BoardLine(name: "DOOR"), consumer: "check")
        try expect(try !door.level() && door.edges().isEmpty, "a quiet contact has no edges")
        let began = clock.monotonicNow()
        for up in [true, false, true, false, true] { try pull(5, up: up) }
        let ended = clock.monotonicNow()
        let edges = try door.edges()
        try expect(edges.map(\.isActive) == [true, false, true, false, true], "five edges of a bouncing contact")
        let slack: Duration = .milliseconds(5)
        try expect(
            zip(edges, edges.dropFirst()).allSatisfy { $0.at <= $1.at }
                && edges.allSatisfy { $0.at + slack >= began && ended + slack >= $0.at },
            "with the kernel's times, within the \((ended - began).wholeMilliseconds) ms in which they were made")
        var debounce = Debounce(quiet: .milliseconds(50), isActive: false)
        let early = edges.compactMap { debounce.edge(to: $0.isActive, at: $0.at) }
        let last = edges.last.map(\.at) ?? .zero
        let settled = debounce.settle(at: last + .milliseconds(50))
        try expect(
            early.isEmpty && settled == Debounce.Change(isActive: true, since: last), "debounced they are one change")
        let power = try GPIOInput(BoardLine(name: "PFO", isActiveLow: true), consumer: "check")
        let before = try power.level()
        try pull(6, up: before)
        try expect(try power.edges().map(\.isActive) == [!before], "edges of an active-low contact are turned round")
        try pull(6, up: true)
    }

    /// More edges than the kernel keeps: some are lost, and the level is the truth.
    private func burst() throws {
        try pull(5, up: false)
        let door = try GPIOInput(BoardLine(name: "DOOR"), consumer: "check")
        for edge in 0..<101 { try pull(5, up: edge % 2 == 0) }
        let edges = try door.edges()
        try expect(
            try edges.count < 101 && door.level(), "of 101 edges at once \(edges.count) are kept; the level is right")
    }

    private func names() throws {
        do {
            _ = try GPIOOutput(BoardLine(name: "K9"), consumer: "check")
            try expect(false, "an unknown name is refused")
        } catch let fault as GPIOFault {
            try expect(fault == .unknown(line: "K9"), "an unknown name is refused: \(fault)")
        }
        do {
            _ = try GPIOOutput(BoardLine(name: "gpiochip0:99"), consumer: "check")
            try expect(false, "an offset beyond the chip is refused")
        } catch let fault as GPIOFault {
            try expect(fault == .absent(line: "gpiochip0:99"), "an offset beyond the chip is refused: \(fault)")
        }
    }
}
