import Foundation
import SampleLoad
import Storage

/// The first start of a new version on the files of an older one.
extension ImageRun {
    /// Both files are upgraded and cut, each about half as often.
    func cutUpgrades(_ count: Int, _ tally: inout Tally, _ generator: inout SeededGenerator) throws {
        try cutLedgerUpgrade(count / 2, &tally, &generator)
        try cutTelemetryUpgrade(count - count / 2, &tally, &generator)
    }

    private func cutLedgerUpgrade(_ count: Int, _ tally: inout Tally, _ generator: inout SeededGenerator) throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/ledger.db"
        var workload = try LedgerWorkload(path: path)
        try workload.install()
        for _ in 0..<stepsPerRecording { try workload.step(using: &generator) }
        let (state, commands) = (try workload.state, workload.commands)
        try workload.store.close()
        try OlderLayout.takeLedgerBack(path, to: Int.random(in: 1...2, using: &generator))
        let files = try scratch.files()
        let recording = try DiskRecording(of: scratch.path) { _ in try LedgerWorkload.open(path).close() }
        try cut(recording, on: files, count, &tally, &generator) { path, step in
            try Self.look(atLedgerIn: path, step: step, states: [state], commands: [commands])
        }
    }

    private func cutTelemetryUpgrade(_ count: Int, _ tally: inout Tally, _ generator: inout SeededGenerator) throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/telemetry.db"
        var workload = try TelemetryWorkload(path: path)
        for _ in 0..<stepsPerRecording { try workload.step(using: &generator) }
        let state = try TelemetryState(workload.store)
        try workload.store.close()
        try OlderLayout.takeTelemetryBack(path)
        let files = try scratch.files()
        let recording = try DiskRecording(of: scratch.path) { _ in try TelemetryWorkload.open(path).store.close() }
        try cut(recording, on: files, count, &tally, &generator) { path, step in
            try Self.look(atTelemetryIn: path, step: step, states: [state])
        }
    }
}
