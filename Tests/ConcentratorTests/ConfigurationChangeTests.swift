import Foundation
import Metering
import Testing

@testable import Concentrator

private let text = """
    gateway: SITE-1
    time_zone: Asia/Shanghai
    buses:
      - { id: bus1, port: /dev/ttyS1, baud: 9600, format: 8N1 }
      - { id: bus2, port: /dev/ttyS2, baud: 9600, format: 8E1 }
    poll: { stale_seconds: 60 }
    breakers: { closing_gap_ms: 500 }
    telemetry: { commit_seconds: 10 }
    uplink: { url: "https://platform.example", authority: ca.pem, certificate: g.pem, key: g.key }
    metrics: { port: 9464 }
    """

@Suite("What another configuration changes in a running gateway")
struct ConfigurationChangeTests {
    private func change(_ old: String, _ new: String) throws -> ConfigurationChange {
        let before = try GatewayConfiguration(file: "/etc/gateway.yaml", text: text)
        let after = try GatewayConfiguration(
            file: "/etc/gateway.yaml", text: text.replacing(old, with: new))
        return ConfigurationChange(from: before, to: after)
    }

    @Test(
        "what a running gateway takes, and what it does not",
        arguments: [
            ("gateway: SITE-1", "gateway: SITE-1", [], []),
            ("stale_seconds: 60", "stale_seconds: 90", ["poll"], []),
            ("stale_seconds: 60", "stale_seconds: 90, fast_ms: 500", ["poll"], []),
            ("closing_gap_ms: 500", "closing_gap_ms: 900", ["breakers"], []),
            ("commit_seconds: 10", "commit_seconds: 20, interval_seconds: 60", ["telemetry"], []),
            ("platform.example", "other.example", ["uplink"], []),
            ("poll: {", "supply: { nominal_volts: 120 }\npoll: {", ["supply"], []),
            ("poll: {", "commands: { largest_amount: \"5\" }\npoll: {", ["commands"], []),
            ("poll: {", "meter_settings: { keep_clocks: false }\npoll: {", ["meter_settings"], []),
            ("poll: {", "profiles: /other\npoll: {", ["profiles"], []),
            ("poll: {", "mqtt: { host: localhost }\npoll: {", ["mqtt"], []),
            ("SITE-1", "SITE-2", ["gateway"], ["gateway"]),
            ("Asia/Shanghai", "Europe/Berlin", ["time_zone"], ["time_zone"]),
            ("poll: {", "data: /other\nsocket: /other.sock\npoll: {", ["data", "socket"], ["data", "socket"]),
            ("port: 9464", "port: 9465", ["metrics"], ["metrics"]),
            ("poll: {", "clock: assumed\npoll: {", ["clock"], ["clock"]),
        ] as [(String, String, [String], [String])])
    func keys(old: String, new: String, keys: [String], needingRestart: [String]) throws {
        let change = try change(old, new)
        #expect(change.keys == keys)
        #expect(change.needingRestart == needingRestart)
    }

    @Test("only the buses whose entries are other ones are ended and begun")
    func buses() throws {
        let faster = try change("/dev/ttyS2, baud: 9600", "/dev/ttyS2, baud: 19200")
        #expect(faster.endingBuses.map(\.rawValue) == ["bus2"])
        #expect(faster.startingBuses.map(\.id.rawValue) == ["bus2"])
        let fewer = try change("  - { id: bus1, port: /dev/ttyS1, baud: 9600, format: 8N1 }\n", "")
        #expect(fewer.endingBuses.map(\.rawValue) == ["bus1"])
        #expect(fewer.startingBuses.isEmpty)
        let more = try change(
            "poll: {", "  - { id: bus3, port: /dev/ttyS3, baud: 9600, format: 8N1 }\npoll: {")
        #expect(more.endingBuses.isEmpty)
        #expect(more.startingBuses.map(\.port) == ["/dev/ttyS3"])
        #expect(more.keys == ["buses"] && more.needingRestart.isEmpty)
    }

    @Test("certificates that are replaced under the same path change what uses them", arguments: ["pull", "mqtt"])
    func files(key: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "change-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let consumers = key == "pull" ? ", consumers: [{ name: billing, certificate: billing.pem }]" : ", host: b"
        let section = "\(key): { authority: ca.pem, certificate: own.pem, key: own.key\(consumers) }\n"
        let configuration = try GatewayConfiguration(
            file: folder.appending(path: "gateway.yaml").path, text: section + text)
        for name in ["ca.pem", "own.pem", "own.key"] + (key == "pull" ? ["billing.pem"] : []) {
            let before = ConsumerFiles(configuration)
            try Data("new".utf8).write(to: folder.appending(path: name))
            let files = (before, ConsumerFiles(configuration))
            let change = ConfigurationChange(from: configuration, to: configuration, files: files)
            #expect(change.keys == [key] && change.needingRestart.isEmpty, "\(name)")
            #expect(change.changesPull == (key == "pull") && change.changesBroker == (key == "mqtt"))
        }
        #expect(ConfigurationChange(from: configuration, to: configuration).keys.isEmpty)
    }
}
