import ArgumentParser
import Foundation
import Glibc
import MeterSimulation
import Prepaid

/// Measures the daemon's bus service against the paced simulator, a plain libmodbus loop and the optimum.
@main
struct BusBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "busbench", abstract: "Measure the bus; prints one line a figure: figure NAME VALUE UNIT.")

    @Option(help: "The simulator.") var metersim: String
    @Option(help: "The plain libmodbus loop.") var loop: String
    @Option(help: "The folder with the meter profiles.") var profiles: String = "etc/profiles"
    @Option(help: "Keep the simulator's record of every request in this folder.") var records: String?
    @Argument(help: "What to measure; all when none is named.") var parts: [Part] = Part.allCases

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case scans, strict, fifo, dead, orders, processor
    }

    func run() async throws {
        var tally = EarlyTally()
        figure("load_before", Self.load(), "processes")
        for part in parts {
            switch part {
            case .scans:
                for (baud, seconds) in [(2400, 52), (9600, 25), (19200, 20), (115_200, 15)] {
                    let ratio = try await scan(.init(baud: baud), seconds: seconds, &tally)
                    figure("scan_over_optimum_\(baud)", ratio, "ratio")
                }
            case .strict:
                figure(
                    "scan_over_optimum_strict_9600", try await scan(.init(dropsEarly: true), seconds: 20, &tally),
                    "ratio")
            case .fifo:
                figure(
                    "scan_over_optimum_fifo_9600", try await scan(.init(delivery: .fifo), seconds: 20, &tally), "ratio")
            case .dead: try await dead(&tally)
            case .orders: try await orders(&tally)
            case .processor: try await processor(&tally)
            }
        }
        figure("early_requests", Double(tally.early), "of \(tally.requests)")
        figure("early_requests_percent", tally.percent, "%")
        figure("load_after", Self.load(), "processes")
    }

    /// What else the machine does: the mean of the last minute.
    private static func load() -> Double {
        var load = [0.0]
        return getloadavg(&load, 1) == 1 ? load[0] : .nan
    }

    struct EarlyTally {
        var requests = 0
        var early = 0
        var percent: Double { requests == 0 ? 0 : Double(early) * 100 / Double(requests) }
        mutating func add(_ figures: LineFigures) {
            requests += figures.count
            early += figures.earlyCount
        }
    }

    /// Polls a line and says how much longer than the optimum a scan takes, once it is under way.
    private func scan(
        _ setting: SimulatedLine.Setting, seconds: Int, _ tally: inout EarlyTally
    ) async throws -> Double {
        let line = try SimulatedLine(setting, metersim: metersim, profiles: profiles, records: records)
        defer { line.end() }
        let poller = try Poller(line)
        let optimum = try LineFigures.optimum(baud: setting.baud, meters: setting.meters)
        // One scan to measure each meter's turnaround.
        try await Task.sleep(for: .seconds(optimum * 1.2))
        let start = Poller.now()
        try await Task.sleep(for: .seconds(seconds))
        await poller.end()
        let figures = LineFigures(try line.requests(), from: start, until: .max)
        tally.add(figures)
        return figures.scanPeriod(units: 1...setting.meters) / optimum
    }

    /// Eight of 32 meters fall silent for a while, and return.
    private func dead(_ tally: inout EarlyTally) async throws {
        let line = try SimulatedLine(.init(), metersim: metersim, profiles: profiles, records: records)
        defer { line.end() }
        let poller = try Poller(line)
        let optimum = try LineFigures.optimum(baud: 9600, meters: 24)
        try await Task.sleep(for: .seconds(10))
        let firstDiedAt = Poller.now()
        try line.setDead(unit: 4, true)
        try await Task.sleep(for: .seconds(10))
        for unit in stride(from: 8, through: 32, by: 4) { try line.setDead(unit: unit, true) }
        try await Task.sleep(for: .seconds(40))
        let settledAt = Poller.now()
        try await Task.sleep(for: .seconds(30))
        let returnedAt = Poller.now()
        for unit in stride(from: 4, through: 32, by: 4) { try line.setDead(unit: unit, false) }
        try await Task.sleep(for: .seconds(25))
        await poller.end()
        let requests = try line.requests()
        tally.add(LineFigures(requests, from: firstDiedAt, until: .max))
        let living = (1...32).filter { !$0.isMultiple(of: 4) }
        let settled = LineFigures(requests, from: settledAt, until: returnedAt)
        figure("scan_over_optimum_8dead_9600", settled.scanPeriod(units: living) / optimum, "ratio")
        let dying = LineFigures(requests, from: firstDiedAt, until: firstDiedAt + 9_000_000_000)
        figure("first_stall_s", dying.longestStall, "s")
        let back = LineFigures(requests, from: returnedAt, until: .max)
        let returns = stride(from: 4, through: 32, by: 4).map { unit in
            back.firstWholePoll(of: unit).map { Double($0 - returnedAt) / 1e9 } ?? .infinity
        }
        figure("return_to_service_s", returns.max() ?? .infinity, "s")
    }

    /// Relay orders at random moments on a line that is never idle.
    private func orders(_ tally: inout EarlyTally) async throws {
        let line = try SimulatedLine(
            .init(hasRelayBoard: true), metersim: metersim, profiles: profiles, records: records)
        defer { line.end() }
        let poller = try Poller(line)
        try await Task.sleep(for: .seconds(6))
        let start = Poller.now()
        var decided: [Int64] = []
        for number in 0..<200 {
            try await Task.sleep(for: .milliseconds(Int.random(in: 150...300)))
            decided.append(try poller.order(point: 1 + number % 8, number / 8 % 2 == 0 ? .closed : .open))
        }
        try await Task.sleep(for: .seconds(1))
        await poller.end()
        let figures = LineFigures(try line.requests(), from: start, until: .max)
        tally.add(figures)
        guard figures.writes.count == decided.count else {
            throw BenchFailure(what: "\(decided.count) orders, but \(figures.writes.count) writes")
        }
        let waits = zip(decided, figures.writes).map { Double($1 - $0) / 1e6 }.sorted()
        figure("relay_write_p99_ms", waits[waits.count * 99 / 100], "ms")
        figure("longest_transaction_ms", figures.longestTransaction(baud: 9600) * 1000, "ms")
    }

    /// Processor time for as many transactions, here and in a plain loop.
    private func processor(_ tally: inout EarlyTally) async throws {
        let line = try SimulatedLine(.init(), metersim: metersim, profiles: profiles, records: records)
        let poller = try Poller(line)
        try await Task.sleep(for: .seconds(6))
        let (start, before) = (Poller.now(), Poller.processorSeconds())
        try await Task.sleep(for: .seconds(20))
        let (end, after) = (Poller.now(), Poller.processorSeconds())
        await poller.end()
        let figures = LineFigures(try line.requests(), from: start, until: end)
        line.end()
        tally.add(figures)
        let own = (after - before) / Double(max(1, figures.count)) * 1000
        let plain = try await plainLoop()
        figure("cpu_s_per_1000_transactions", own, "s")
        figure("libmodbus_cpu_s_per_1000_transactions", plain.cpu, "s")
        figure("cpu_over_libmodbus", own / plain.cpu, "ratio")
        figure("libmodbus_scan_over_optimum_9600", plain.ratio, "ratio")
        figure("libmodbus_early_requests_percent", plain.earlyPercent, "%")
    }

    private func plainLoop() async throws -> (cpu: Double, ratio: Double, earlyPercent: Double) {
        let line = try SimulatedLine(.init(), metersim: metersim, profiles: profiles, records: records)
        defer { line.end() }
        let process = Process()
        process.executableURL = URL(filePath: loop)
        process.arguments = [line.port, "9600", "32", "20"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let words = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard words.count == 3, words[0] > 0 else { throw BenchFailure(what: "the plain loop said '\(text)'") }
        let figures = LineFigures(try line.requests(), from: 0, until: .max)
        var tally = EarlyTally()
        tally.add(figures)
        let optimum = try LineFigures.optimum(baud: 9600, meters: 32)
        return (words[2] / words[0] * 1000, figures.scanPeriod(units: 1...32) / optimum, tally.percent)
    }

    private func figure(_ name: String, _ value: Double, _ unit: String) {
        let line = "figure \(name) \(String(format: "%.4g", value)) \(unit)\n"
        FileHandle.standardOutput.write(Data(line.utf8))
    }
}
