import Foundation
import Testing
import UplinkProtocol

/// A small file system in memory.
final class SmallDisk {
    let path: String
    private var ballast: [String] = []

    /// Whether this machine lets us mount one: a container often does not.
    static let isAvailable: Bool = {
        let path = "/tmp/mk-disk-\(UUID().uuidString.prefix(8))"
        guard (try? SmallDisk(at: path, megabytes: 1)) != nil else { return false }
        return true
    }()

    init(at path: String, megabytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let mounted = try Program(
            at: "/usr/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]
        ).finish()
        guard mounted.code == 0 else {
            try? FileManager.default.removeItem(atPath: path)
            throw CocoaError(.fileWriteNoPermission)
        }
    }

    deinit {
        _ = try? Program(at: "/usr/bin/umount", ["-l", path]).finish()
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Takes all the room there is, down to the last page.
    func fill() throws {
        let name = "\(path)/filler-\(ballast.count)"
        _ = FileManager.default.createFile(atPath: name, contents: nil)
        ballast.append(name)
        let file = try FileHandle(forWritingTo: URL(filePath: name))
        for size in [65_536, 4_096, 512, 1] { while (try? file.write(contentsOf: Data(count: size))) != nil {} }
        try? file.close()
    }

    func makeReadOnly() throws {
        let code = try Program(at: "/usr/bin/mount", ["-o", "remount,ro", path]).finish().code
        try #require(code == 0)
    }

    func empty() throws {
        for name in ballast { try FileManager.default.removeItem(atPath: name) }
        ballast = []
    }
}

@Suite("Trouble with the disk, seen from the bus", .serialized)
struct DiskTroubleTests {
    /// What must go on whatever the disk is like: polling, orders that need no ledger, the console.
    private func runsOn(_ bench: Bench) throws {
        let heard = try bench.requests()
        try bench.until("polling goes on") { try bench.requests() > heard + 10 }
        let before = try bench.circuit("M-2")["values"]?.object?["energy_import"]?.integer ?? .max
        try bench.until("readings are fresh") {
            (try bench.circuit("M-2")["values"]?.object?["energy_import"]?.integer ?? 0) > before
        }
        // After a start they are read back first.
        try bench.until("both breakers are known to be closed") {
            try ["M-1", "M-2"].allSatisfy { try bench.circuit($0)["breaker"] == .string("closed") }
        }
    }

    private func openings(_ bench: Bench) throws -> Int {
        try String(contentsOfFile: "\(bench.folder)/writes.jsonl", encoding: .utf8)
            .components(separatedBy: "\"closed\":false").count - 1
    }

    /// A disk that takes nothing: money waits, everything else goes on; what was sold comes when it is well again.
    private func survives(
        _ bench: Bench, environment: [String: String] = [:], killed: Bool = false, worse: () throws -> Void,
        better: () throws -> Void
    ) throws {
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform(data: "disk/data")
        // The socket is not on the disk that is in trouble.
        let text = try String(contentsOfFile: "\(bench.folder)/gateway.yaml", encoding: .utf8)
        try bench.write(
            "gateway.yaml", text.replacingOccurrences(of: "socket: disk/data.sock", with: "socket: data.sock"))
        var daemon = try Program(
            "meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"], environment: environment)
        try daemon.waitFor("] ready")
        try bench.install()
        try bench.sell("1", to: "1", id: "r-0")
        try bench.until("r-0 is in the ledger") { try bench.isApplied("r-0") }

        // The room that is left, and then the ballast's, take a few more.
        var sold = 0
        try bench.until("the ledger cannot be written", within: 90) {
            try worse()
            sold += 1
            try bench.sell("1", to: "1", id: "r-\(sold)")
            try bench.until("r-\(sold) is answered or waits") {
                let command = try bench.platform("commands").first { $0["id"] == .string("r-\(sold)") }
                return command?["outcome"] != .string("")
            }
            return try bench.status("ledger_usable") == .boolean(false)
        }
        try bench.until("the platform hears why the last one waits") {
            try bench.platform("commands").contains {
                $0["id"] == .string("r-\(sold)") && $0["state"] == .string("queued")
                    && $0["outcome"]?.string?.hasPrefix("not now: disk_") == true
            }
        }
        try runsOn(bench)
        #expect(try !bench.isApplied("r-\(sold)"))

        if killed {
            daemon.signal(SIGKILL)
            _ = daemon.finish()
            try worse()
            daemon = try bench.startDaemon()
            // What its start has given back is taken, too.
            try bench.until("readings cannot be written") {
                try worse()
                return try bench.status("telemetry_problem")?.string?.contains("no space left") == true
            }
            try runsOn(bench)
        }
        try better()
        try bench.until("the last sale is in the ledger") { try bench.isApplied("r-\(sold)") }
        try bench.until("readings are written again", within: 60) {
            try bench.status("telemetry_problem") == .null
        }
        try bench.until("all of it is upstream") {
            try bench.status("uplink", "ledger_queued") == .integer(0)
                && (bench.status("uplink", "telemetry_queued")?.integer ?? .max) < 10
        }
        #expect(try bench.ask("ledger", "verify").object?["sound"] == .boolean(true))
        let recharges = try bench.platform("ledger", "G-1", "A-1")
            .compactMap { $0["posting"]?.object?["command"]?.string }
        #expect(recharges == (0...sold).map { "r-\($0)" })
        let writes = try String(contentsOfFile: "\(bench.folder)/writes.jsonl", encoding: .utf8)
        #expect(!writes.contains("\"closed\":false"), "somebody was cut")
        #expect(try bench.platform("gateways").first?["faults"] == .integer(0))
        bench.end(daemon, platform, simulator)
    }

    @Test(
        "a full disk: polling, breakers and console go on, after a kill too; recharges wait and say why",
        .enabled(if: SmallDisk.isAvailable, "needs the right to mount a file system in memory"))
    func full() throws {
        let bench = try Bench()
        let disk = try SmallDisk(at: "\(bench.folder)/disk", megabytes: 32)
        try survives(bench, killed: true, worse: { try disk.fill() }, better: { try disk.empty() })
    }

    @Test(
        "a start on a read-only file system says where, what, and what to do",
        .enabled(if: SmallDisk.isAvailable, "needs the right to mount a file system in memory"))
    func readOnlyStart() throws {
        let bench = try Bench()
        let disk = try SmallDisk(at: "\(bench.folder)/disk", megabytes: 32)
        let simulator = try bench.startSimulator()
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1", data: "disk/data"))
        let first = try bench.startDaemon()
        first.signal(SIGKILL)
        _ = first.finish()
        try disk.makeReadOnly()
        let (text, code) = try Program.run("meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(code == 74)
        for words in ["\(disk.path)/data", "the file system is read-only", "dmesg", "mount it writable"] {
            #expect(text.contains(words), "\(text)")
        }
        bench.end(simulator)
    }

    @Test("a disk that became read-only, as the kernel makes it after an error")
    func readOnly() throws {
        let bench = try Bench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/disk", withIntermediateDirectories: true)
        let disk = try failingDisk(bench, under: "/disk/data/")
        try survives(
            bench, environment: disk, worse: { try bench.write("how", "readonly") },
            better: { try FileManager.default.removeItem(atPath: "\(bench.folder)/how") })
    }

    /// What makes a program see a disk that fails as the bench's file `how` says.
    private func failingDisk(_ bench: Bench, under path: String) throws -> [String: String] {
        let library = "\(bench.folder)/failing_disk.so"
        let source = "\(Bench.root.path)/Tests/BlackBoxTests/Fixtures/failing_disk.c"
        let made = try Program(at: "/usr/bin/env", ["clang", "-O1", "-shared", "-fPIC", "-o", library, source]).finish()
        try #require(made.code == 0, "\(made.text)")
        return ["LD_PRELOAD": library, "FAILING_DISK": path, "FAILING_DISK_HOW": "\(bench.folder)/how"]
    }

    /// The codes of the events in the ledger, in order.
    private func events(_ bench: Bench) throws -> [String] {
        let socket = "\(bench.folder)/data.sock"
        let (text, _) = try Program.run("meterkeep", ["ledger", "export", "--all", "--socket", socket])
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            return fields.firstIndex(of: "event").map { String(fields[$0 + 2]) }
        }
    }

    @Test("after a kill the daemon starts though readings cannot be written, and writes them once they can be")
    func startsWithoutReadings() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let first = try bench.startDaemon()
        try bench.install()
        func through() throws -> Int64 { try bench.platform("gateways").first?["telemetry_through"]?.integer ?? 0 }
        try bench.until("readings are upstream") { try through() > 5 }
        first.signal(SIGKILL)
        _ = first.finish()
        try bench.write("how", "full")
        let daemon = try Program(
            "meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"],
            environment: try failingDisk(bench, under: "telemetry.db"))
        try daemon.waitFor("] ready")
        #expect(try bench.status("telemetry_problem")?.string?.contains("telemetry.db") == true)
        try bench.sell("1", to: "1", id: "r-1")
        try bench.until("r-1 is in the ledger") { try bench.isApplied("r-1") }
        try runsOn(bench)
        let before = try through()
        try FileManager.default.removeItem(atPath: "\(bench.folder)/how")
        try bench.until("readings are written again", within: 60) { try bench.status("telemetry_problem") == .null }
        try bench.until("they go on upstream") { try through() > before + 10 }
        #expect(try bench.platform("gateways").first?["faults"] == .integer(0))
        bench.end(daemon, platform, simulator)
    }

    @Test("damaged readings are moved aside while the daemon runs, and a new file is begun with its next start")
    func damagedTelemetry() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let first = try bench.startDaemon()
        try bench.install()
        try bench.until("readings are upstream") {
            try (bench.platform("gateways").first?["telemetry_through"]?.integer ?? 0) > 5
        }
        bench.end(first)
        let daemon = try Program(
            "meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"],
            environment: try failingDisk(bench, under: "telemetry.db"))
        try daemon.waitFor("] ready")
        // It looks at the whole file when it opens it again.
        try bench.write("how", "sync")
        try bench.until("the failure is shown") { try bench.status("telemetry_problem") != .null }
        let path = "\(bench.folder)/data/telemetry.db"
        let file = try FileHandle(forUpdating: URL(filePath: path))
        let size = try file.seekToEnd()
        try file.seek(toOffset: 1024)
        try file.write(contentsOf: Data(repeating: 0x5A, count: Int(size) - 1024))
        try file.close()
        let (text, code) = daemon.finish()
        #expect(code == 70, "\(text)")
        let again = try bench.startDaemon()
        #expect(try bench.status("telemetry_problem") == .null)
        #expect(try events(bench).contains("database_moved_aside"))
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(bench.folder)/data")
        #expect(names.contains { $0.hasPrefix("telemetry.db.damaged-") })
        try bench.until("readings go on upstream, with a new epoch") {
            try Set(bench.platform("gateways").compactMap { $0["epoch"]?.string }).count > 0
                && bench.status("uplink", "telemetry_queued")?.integer ?? .max < 10
        }
        #expect(try bench.platform("gateways").first?["faults"] == .integer(0))
        bench.end(again, platform, simulator)
    }

    @Test("a sync that fails: the daemon ends at once, and the next one finds everything that was acknowledged")
    func failingSync() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let daemon = try Program(
            "meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"],
            environment: try failingDisk(bench, under: "ledger.db"))
        try daemon.waitFor("] ready")
        try bench.install()
        try bench.sell("1", to: "1", id: "r-1")
        try bench.until("r-1 is in the ledger") { try bench.isApplied("r-1") }
        try bench.write("how", "sync")
        try bench.sell("1", to: "1", id: "r-2")
        let (text, code) = daemon.finish()
        #expect(code == 70, "\(text)")
        // As its supervisor would, on a disk that is well again.
        try FileManager.default.removeItem(atPath: "\(bench.folder)/how")
        let again = try bench.startDaemon()
        try bench.until("r-2 is in the ledger") { try bench.isApplied("r-2") }
        try bench.until("the platform has both, once each") {
            try bench.platform("ledger", "G-1", "A-1").compactMap { $0["posting"]?.object?["command"]?.string }
                == ["r-1", "r-2"]
        }
        #expect(try bench.ask("ledger", "verify").object?["sound"] == .boolean(true))
        bench.end(again, platform, simulator)
    }

    @Test("a sync of the readings' file that fails: it is shown, everything else goes on, and it mends by itself")
    func failingTelemetrySync() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform()
        let daemon = try Program(
            "meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"],
            environment: try failingDisk(bench, under: "telemetry.db"))
        try daemon.waitFor("] ready")
        try bench.install()
        func through() throws -> Int64 { try bench.platform("gateways").first?["telemetry_through"]?.integer ?? 0 }
        try bench.until("readings are upstream") { try through() > 5 }
        #expect(try bench.status("telemetry_problem") == .null)

        try bench.write("how", "sync")
        try bench.until("the failure is shown") {
            try bench.status("telemetry_problem")?.string?.contains("telemetry.db") == true
        }
        #expect(try bench.ask("status").object?["ledger_usable"] == .boolean(true))
        try bench.sell("1", to: "1", id: "r-1")
        try bench.until("r-1 is in the ledger") { try bench.isApplied("r-1") }
        try runsOn(bench)

        try FileManager.default.removeItem(atPath: "\(bench.folder)/how")
        try bench.until("readings are written again", within: 60) { try bench.status("telemetry_problem") == .null }
        let before = try through()
        try bench.until("they go on upstream") { try through() > before + 10 }
        #expect(
            try events(bench).filter { $0.hasPrefix("telemetry_") } == ["telemetry_unusable", "telemetry_usable_again"])
        #expect(try bench.platform("gateways").first?["faults"] == .integer(0))
        bench.end(daemon, platform, simulator)
    }
}
