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
        #expect(try bench.circuit("M-1")["breaker"] == .string("closed"))
        #expect(try bench.circuit("M-2")["breaker"] == .string("closed"))
    }

    private func openings(_ bench: Bench) throws -> Int {
        try String(contentsOfFile: "\(bench.folder)/writes.jsonl", encoding: .utf8)
            .components(separatedBy: "\"closed\":false").count - 1
    }

    /// A disk that takes nothing: money waits, everything else goes on; what was sold comes when it is well again.
    private func survives(
        _ bench: Bench, environment: [String: String] = [:], worse: () throws -> Void, better: () throws -> Void
    ) throws {
        let simulator = try bench.startSimulator()
        let platform = try bench.startPlatform(data: "disk/data")
        // The socket is not on the disk that is in trouble.
        let text = try String(contentsOfFile: "\(bench.folder)/gateway.yaml", encoding: .utf8)
        try bench.write(
            "gateway.yaml", text.replacingOccurrences(of: "socket: disk/data.sock", with: "socket: data.sock"))
        let daemon = try Program(
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

        try better()
        try bench.until("the last sale is in the ledger") { try bench.isApplied("r-\(sold)") }
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
        "a full disk: polling, breakers and console go on, recharges wait and say why",
        .enabled(if: SmallDisk.isAvailable, "needs the right to mount a file system in memory"))
    func full() throws {
        let bench = try Bench()
        let disk = try SmallDisk(at: "\(bench.folder)/disk", megabytes: 32)
        try survives(bench, worse: { try disk.fill() }, better: { try disk.empty() })
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
}
