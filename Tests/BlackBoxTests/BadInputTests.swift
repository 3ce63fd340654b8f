import Foundation
import Testing
import UplinkProtocol

/// What an installer gets wrong: each message says where, what, and what to do; nothing is started.
@Suite("The real daemon and bad input", .serialized)
struct BadInputTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private func daemon(_ file: String, check: Bool = false) throws -> (text: String, code: Int32) {
        let flags = check ? ["--check"] : []
        return try Program.run(
            "meterkeep", ["daemon", "--log-level", "error", "--config", "\(bench.folder)/\(file)"] + flags)
    }

    struct Sample: Sendable, CustomTestStringConvertible {
        let old: String
        let new: String
        let says: String
        let code: Int32
        var testDescription: String { says }
    }

    static let samples: [Sample] = [
        Sample(
            old: "gateway:", new: "gatewy:",
            says: "gateway.yaml:1: the key 'gatewy' is unknown; did you mean 'gateway'?", code: 78),
        Sample(old: "buses:", new: "buses: [", says: "this is not YAML", code: 78),
        Sample(
            old: "baud: 115200", new: "baud: 9601", says: "9601 baud is not a rate of RS485 meters; write one of",
            code: 78),
        Sample(
            old: "etc/profiles", new: "etc/nothing", says: "the folder of profiles cannot be read; correct 'profiles'",
            code: 78),
        Sample(
            old: "clock: assumed", new: "time_zone: Mars/Olympus",
            says: "the time zone 'Mars/Olympus' is unknown; write an IANA name", code: 78),
        Sample(
            old: "telemetry:",
            new:
                "uplink: { url: \"https://localhost:1\", authority: ca.pem, certificate: g.pem, key: g.key }\ntelemetry:",
            says: "/ca.pem: is missing or may not be read; correct the path under 'uplink'", code: 78),
        Sample(
            old: "telemetry:", new: "uplink: { url: \"http://x\", authority: a, certificate: b, key: c }\ntelemetry:",
            says: "'http://x' is no HTTPS address; write it like https://", code: 78),
        Sample(
            old: "port: /dev/ttyNOWHERE", new: "port: /dev/null, baud: 9600",
            says: "the key 'baud' is given twice; keep one", code: 78),
        Sample(old: "", new: "", says: "bus bus1: port /dev/ttyNOWHERE does not exist; plug the adapter in", code: 74),
    ]

    @Test("a message with where, what and what to do, the right exit code, and nothing made", arguments: samples)
    func message(sample: Sample) throws {
        let text =
            sample.old.isEmpty ? bench.configuration() : bench.configuration().replacing(sample.old, with: sample.new)
        try bench.write("gateway.yaml", text)
        let (said, code) = try daemon("gateway.yaml")
        #expect(said.contains(sample.says), "\(said)")
        #expect(code == sample.code)
        #expect(bench.contents == ["gateway.yaml"])
    }

    /// Where the local API cannot listen. The port exists, so that nothing else is wrong.
    @Test(
        "a socket that cannot be there, and nothing made or removed",
        arguments: [
            ("socket: run/keep.sock", "/run of the socket does not exist; create it, or correct 'socket'", 74),
            ("socket: gateway.yaml", "/gateway.yaml is there already and is no socket; correct 'socket'", 78),
            ("socket: /tmp/\(String(repeating: "x", count: 120))", "has 125 bytes in its path; keep it to 107", 78),
        ] as [(String, String, Int32)])
    func socketPlace(line: String, says: String, code: Int32) throws {
        let text = bench.configuration(port: "/dev/null").replacing("socket: data.sock", with: line)
        try bench.write("gateway.yaml", text)
        for check in [true, false] {
            let said = try daemon("gateway.yaml", check: check)
            #expect(said.text.contains(says), "\(said.text)")
            #expect(said.code == code)
            #expect(bench.contents == ["gateway.yaml"])
        }
        #expect(try String(contentsOfFile: "\(bench.folder)/gateway.yaml", encoding: .utf8) == text)
    }

    @Test("--check finds the same and opens nothing")
    func check() throws {
        let (said, code) = try daemon("gateway.yaml", check: true)
        #expect(said.contains("port /dev/ttyNOWHERE does not exist"))
        #expect(code == 74)
        #expect(bench.contents == ["gateway.yaml"])
    }

    @Test("a second daemon, a taken port, a bad import: each is refused, and the first goes on")
    func taken() throws {
        let simulator = try bench.startSimulator()
        _ = try Program.run("meterkeep-platform", ["make-certificates", "\(bench.folder)/tls", "--gateway", "G-1"])
        let uplink = """
            uplink: { url: "https://localhost:1", authority: tls/ca.pem, certificate: tls/G-1.pem, key: tls/G-1.key }
            """
        try bench.write("gateway.yaml", bench.configuration(port: "\(bench.folder)/bus1", extra: uplink))
        let first = try bench.startDaemon()
        let second = try daemon("gateway.yaml")
        #expect(second.text.contains("/data is in use by process"), "\(second.text)")
        #expect(second.code == 75)
        try bench.write("other.yaml", bench.configuration(port: "\(bench.folder)/bus1", data: "other", extra: uplink))
        let busy = try daemon("other.yaml")
        #expect(busy.text.contains("/bus1 is in use by another program; stop it"), "\(busy.text)")
        #expect(busy.code == 74)
        let third = bench.configuration(port: "\(bench.folder)/bus1", data: "third")
        try bench.write("third.yaml", third.replacing("third.sock", with: "data.sock"))
        let listening = try daemon("third.yaml")
        #expect(listening.text.contains("another program listens at \(bench.folder)/data.sock; stop it"))
        #expect(listening.code == 75)
        #expect(!bench.contents.contains("third"))
        let file = try bench.write(
            "bad.csv",
            """
            meter,bus,unit,profile,account,customer,price
            M-1,bus1,1,acrel-ddsy1352-block,A-1,C-1,0.5
            M-2,bus1,1,acrel-ddsy1352-block,A-2,C-2,0.5
            M-3,bus1,3,acrel-ddsy1532,A-3,C-3,0.5
            """)
        let refused = try Program.run("meterkeep", ["import", file, "--socket", "\(bench.folder)/data.sock"])
        #expect(refused.code == 65)
        #expect(refused.text.contains("bad.csv:3: unit 1 of bus bus1 is taken in line 2"), "\(refused.text)")
        #expect(
            refused.text.contains("bad.csv:4: the profile 'acrel-ddsy1532' is unknown; did you mean 'acrel-ddsy1352'?"))
        #expect(try bench.ask("status").object?["circuits"]?.integer == 0)
        first.signal(SIGTERM)
        #expect(first.finish().code == 0)
        simulator.signal(SIGTERM)
        #expect(simulator.finish().code == 0)
    }

    @Test(
        "a band of power beyond any circuit is refused, whichever end it is",
        arguments: ["9223372036854775807-5", "5-9223372036854775807"])
    func band(text: String) throws {
        let recording = try bench.write("power.csv", "time_s,active_power_w\n0,100\n")
        let (said, code) = try Program.run("meterkeep", ["replay", recording, "--band", text])
        #expect(code == 64 && said.contains("'\(text)' is no band of power; write it like 200-12000"), "\(said)")
    }
}
