import ArgumentParser
import CDiskRecorder
import Metering
import SampleLoad
import Storage
import UplinkProtocol

/// Lets the disk fail at each single call of a running ledger, and looks at what is left.
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let each write and each sync of the ledger fail once, or from then on.")

    @Option(help: "Commits of one run.") var steps = 60
    @Option(help: "Another seed draws other commits.") var seed: UInt64 = 1
    @Option(help: "At most so many places for each kind of fault.") var places = 80

    /// What a disk says (sqlite3.h).
    private enum Code {
        static let full: Int32 = 13
        static let writeFailed: Int32 = 10 | 3 << 8
        static let syncFailed: Int32 = 10 | 4 << 8
    }

    func run() async throws {
        guard disk_recorder_install() == 0 else { throw SetupProblem("SQLite refuses the recorder") }
        let kinds: [(name: String, kind: Int32, code: Int32, lasts: Bool)] = [
            ("a sync fails once", Int32(disk_sync), Code.syncFailed, false),
            ("a write fails once", Int32(disk_write), Code.writeFailed, false),
            ("the disk is full from here on", Int32(disk_write), Code.full, true),
        ]
        var failed = 0
        var tried = 0
        for fault in kinds {
            // A place that no call reaches any more ends the kind.
            for place in 0..<places {
                let passes = Int64(place * place / 4 + place)
                guard let complaint = try attempt(fault.kind, fault.code, fault.lasts, passes: passes) else { break }
                tried += 1
                if !complaint.isEmpty {
                    failed += 1
                    print("  \(fault.name) after \(passes): \(complaint)")
                }
            }
        }
        figure("disk_faults", tried)
        figure("disk_faults_lost", failed)
        if failed > 0 { throw ExitCode.failure }
    }

    /// - Returns: what is wrong, empty when nothing is; nil where the fault never happened.
    private func attempt(_ kind: Int32, _ code: Int32, _ lasts: Bool, passes: Int64) throws -> String? {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/ledger.db"
        var generator = SeededGenerator(seed: seed)
        var workload = try LedgerWorkload(path: path)
        try workload.install()
        var before = try workload.state
        disk_recorder_fail(kind, passes, code, lasts ? 1 : 0)
        defer { disk_recorder_fail(-1, -1, 0, 0) }
        var refusal: StorageError?
        for _ in 0..<steps where refusal == nil {
            before = try workload.state
            do { try workload.step(using: &generator) } catch {
                guard let known = error as? StorageError else { throw error }
                refusal = known
            }
        }
        guard disk_recorder_failures() > 0 else { return nil }
        // A checkpoint that fails costs nothing: everything is in the log still.
        guard let refusal else { return try soundness(path, at: nil, after: workload) }
        if lasts, case .full = refusal {
        } else if !refusal.stopsWriting, !lasts {
            return "reported as '\(refusal)'"
        }
        if refusal.stopsWriting {
            disk_recorder_fail(-1, -1, 0, 0)
            if (try? workload.store.advanceCursor(of: "push", through: 1)) != nil {
                return "the store wrote on after '\(refusal)'"
            }
        }
        disk_recorder_fail(-1, -1, 0, 0)
        return try soundness(path, at: before, after: workload)
    }

    /// After the disk is well again: the state before the commit that failed, or after it, and never half.
    private func soundness(_ path: String, at before: LedgerState?, after workload: LedgerWorkload) throws -> String {
        let last = workload.commands
        try? workload.store.close()
        let store = try LedgerWorkload.open(path)
        defer { try? store.close() }
        if let stopped = store.stopped { return "stopped after opening anew: \(stopped)" }
        if let fault = try store.verify().faults.first { return fault }
        guard let before else { return "" }
        let found = try LedgerState(store, lastCommand: LedgerWorkload.commandID(last))
        guard found == before || found.head.sequence > before.head.sequence || found.cursor > before.cursor else {
            return "record \(before.head.sequence) was acknowledged, the ledger ends at \(found.head.sequence)"
        }
        return ""
    }
}
