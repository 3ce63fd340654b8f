import Foundation
import Testing
import UplinkProtocol

@Suite("A box is enrolled and stays so", .serialized, .timeLimit(.minutes(5)))
struct EnrolmentTests {
    @Test("a pairing code, a wrong one, the daemon that talks with the certificate and renews it")
    func enrolled() throws {
        let bench = try Bench()
        let simulator = try bench.startSimulator()
        // Certificates that say to be old are renewed at once.
        let platform = try bench.startEnrollingPlatform("--certificate-seconds", "86400", "--certificate-age", "864000")
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1"))
        let code = try bench.pair("G-1")
        func enrol(_ code: String) throws -> (text: String, code: Int32) {
            try Program.run(
                "meterkeep",
                [
                    "enrol", "--platform", "https://localhost:\(try bench.port("enrol-port"))", "--code", code,
                    "--config",
                    "\(bench.folder)/gateway.yaml",
                ])
        }
        let mistyped = try enrol(String(code.dropLast()) + (code.hasSuffix("0") ? "1" : "0"))
        #expect(mistyped.code == 65 && mistyped.text.contains("typing mistake"), "\(mistyped.text)")
        let enrolled = try enrol(code)
        #expect(enrolled.code == 0 && enrolled.text.contains("G-1 is enrolled"), "\(enrolled.text)")
        #expect(enrolled.text.contains("url: https://localhost:"))
        let again = try enrol(code)
        #expect(again.code == 65 && again.text.contains("used_code"), "\(again.text)")

        // What is printed is all that the configuration needs.
        try bench.write(
            "gateway.yaml",
            bench.configuration(
                port: "\(bench.folder)/bus1", extra: "uplink:\n  url: https://localhost:\(try bench.port("port"))"))
        let daemon = try bench.startDaemon()
        try bench.until("the uplink is up and the certificate renewed") {
            try bench.ask("status").object?["uplink"]?.object?["condition"] == .string("up")
                && FileManager.default.destinationOfSymbolicLink(atPath: "\(bench.folder)/data/identity/current") == "2"
        }
        try bench.until("the ledger says so") {
            let export = try Program.run(
                "meterkeep", ["ledger", "export", "--all", "--socket", "\(bench.folder)/data.sock"])
            return export.text.contains("certificate_renewed")
        }
        daemon.signal(SIGTERM)
        #expect(daemon.finish().code == 0)
        bench.end(platform, simulator)
    }
}
