import Concentrator
import ConfigurationReader
import Foundation
import Testing
import UplinkHTTP

private let good = """
    gateway: SITE-1
    time_zone: Asia/Shanghai
    buses:
      - { id: bus1, port: /dev/ttyS1, baud: 9600, format: 8N1 }
      - { id: bus2, port: /dev/ttyS2, baud: 9600, format: 8E1 }
    poll: { fast_ms: 1000, normal_ms: 5000, slow_ms: 60000, stale_seconds: 60 }
    telemetry: { commit_seconds: 10 }
    uplink: { url: "https://platform.example", authority: ca.pem, certificate: g.pem, key: g.key }
    """

@Suite("What is wrong with gateway.yaml is said with line and remedy")
struct GatewayConfigurationTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let change: (String, String)
        let message: String
        var testDescription: String { message }
        init(_ old: String, _ new: String, _ message: String) {
            change = (old, new)
            self.message = message
        }
    }

    static let samples: [Sample] = [
        Sample(
            "time_zone: Asia", "timezone: Asia",
            "gateway.yaml:2: the key 'timezone' is unknown; did you mean 'time_zone'?"),
        Sample(
            "commit_seconds: 10", "commit_sec: 10",
            "gateway.yaml:7: the key 'telemetry.commit_sec' is unknown; use one of commit_seconds, interval_seconds"),
        Sample("gateway: SITE-1\n", "", "gateway.yaml:1: the key 'gateway' is missing; add 'gateway: ...'"),
        Sample(
            "gateway: SITE-1", "gateway: Site 1",
            "gateway.yaml:1: gateway 'Site 1' is no name; write 1 to 40 characters of A-Z a-z 0-9 . _ -"),
        Sample(
            "gateway: SITE-1", "gateway: [SITE-1]", "gateway.yaml:1: gateway is not a single value; write one value"),
        Sample(
            "gateway: SITE-1", "gateway: SITE-1\ngateway: SITE-2",
            "gateway.yaml:1: the key 'gateway' is given twice; keep one"),
        Sample(
            "Asia/Shanghai", "Asia/Shangai",
            "gateway.yaml:2: the time zone 'Asia/Shangai' is unknown; write an IANA name like Asia/Shanghai"),
        Sample(
            "time_zone: Asia/Shanghai", "clock: ntp",
            "gateway.yaml:2: clock 'ntp' is unknown; write one of kernel, assumed"),
        Sample(
            "/dev/ttyS2", "/dev/ttyS1",
            "gateway.yaml:5: the port /dev/ttyS1 is that of bus 'bus1' too; give each bus its own port"),
        Sample(
            "id: bus2", "id: bus1", "gateway.yaml:5: the bus 'bus1' is there twice; give each bus a name of its own"),
        Sample(
            "9600, format: 8E1", "9601, format: 8E1",
            "gateway.yaml:5: 9601 baud is not a rate of RS485 meters; write one of 1200, 2400, 4800, 9600, 19200, "
                + "38400, 57600, 115200"),
        Sample(
            "format: 8E1", "format: 7E1",
            "gateway.yaml:5: the character format '7E1' is unknown; write one of 8N1, 8E1, 8O1, 8N2"),
        Sample(
            "port: /dev/ttyS2, ", "",
            "gateway.yaml:5: the key 'port' is missing in buses[2]; add 'port: ...'"),
        Sample(
            "fast_ms: 1000", "fast_ms: 9000",
            "gateway.yaml:6: the poll periods are not in order; write fast_ms ≤ normal_ms ≤ slow_ms"),
        Sample(
            "slow_ms: 60000", "slow_ms: 4000",
            "gateway.yaml:6: the poll periods are not in order; write fast_ms ≤ normal_ms ≤ slow_ms"),
        Sample(
            "fast_ms: 1000", "fast_ms: 1s",
            "gateway.yaml:6: poll.fast_ms '1s' is not a whole number; write one from 100 to 60000"),
        Sample(
            "commit_seconds: 10", "commit_seconds: 0",
            "gateway.yaml:7: telemetry.commit_seconds 0 is out of range; write a number from 1 to 3600"),
        Sample(
            "https://platform", "http://platform",
            "gateway.yaml:8: 'http://platform.example' is no HTTPS address; write it like "
                + "https://platform.example:8443"),
        Sample(
            "key: g.key", "key: g.key, minimum_tls: \"1.1\"",
            "gateway.yaml:8: uplink.minimum_tls '1.1' is unknown; write one of 1.2, 1.3"),
        Sample(
            ", key: g.key", "",
            "gateway.yaml:8: 'certificate' and 'key' belong together; name both, or neither to use what "
                + "'meterkeep enrol' made"),
    ]

    @Test("one thing wrong", arguments: samples)
    func oneThingWrong(sample: Sample) throws {
        let text = good.replacingOccurrences(of: sample.change.0, with: sample.change.1)
        try #require(text != good)
        #expect(throws: ConfigurationProblems.self) { try GatewayConfiguration(file: "gateway.yaml", text: text) }
        #expect(messages(of: text) == [sample.message])
    }

    @Test("all that is wrong is said at once, in the order of the reader")
    func everythingAtOnce() {
        let text = good.replacingOccurrences(of: "Asia/Shanghai", with: "Mars")
            .replacingOccurrences(of: "baud: 9600", with: "baud: 300")
            .replacingOccurrences(of: "commit_seconds: 10", with: "commit_seconds: never")
        #expect(messages(of: text).count == 4)
    }

    @Test(
        "no configuration at all",
        arguments: [
            ("", "gateway.yaml: the file is empty; start from the example in etc/"),
            ("- gateway: SITE-1", "gateway.yaml:1: the file is not a mapping; write it as 'key: value' lines"),
            (
                "gateway: SITE-1\nbuses: []",
                "gateway.yaml:2: there is no bus; add an entry '- { id: bus1, port: ..., baud: 9600, format: 8N1 }'"
            ),
            ("gateway: SITE-1", "gateway.yaml:1: the key 'buses' is missing; add 'buses: ...'"),
        ])
    func notAConfiguration(text: String, message: String) {
        #expect(messages(of: text) == [message])
    }

    @Test("nine buses are too many")
    func tooManyBuses() {
        var text = "gateway: SITE-1\nbuses:\n"
        for bus in 1...9 { text += "  - { id: bus\(bus), port: /dev/ttyS\(bus), baud: 9600, format: 8N1 }\n" }
        #expect(messages(of: text) == ["gateway.yaml:2: 9 buses are too many for one box; use at most 8"])
    }

    @Test("the shipped etc/gateway.yaml shows the defaults")
    func shippedShowsDefaults() throws {
        let bus = "{ id: bus1, port: \"/dev/serial/by-path/platform-usb-0:1.1:1.0-port0\", baud: 9600, format: 8N1 }"
        let shipped = try GatewayConfiguration(file: "/etc/gateway.yaml", text: try EtcFolder.text("gateway.yaml"))
        let least = try GatewayConfiguration(
            file: "/etc/gateway.yaml", text: "gateway: SITE-1\nbuses:\n  - \(bus)\n")
        #expect(shipped == least)
        #expect(shipped.platform == nil)
        #expect(shipped.profilesPath == "/etc/profiles")
    }

    /// The shipped file with one of its sections that are remarks made a section.
    private func shipped(with section: String) throws -> GatewayConfiguration {
        let text = try EtcFolder.text("gateway.yaml")
        let start = try #require(text.range(of: "# \(section):")).lowerBound
        let block = text[start...].prefix(
            upTo: text.range(of: "\n\n", range: start..<text.endIndex)?.lowerBound ?? text.endIndex)
        let lines = block.split(separator: "\n").map { $0.dropFirst(2) }.joined(separator: "\n")
        return try GatewayConfiguration(file: "/etc/gateway.yaml", text: text[..<start] + lines)
    }

    @Test("the sections of etc/gateway.yaml that are remarks can be used as they stand there")
    func shippedSections() throws {
        let uplink = try shipped(with: "uplink")
        let platform = try #require(uplink.platform)
        #expect(platform.url == "https://platform.example:8443")
        #expect(platform.authorityPath == "/etc/meterkeep/ca.pem")
        #expect(platform.minimumTLS == .v13)
        #expect(uplink.batchRecords == 500)
        #expect(try shipped(with: "metrics").metricsPort == 9464)
        #expect(try shipped(with: "pull").pull != nil)
        #expect(try shipped(with: "mqtt").broker != nil)
    }

    @Test("relative paths are seen from the file")
    func relativePaths() throws {
        let text = good + "\ndata: ../data\nsocket: run/keep.sock\n"
        let configuration = try GatewayConfiguration(file: "/srv/site/gateway.yaml", text: text)
        #expect(configuration.dataPath == "/srv/data")
        #expect(configuration.socketPath == "/srv/site/run/keep.sock")
        #expect(configuration.platform?.keyPath == "/srv/site/g.key")
    }

    private func messages(of text: String) -> [String] {
        do {
            _ = try GatewayConfiguration(file: "gateway.yaml", text: text)
            return []
        } catch { return error.problems.map(\.description) }
    }
}
