import CDiskRecorder
import Foundation
import Metering
import SampleLoad
import Storage
import UplinkProtocol

/// Cuts the power of recorded ledgers and telemetry files at random instants, and looks at what is left.
struct ImageRun {
    /// What all images showed.
    struct Tally {
        var images = 0
        /// Images without what had been acknowledged.
        var lost = 0
        /// Images with something that was never committed as it is there: half a commit, or one twice.
        var doubled = 0
        /// The first images that were not as they must be.
        var complaints: [String] = []

        mutating func complain(_ text: String) { if complaints.count < 10 { complaints.append(text) } }
    }

    let imagesPerRecording: Int
    let stepsPerRecording: Int
    let forgetsSyncs: Bool

    enum Verdict { case sound, lost(String), doubled(String) }

    func run(images: Int, seed: UInt64) throws -> Tally {
        let code = disk_recorder_install()
        guard code == 0 else { throw SetupProblem("SQLite refuses the recorder (\(code))") }
        var tally = Tally()
        var round: UInt64 = 0
        while tally.images < images {
            var generator = SeededGenerator(seed: seed &* 1_000_003 &+ round)
            let count = min(imagesPerRecording, images - tally.images)
            switch round % 8 {
            case 3, 7: try cutTelemetry(count, &tally, &generator)
            case 5: try cutUpgrades(count, &tally, &generator)
            default: try cutLedger(count, &tally, &generator)
            }
            round += 1
        }
        return tally
    }

    private func cutLedger(_ count: Int, _ tally: inout Tally, _ generator: inout SeededGenerator) throws {
        let scratch = try ScratchDirectory()
        var states: [LedgerState?] = [nil]
        var commands = [0]
        let recording = try DiskRecording(of: scratch.path) { acknowledge in
            var workload = try LedgerWorkload(path: scratch.path + "/ledger.db")
            for step in 0..<stepsPerRecording {
                if step == 1 { try workload.install() } else if step > 1 { try workload.step(using: &generator) }
                states.append(try workload.state)
                commands.append(workload.commands)
                acknowledge(states.count - 1)
            }
            try workload.store.close()
        }
        try cut(recording, count, &tally, &generator) { path, step in
            try Self.look(atLedgerIn: path, step: step, states: states, commands: commands)
        }
    }

    /// - Parameters:
    ///   - step: the last one that was acknowledged.
    ///   - states: after each step; nil where there need not be a file.
    ///   - commands: how many commands had been answered after each step.
    static func look(
        atLedgerIn path: String, step: Int, states: [LedgerState?], commands: [Int]
    ) throws -> Verdict {
        let store: LedgerStore
        do { store = try LedgerWorkload.open(path + "/ledger.db") } catch {
            return .lost("the ledger cannot be opened: \(error)")
        }
        defer { try? store.close() }
        if let stopped = store.stopped { return .lost("the ledger is stopped: \(stopped)") }
        if let fault = try store.verify().faults.first { return .doubled("the ledger is not sound: \(fault)") }
        for possible in [step, step + 1] where states.indices.contains(possible) {
            // Before the first step the file may be there or not.
            guard let expected = states[possible] else { return .sound }
            if try LedgerState(store, lastCommand: LedgerWorkload.commandID(commands[possible])) == expected {
                return try goesOn(store) ? .sound : .lost("no commit is taken after the cut")
            }
        }
        let head = try store.head().sequence
        let expected = states[step]?.head.sequence ?? 0
        return head < expected
            ? .lost("the ledger ends at record \(head), \(expected) was acknowledged")
            : .doubled("at record \(head) the ledger is not as it was after step \(step) or \(step + 1)")
    }

    private static func goesOn(_ store: LedgerStore) throws -> Bool {
        try store.advanceCursor(of: "afterwards", through: 1)
        return try store.cursor(of: "afterwards") == min(1, store.head().sequence)
    }

    private func cutTelemetry(_ count: Int, _ tally: inout Tally, _ generator: inout SeededGenerator) throws {
        let scratch = try ScratchDirectory()
        var states: [TelemetryState?] = [nil]
        let recording = try DiskRecording(of: scratch.path) { acknowledge in
            var workload = try TelemetryWorkload(path: scratch.path + "/telemetry.db")
            for step in 0..<stepsPerRecording {
                if step > 0 { try workload.step(using: &generator) }
                states.append(try TelemetryState(workload.store))
                acknowledge(states.count - 1)
            }
            try workload.store.close()
        }
        try cut(recording, count, &tally, &generator) { path, step in
            try Self.look(atTelemetryIn: path, step: step, states: states)
        }
    }

    /// The parameters are those of the ledger's.
    static func look(atTelemetryIn path: String, step: Int, states: [TelemetryState?]) throws -> Verdict {
        let (store, aside) = try TelemetryWorkload.open(path + "/telemetry.db")
        defer { try? store.close() }
        if let aside { return .lost("telemetry was moved aside, to \(aside)") }
        let found = try TelemetryState(store)
        for possible in [step, step + 1] where states.indices.contains(possible) {
            guard let expected = states[possible], expected != found else { return .sound }
        }
        let expected = states[step]?.lastSequence ?? 0
        return found.lastSequence < expected
            ? .lost("telemetry ends at \(found.lastSequence), \(expected) was committed")
            : .doubled("at \(found.lastSequence) telemetry is not as it was after step \(step) or \(step + 1)")
    }

    /// - Parameter files: what was on the disk before the recording.
    func cut(
        _ recording: DiskRecording, on files: [String: [UInt8]] = [:], _ count: Int, _ tally: inout Tally,
        _ generator: inout SeededGenerator, look: (_ path: String, _ step: Int) throws -> Verdict
    ) throws {
        let scratch = try ScratchDirectory()
        // In the order of time, so that the disk is played once.
        let ends = (0..<count).map { _ in Int.random(in: 0...recording.changes.count, using: &generator) }.sorted()
        var disk = CachingDisk(files, forgetsSyncs: forgetsSyncs)
        var played = 0
        var acknowledged = 0
        for end in ends {
            for change in recording.changes[played..<end] {
                if case .acknowledged(let step) = change { acknowledged = step }
                disk.take(change)
            }
            played = end
            try scratch.clear()
            try CrashImage(of: disk, using: &generator).write(to: scratch.path)
            let verdict: Verdict
            do { verdict = try look(scratch.path, acknowledged) } catch {
                verdict = .lost("\(error)")
            }
            tally.images += 1
            switch verdict {
            case .sound: break
            case .lost(let what):
                tally.lost += 1
                tally.complain("cut before change \(end): \(what)")
            case .doubled(let what):
                tally.doubled += 1
                tally.complain("cut before change \(end): \(what)")
            }
        }
    }
}
