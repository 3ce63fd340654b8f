import Foundation
import Testing
import UplinkProtocol

@Suite("A backup", .serialized)
struct BackupTests {
    private static let sheet = """
        meter,bus,unit,profile,account,customer,issuer,price,rated_watts,opening_balance
        M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,office,0.6180,13800,50

        """

    @Test("is written by whoever asks for it, for nobody else's eyes; restored, it has the balances")
    func backup() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let daemon = try bench.startDaemon()
        let socket = ["--socket", "\(bench.folder)/data.sock"]
        let sheet = try bench.write("site.csv", Self.sheet)
        #expect(try Program.run("meterkeep", ["import", sheet] + socket).code == 0)
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/usb", withIntermediateDirectories: true)
        let file = "\(bench.folder)/usb/ledger.db"
        let (said, code) = try Program.run("meterkeep", ["backup", file] + socket)
        #expect(code == 0 && said.contains("the ledger is in \(file)"), "\(said)")
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(bench.folder)/usb") == ["ledger.db"])
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(bench.folder)/data")
        #expect(left.allSatisfy { !$0.contains("backup") }, "\(left)")
        // Where the caller cannot write it is the caller who is told, and no daemon is asked to try.
        let refused = try Program.run("meterkeep", ["backup", "\(bench.folder)/nowhere/ledger.db"] + socket)
        #expect(refused.code == 74 && refused.text.contains("nowhere/ledger.db cannot be written"), "\(refused.text)")
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        simulator.signal(SIGTERM)
        _ = simulator.finish()
        let restore = ["restore", file, "--discard-later", "--config", "\(bench.folder)/gateway.yaml"]
        let restored = try Program.run("meterkeep", restore)
        #expect(restored.code == 0 && restored.text.contains("1 accounts restored"), "\(restored.text)")
    }
}
