import Foundation
import Testing
import UplinkProtocol

@Suite("A ledger with damage that opening it does not show", .serialized)
struct LedgerDamageTests {
    @Test("the daemon ends with 70 and notes it; the next one begins anew from what can be read, and holds all money")
    func oldRecord() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let sheet = try bench.write(
            "site.csv", "meter,bus,unit,profile,rated_watts\nM-1,bus1,1,acrel-ddsy1352-block,13800\n")
        // More records than are looked at when a ledger is opened: one and its command each.
        let commands = (1000..<1130).map { number in
            """
            {"id":"early-\(number)","kind":"expected_settings","expected_settings":\
            {"meters":["M-1"],"settings":{"ct_ratio":"\(number)"}}}
            """
        }
        let file = try bench.write("commands.json", "[\(commands.joined(separator: ","))]")
        let first = try bench.startDaemon()
        for command in [["import", sheet], ["execute", file]] {
            let (text, code) = try Program.run("meterkeep", command + ["--socket", "\(bench.folder)/data.sock"])
            #expect(code == 0, "\(text.suffix(300))")
        }
        first.signal(SIGTERM)
        #expect(first.finish().code == 0)
        try change("early-1000", to: "early-100X", in: "\(bench.folder)/data/ledger.db")

        // Nothing is to be committed: the proof of the chain that follows a start finds it.
        let (text, code) = try Program.run("meterkeep", ["daemon", "--config", "\(bench.folder)/gateway.yaml"])
        #expect(code == 70 && text.contains("the ledger is not sound"), "\(text)")
        let third = try bench.startDaemon()
        #expect(try bench.ask("status").object?["ledger_held"]?.string?.hasPrefix("rebuilt") == true)
        third.signal(SIGTERM)
        #expect(third.finish().code == 0)
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
