import BusSurvey
import Commissioning
import ConfigurationReader
import Foundation
import MeterProfiles
import Metering
import Testing

private func plan() throws -> SitePlan {
    let bus = try #require(BusID(rawValue: "bus1"))
    var plan = SitePlan(gateway: "SITE-{serial}")
    plan.timeZone = "Asia/Shanghai"
    plan.buses = [
        SitePlan.Bus(
            id: bus, port: "/dev/serial/by-path/platform-usb-0:1.1:1.0-port0",
            serial: SerialFormat(baud: 19200, parity: .even, stopBits: 1), scan: "1-32,100"),
        SitePlan.Bus(id: try #require(BusID(rawValue: "bus2")), port: "auto"),
    ]
    plan.uplink = SitePlan.Uplink(url: "https://platform.example:8443", minimumTLS: "1.2")
    plan.customers = ["price": "0.6180", "alarm_1": "10", "alarm_2": "5", "rated_watts": "9000"]
    plan.devices = [
        SitePlan.Device(
            name: try #require(MeterID(rawValue: "M-2")), bus: bus, unit: 2, profile: "eastron-sdm120",
            columns: ["account": "A-1", "breaker_bus": "bus1", "breaker_unit": "100", "breaker_point": "1"]),
        SitePlan.Device(
            name: try #require(MeterID(rawValue: "M-1")), bus: bus, unit: 1, profile: "acrel-ddsy1352-block",
            columns: ["account": "A-1", "customer": "C-1 \"a\\b\""]),
        SitePlan.Device(name: try #require(MeterID(rawValue: "M-9")), bus: bus, unit: 9, profile: nil),
    ]
    plan.more = "poll: { fast_ms: 500 }\n# all: \"as it is\"\n"
    return plan
}

@Suite("A site file")
struct SitePlanTests {
    @Test("the shipped example is a good one, and names every key")
    func example() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "etc/site.example.yaml").path
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let plan = try SitePlan(file: path, text: text)
        #expect(plan.devices.map(\.name.rawValue) == ["M-101", "M-102", "R-1"])
        #expect(
            plan.importFile.contains(
                "M-102,bus1,2,eastron-sdm120,,A-102,C-1002,office,0.6180,10,5,,2000,,13800,,,bus1,100,1"))
        for key in SitePlan.keys { #expect(text.contains("\(key):"), "\(key) is not explained") }
    }

    @Test("auto ports are given in order; a scan fills in what the file leaves open")
    func merging() throws {
        let bus = try #require(BusID(rawValue: "bus1"))
        var plan = try SitePlan(
            file: "site.yaml",
            text: """
                gateway: G
                buses: [{ id: bus1, port: auto, scan: "1-5" }, { id: bus2, port: /dev/b }, { id: bus3, port: auto }]
                devices: [{ name: A, unit: 1 }, { name: B, unit: 2, profile: y }, { name: C, unit: 3 }]
                """)
        try plan.assignPorts(["/dev/a", "/dev/b", "/dev/c"])
        #expect(plan.buses.map(\.port) == ["/dev/a", "/dev/b", "/dev/c"])
        var short = plan
        short.buses[0].port = "auto"
        #expect(throws: SetupProblem.self) { try short.assignPorts(["/dev/b"]) }
        var evidence = AddressEvidence()
        evidence.take(.values([0]), answeredTwice: false)
        let fast = SerialFormat(baud: 19200, parity: .even, stopBits: 1)
        let slow = SerialFormat(baud: 2400, parity: .even, stopBits: 1)
        let found: [(UInt8, SerialFormat, ModelGuess)] = [
            (1, fast, .identified("x")), (2, fast, .identified("x")), (4, fast, .plausible(["x", "y"])),
            (5, slow, .identified("x")),
        ]
        let news = plan.merge(
            found.map { FoundDevice(serial: $0.1, unit: $0.0, model: $0.2, evidence: evidence) }, on: bus, profiles: [])
        #expect(plan.buses[0].serial == fast)
        #expect(plan.devices.map { "\($0.name) \($0.profile ?? "-")" } == ["A x", "B y", "C -", "M-bus1-4 -"])
        #expect(
            news.map { $0.prefix(22) } == [
                "unit 2 answers as x, t", "unit 4 is not in the f", "unit 5 answers at 2400", "C (unit 3) does not an",
            ], "\(news)")
    }

    @Test("what is written is read back as it was")
    func roundTrip() throws {
        let plan = try plan()
        #expect(try SitePlan(file: "site.yaml", text: plan.siteFile) == plan)
    }

    @Test("an account is described where it stands first, in the order of the addresses; an unknown model is a comment")
    func importFile() throws {
        let lines = try plan().importFile.split(separator: "\n").map(String.init)
        #expect(lines[2] == #"M-1,bus1,1,acrel-ddsy1352-block,,A-1,C-1 "a\b",,0.6180,10,5,,,,9000,,,,,"#)
        #expect(lines[3] == "M-2,bus1,2,eastron-sdm120,,A-1,,,,,,,,,9000,,,bus1,100,1")
        #expect(lines[4] == "# its model is not known: #M-9,bus1,9,,,,,,,,,,,,9000,,,,,")
    }

    @Test("the configuration has the platform as a comment until the certificates are there")
    func configuration() throws {
        let name = try #require(GatewayID(rawValue: "SITE-7"))
        let enrolled = try plan().configuration(name: name, isEnrolled: true)
        #expect(enrolled.contains("gateway: SITE-7\n") && enrolled.contains("\nuplink:\n  url: "))
        #expect(enrolled.contains("baud: 19200, format: 8E1") && enrolled.contains("poll: { fast_ms: 500 }"))
        let before = try plan().configuration(name: name, isEnrolled: false)
        #expect(before.contains("\n# uplink:\n#   url: ") && !before.contains("\nuplink:"))
    }

    @Test(
        "names come of patterns; what a box does not know is said",
        arguments: [
            ("SITE-1", "SITE-1"), ("S-{serial}", "S-00-0A"), ("{host}.{mac}", "box.b827eb112233"),
            ("{serial}{serial}", "00-0A00-0A"), ("a b", "is no name"), ("", "is no name"),
        ])
    func names(_ pattern: String, _ expected: String) {
        let identity = BoxIdentity(serial: "00/0A", host: "box", mac: "b827eb112233")
        do { #expect(try identity.name(from: pattern).rawValue == expected) } catch {
            #expect(error.description.contains(expected))
        }
        #expect(throws: SetupProblem.self) { try BoxIdentity().name(from: "S-{serial}") }
    }

    @Test(
        "every mistake is told with its line and its remedy",
        arguments: [
            ("gateway: G\n", "there is no bus"),
            ("gateway: G\nbuses:\n  - { id: b1 }\n  - { id: b1 }\n", "is there twice"),
            ("gateway: G\nbuses:\n  - { id: b1, baud: 9601, format: 8N1 }\n", "site.yaml:3: 9601 baud"),
            ("gateway: G\nbusses: []\n", "buses"),
            ("gateway: G\nbuses: [{ id: b1 }]\ndevices:\n  - { name: M, bus: b2, unit: 1 }\n", "not in this file"),
            ("gateway: G\nbuses: [{ id: b1 }]\ndevices:\n  - { name: M, unit: 248 }\n", "out of range"),
            ("gateway: G\nbuses: [{ id: b1 }]\ncustomers: { price: \"1,5\" }\n", "commas"),
        ])
    func mistakes(_ text: String, _ words: String) {
        do {
            _ = try SitePlan(file: "site.yaml", text: text)
            Issue.record("it was taken")
        } catch { #expect(error.description.contains(words), "\(error)") }
    }
}
