import Foundation
import Testing
import UplinkProtocol

@Suite("A ledger with damage that the end of its chain does not show", .serialized)
struct LedgerDamageTests {
    private static let header =
        "meter,bus,unit,profile,account,customer,issuer,price,rated_watts,opening_balance,overload_watts"

    @Test(
        "the daemon ends with 70 and notes it; the next start begins anew from what can be read, and holds all money",
        // The chain is proved soon after the start; settings are read before it.
        arguments: [("KUNDE-1234", "KUNDE-1235"), ("3217000", "3218000")])
    func rowChanged(old: String, new: String) throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let file = try bench.write(
            "site.csv", "\(Self.header)\nM-1,bus1,1,acrel-ddsy1352-block,A-1,KUNDE-1234,office,0.6180,13800,50,3217\n")
        let first = try bench.startDaemon()
        #expect(try Program.run("meterkeep", ["import", file, "--socket", "\(bench.folder)/data.sock"]).code == 0)
        first.signal(SIGTERM)
        #expect(first.finish().code == 0)
        try change(old, to: new, in: "\(bench.folder)/data/ledger.db")
        let second = try Program.run("meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(second.code == 70, "\(second.text)")
        let third = try bench.startDaemon()
        #expect(try bench.ask("status").object?["ledger_held"]?.string?.hasPrefix("rebuilt") == true)
        third.signal(SIGTERM)
        let (text, code) = third.finish()
        #expect(code == 0, "\(text)")
        simulator.signal(SIGTERM)
        _ = simulator.finish()
    }

    /// As bits that fell over in the flash: the file stays one that SQLite reads.
    private func change(_ old: String, to new: String, in path: String) throws {
        var content = try Data(contentsOf: URL(filePath: path))
        var place = content.range(of: Data(old.utf8))
        #expect(place != nil)
        while let range = place {
            content.replaceSubrange(range, with: Data(new.utf8))
            place = content.range(of: Data(old.utf8), in: range.upperBound..<content.endIndex)
        }
        try content.write(to: URL(filePath: path))
    }
}
